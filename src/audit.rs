//! The audit: walks the whole cluster as it stands, on change and from time to time, and tells what it finds.
//!
//! Admission sees one write at a time; what two writers at once, a webhook that was away or a failing clock let through is
//! found here. One replica, by a Lease, writes Events and a report; each can be asked for its page. Nothing here is on the
//! way of a review: a walk holds the lock of the snapshot, for reading, for as long as one review's judgement does, and what it
//! writes goes over connections of its own.

pub mod access;
mod api;
mod election;
mod events;
mod lease;
mod metrics;
mod page;
mod placements;
mod results;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use tokio::sync::{Mutex, watch};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

pub use lease::LeaseName;
pub use metrics::AuditMetrics;
pub use page::{PATH, STYLE_PATH, router};

use crate::engine::JudgeSettings;
use crate::exception::Policy;
use crate::gather::{self, GatherError, Source, settle};
use crate::rules;
use crate::survey::{Placement, State, Survey, survey};
use crate::telemetry::Throttle;
use crate::view::Snapshot;
use crate::webhook;

/// How long a walk may take, reads included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it has to be quiet after a change.
const QUIET: Duration = Duration::from_millis(300);
/// How long a walk waits for quiet at most: what two writers at once have done is told within 5 s.
const LATEST: Duration = Duration::from_secs(2);
/// The part of the time, one in so many, that walks may take where changes never end.
const SHARE: u32 = 20;
/// How soon the next walk is, at the soonest, where only the clock asks for it.
const SOON: Duration = Duration::from_secs(1);
/// For how long a page shows a walk before there is another.
const FRESH: Duration = Duration::from_secs(5);

/// The auditor of one process.
pub struct Audit<S> {
    source: Arc<S>,
    judge: JudgeSettings,
    policy: Policy,
    metrics: AuditMetrics,
    last: Mutex<Option<(Instant, Arc<Survey>)>>,
    /// Where services are, as far as the background walks have found out.
    placed: std::sync::Mutex<Option<Arc<Vec<Placement>>>>,
}

/// How to audit in the background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditOptions {
    /// How often at least.
    pub interval: Duration,
    /// The Lease by which one replica is elected; the report has its name too.
    pub lease: LeaseName,
}

impl<S: Source> Audit<S> {
    /// An auditor of the cluster of a source.
    pub fn new(source: Arc<S>, judge: JudgeSettings, policy: Policy, metrics: AuditMetrics) -> Self {
        Self { source, judge, policy, metrics, last: Mutex::new(None), placed: std::sync::Mutex::default() }
    }

    /// A walk of some seconds ago at most.
    pub async fn current(&self) -> Result<Arc<Survey>, GatherError> {
        let mut last = self.last.lock().await;
        if let Some((at, survey)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(survey.clone());
        }
        let survey = self.walk().await?;
        *last = Some((Instant::now(), survey.clone()));
        Ok(survey)
    }

    fn place(&self, placements: Option<Arc<Vec<Placement>>>) {
        *self.placed.lock().unwrap_or_else(PoisonError::into_inner) = placements;
    }

    /// Looks at the cluster as the watches have it.
    fn look(&self, snapshot: &Snapshot) -> Survey {
        let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let placed = placed.as_ref().map(|placed| placed.as_slice());
        survey(snapshot, &self.judge, &self.policy, webhook::now(), placed)
    }

    /// Walks the cluster with all that this rests on read afresh.
    async fn walk(&self) -> Result<Arc<Survey>, GatherError> {
        let judge = |snapshot: &Snapshot| {
            let survey = self.look(snapshot);
            let needs = survey.needs.clone();
            (survey, needs)
        };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        Ok(Arc::new(settle(&*self.source, judge, |_| true, deadline).await?))
    }

    /// Audits until told to stop, whenever this replica is the elected one. `changes` tells of changes of the cluster.
    pub async fn run(
        &self,
        client: Client,
        options: AuditOptions,
        changes: watch::Receiver<u64>,
        stop: CancellationToken,
    ) {
        let identity = identity();
        let api = api::Api::new(client);
        let (candidate, tenure) = lease::Candidate::new(api.clone(), options.lease.clone(), identity.clone());
        let candidate = tokio::spawn(candidate.run(stop.clone()));
        let events = events::Events::new(api.clone(), identity);
        let mut term = Term {
            audit: self,
            events,
            results: results::Results::new(api.clone(), options.lease.name.clone()),
            placements: placements::Placements::new(api),
            is_behind: false,
            last: None,
            walked: None,
            tenure,
            changes,
            interval: options.interval,
            throttle: Throttle::default(),
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = term.serve() => {}
        }
        // The Lease is given back, lest the next replica wait for its end.
        let _ = candidate.await;
    }
}

/// The background walks of one process.
struct Term<'a, S> {
    audit: &'a Audit<S>,
    events: events::Events,
    results: results::Results,
    placements: placements::Placements,
    /// Whether services were left behind when the cluster was last walked.
    is_behind: bool,
    /// What was told last.
    last: Option<Arc<Survey>>,
    /// When everything was read last.
    walked: Option<Instant>,
    tenure: lease::Tenure,
    changes: watch::Receiver<u64>,
    interval: Duration,
    throttle: Throttle,
}

impl<S: Source> Term<'_, S> {
    async fn serve(&mut self) {
        loop {
            if !self.tenure.is_ours() {
                self.audit.metrics.hide();
                self.events.forget();
                self.results.forget();
                (self.last, self.walked) = (None, None);
                self.tenure.begun().await;
            }
            let (took, next) = self.round().await;
            self.rest(took, next).await;
        }
    }

    /// Walks and tells; returns how long that took, and when something will change by the clock alone.
    async fn round(&mut self) -> (Duration, Duration) {
        let started = Instant::now();
        self.changes.borrow_and_update();
        let survey = match self.survey().await {
            Ok(survey) => survey,
            Err(error) => {
                self.audit.metrics.failed();
                if let Some(withheld) = self.throttle.pass("walk") {
                    tracing::warn!(withheld, "the audit could not walk the cluster: {error}");
                }
                return (started.elapsed(), self.interval.min(PATIENCE));
            }
        };
        let took = started.elapsed();
        self.audit.metrics.show(&survey, took);
        *self.audit.last.lock().await = Some((Instant::now(), survey.clone()));
        if self.tenure.is_ours() {
            self.events.tell(&survey).await;
        }
        if self.tenure.is_ours() {
            self.results.write(&survey).await;
        }
        tracing::debug!(milliseconds = took.as_secs_f64() * 1000.0, fails = survey.fails(), "audited");
        self.last = Some(survey.clone());
        (took, until_the_next_end(&survey).min(self.until_due()).max(SOON))
    }

    /// How long what was read may still be taken for granted where no change is seen: pods come and go unseen, and net-istio's
    /// work too.
    fn until_due(&self) -> Duration {
        let walked = self.walked.map_or(Duration::ZERO, |walked| self.interval.saturating_sub(walked.elapsed()));
        walked.min(self.placements.due(self.is_behind))
    }

    async fn survey(&mut self) -> Result<Arc<Survey>, GatherError> {
        // Most of what changes in a busy cluster changes nothing here, and nothing need be read to see that.
        if let Some(last) = self.last.as_ref().filter(|_| !self.until_due().is_zero()) {
            let seen = self.audit.look(&gather::read(self.audit.source.snapshot()));
            if seen.says_as(last) {
                return Ok(Arc::new(seen));
            }
        }
        let started = Instant::now();
        self.audit.place(self.placements.current(self.is_behind).await);
        let mut survey = self.audit.walk().await?;
        if self.placements.note(&survey.gateways) {
            // What is known is of the time before; net-istio is given some time before anybody is told that it lags.
            self.audit.place(None);
            survey = self.audit.walk().await?;
        }
        self.walked = Some(started);
        self.is_behind = survey.entries.iter().any(|entry| entry.finding.code == rules::LEFT_BEHIND);
        Ok(survey)
    }

    /// Waits for a reason to walk again: a change and some quiet after it, or the time.
    async fn rest(&mut self, took: Duration, next: Duration) {
        let walked = tokio::time::Instant::now();
        let soonest = walked + took.saturating_mul(SHARE).min(LATEST);
        tokio::select! {
            () = sleep(next) => return,
            () = self.tenure.lost() => return,
            () = changed(&mut self.changes) => {}
        }
        let latest = tokio::time::Instant::now() + LATEST;
        loop {
            tokio::select! {
                () = sleep(QUIET) => break,
                () = sleep_until(latest) => break,
                () = changed(&mut self.changes) => {}
            }
        }
        sleep_until(soonest).await;
    }
}

/// Where net-istio has put each service, read once; `None` where that is not to be found out.
pub async fn placements(client: Client) -> Option<Arc<Vec<Placement>>> {
    placements::Placements::new(api::Api::new(client)).current(false).await
}

/// Waits for a change; where nobody is left to tell of one, for ever.
async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How long it is until a transition ends.
fn until_the_next_end(survey: &Survey) -> Duration {
    let open = survey.transitions.iter().filter(|declared| declared.state == State::Open);
    let seconds = open.map(|declared| declared.transition.until.0 - survey.at.0).min();
    seconds.map_or(Duration::MAX, |seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or_default() + 1))
}

/// A name for this process that no other has.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    let host: String = host.unwrap_or_default().trim().chars().take(90).collect();
    format!("{host}_{:016x}", RandomState::new().hash_one(std::process::id()))
}
