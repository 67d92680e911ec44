use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::survey::{State, Survey};

/// Upper bounds in seconds: a walk is milliseconds of judging, and reads of some more.
const SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What is counted of the audit. Only the replica that audits has findings; the others say 0.
#[derive(Debug)]
pub struct AuditMetrics {
    findings: Family<FindingLabels, Gauge>,
    transitions: Family<StateLabel, Gauge>,
    suppressions: Gauge,
    last_run: Gauge<f64, AtomicU64>,
    duration: Histogram,
    failures: Counter,
    leader: Gauge,
    /// What was last said, so that what is gone says 0 once more rather than nothing.
    said: Mutex<BTreeMap<FindingLabels, usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct FindingLabels {
    code: String,
    severity: &'static str,
    standing: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

impl AuditMetrics {
    /// Registers every metric of the audit.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            findings: Family::default(),
            transitions: Family::default(),
            suppressions: Gauge::default(),
            last_run: Gauge::default(),
            duration: Histogram::new(SECONDS),
            failures: Counter::default(),
            leader: Gauge::default(),
            said: Mutex::default(),
        };
        registry.register(
            "audit_findings",
            "What the last walk found, by code, severity and whether it counts: plain, excepted by a transition, suppressed",
            metrics.findings.clone(),
        );
        registry.register("audit_transitions", "Declared transitions, open or overdue", metrics.transitions.clone());
        registry.register("audit_suppressions", "Suppressions in force", metrics.suppressions.clone());
        registry.register_with_unit(
            "audit_last_run_timestamp",
            "When the last walk that was complete ended, as Unix time",
            Unit::Seconds,
            metrics.last_run.clone(),
        );
        registry.register_with_unit("audit_duration", "Time of a walk", Unit::Seconds, metrics.duration.clone());
        registry.register("audit_failures", "Walks that could not be completed", metrics.failures.clone());
        registry.register("audit_leader", "Whether this replica audits", metrics.leader.clone());
        metrics.transitions.get_or_create(&StateLabel { state: State::Open.name() }).set(0);
        metrics.transitions.get_or_create(&StateLabel { state: State::Overdue.name() }).set(0);
        metrics
    }

    /// Shows what a walk found.
    pub fn show(&self, survey: &Survey, took: Duration) {
        self.leader.set(1);
        self.duration.observe(took.as_secs_f64());
        // Exact to the second far beyond any date that matters.
        #[expect(clippy::cast_precision_loss)]
        self.last_run.set(survey.at.0 as f64);
        for state in [State::Open, State::Overdue] {
            set(
                &self.transitions.get_or_create(&StateLabel { state: state.name() }),
                survey.transitions_that_are(state),
            );
        }
        set(&self.suppressions, survey.suppressions.len());
        let counts = survey.counts().into_iter();
        self.say(counts.map(|((code, severity, standing), count)| {
            (FindingLabels { code: code.to_string(), severity: severity.name(), standing }, count)
        }));
    }

    /// Shows that another replica audits.
    pub fn hide(&self) {
        self.leader.set(0);
        self.suppressions.set(0);
        for state in [State::Open, State::Overdue] {
            self.transitions.get_or_create(&StateLabel { state: state.name() }).set(0);
        }
        self.say(std::iter::empty());
    }

    /// Counts a walk that could not be completed.
    pub fn failed(&self) {
        self.failures.inc();
    }

    fn say(&self, counts: impl Iterator<Item = (FindingLabels, usize)>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.values_mut().for_each(|count| *count = 0);
        said.extend(counts);
        for (labels, count) in &*said {
            set(&self.findings.get_or_create(labels), *count);
        }
    }
}

fn set(gauge: &Gauge, count: usize) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}
