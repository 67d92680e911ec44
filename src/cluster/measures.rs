//! What is measured of the live source, read when somebody asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use super::{Cluster, WatchStatus};
use crate::metrics::{KindLabel, SECONDS};

/// How long live reads take, and how they fail.
#[derive(Clone, Debug)]
pub(super) struct Lookups {
    duration: Histogram,
    failures: Family<ReasonLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    kind: KindLabel,
}

impl Lookups {
    pub(super) fn new() -> Self {
        Self { duration: Histogram::new(SECONDS), failures: Family::default() }
    }

    /// Adds a read that has ended, whatever came of it.
    pub(super) fn ended(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a read that no verdict may rest on.
    pub(super) fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&ReasonLabel { reason }).inc();
    }
}

/// The metrics of a live source, for the registry.
#[derive(Debug)]
pub struct Measures(Arc<Cluster>);

impl Measures {
    /// Measures a source for as long as the registry is read.
    #[must_use]
    pub fn of(cluster: &Arc<Cluster>) -> Self {
        Self(Arc::clone(cluster))
    }
}

/// The watches of one kind as one: the worst of each counts.
#[derive(Default)]
struct Watches {
    age: Duration,
    broken: Duration,
    errors: u64,
    waiting: bool,
}

impl Watches {
    fn add(mut self, status: &WatchStatus) -> Self {
        // A kind that is not installed sends nothing, and is looked for anew.
        self.age = self.age.max(if status.installed { status.age } else { Duration::ZERO });
        self.broken = self.broken.max(status.broken.as_ref().map_or(Duration::ZERO, |(since, _)| *since));
        self.errors += status.errors;
        self.waiting |= !status.synced;
        self
    }
}

impl Collector for Measures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self(cluster) = self;
        let Lookups { duration, failures } = cluster.reader.requests.lookups();
        let seconds = Some(&Unit::Seconds);
        let help = "Time that one live read of the API server takes";
        duration.encode(encoder.encode_descriptor("lookup_duration", help, seconds, MetricType::Histogram)?)?;
        let help = "Live reads without an answer that a verdict may rest on";
        failures.encode(encoder.encode_descriptor("lookup_failures", help, None, MetricType::Counter)?)?;

        let mut kinds = BTreeMap::<_, Watches>::new();
        for status in cluster.watches() {
            let known = kinds.remove(&status.kind).unwrap_or_default();
            kinds.insert(status.kind, known.add(&status));
        }
        let mut gauges = |name, help, unit, value: fn(&Watches) -> f64| -> Result<(), fmt::Error> {
            let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
            for (kind, watches) in &kinds {
                let labels = WatchLabels { kind: KindLabel(Some(*kind)) };
                ConstGauge::new(value(watches)).encode(family.encode_family(&labels)?)?;
            }
            Ok(())
        };
        let help = "Time since the API server last sent something on a watch; it does so at least once a minute";
        gauges("watch_age", help, seconds, |watches| watches.age.as_secs_f64())?;
        let help = "Time that a watch has been out of order, 0 while it works: its part of the cache is that old";
        gauges("watch_broken", help, seconds, |watches| watches.broken.as_secs_f64())?;
        let help = "Whether everything of a kind has been read since the start";
        gauges("watch_synced", help, None, |watches| f64::from(u8::from(!watches.waiting)))?;
        let mut family =
            encoder.encode_descriptor("watch_errors", "Lists and watches that failed", None, MetricType::Counter)?;
        for (kind, watches) in &kinds {
            let labels = WatchLabels { kind: KindLabel(Some(*kind)) };
            ConstCounter::new(watches.errors).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
