//! Keeps a Lease: takes it, renews it, gives it back.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::api::{Api, ApiError};
use super::election::{Election, ROUND, Record, TENURE};
use crate::exception::Moment;
use crate::telemetry::Throttle;

/// Which Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Whether this process is the one that audits.
#[derive(Clone, Debug)]
pub(super) struct Tenure(watch::Receiver<Option<Instant>>);

pub(super) struct Candidate {
    api: Api,
    lease: LeaseName,
    election: Election,
    until: watch::Sender<Option<Instant>>,
    throttle: Throttle,
}

impl Tenure {
    /// Whether it is ours, and sure to be nobody else's.
    pub(super) fn is_ours(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it is ours.
    pub(super) async fn begun(&mut self) {
        while !self.is_ours() {
            self.changed().await;
        }
    }

    /// Waits until it is ours no more.
    pub(super) async fn lost(&mut self) {
        while self.is_ours() {
            self.changed().await;
        }
    }

    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Candidate {
    pub(super) fn new(api: Api, lease: LeaseName, identity: String) -> (Self, Tenure) {
        let (until, tenure) = watch::channel(None);
        let throttle = Throttle::default();
        (Self { api, lease, election: Election::new(identity), until, throttle }, Tenure(tenure))
    }

    /// Stands for election until told to stop, and gives the Lease back then.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let started = Instant::now();
            let outcome = self.round().await;
            let held = self.until.borrow().is_some();
            match outcome {
                Ok(true) => {
                    if !held {
                        tracing::info!(lease = %self.lease.name, "this replica audits");
                    }
                    // Counted from before the request: the Lease is at least as young as that.
                    self.until.send_replace(Some(started + TENURE));
                }
                Ok(false) if held => self.lose("another replica has taken the Lease"),
                Ok(false) => {}
                Err(error) => {
                    self.complain(&error);
                    let until = *self.until.borrow();
                    if until.is_some_and(|until| Instant::now() >= until) {
                        self.lose("the Lease could not be renewed in time");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(ROUND) => {}
            }
        }
        if self.until.send_replace(None).is_some() {
            self.release().await;
        }
    }

    /// Whether the Lease is ours after one attempt to take or renew it.
    async fn round(&mut self) -> Result<bool, ApiError> {
        // Where somebody was faster, a second look says whether it was for the Lease or, say, for a label of it.
        for _ in 0..2 {
            let lease = match self.api.get(&self.path()).await {
                Err(ApiError::NotFound) => self.create().await?,
                answer => answer?,
            };
            self.election.observe(Record::of(&lease), Instant::now());
            if !self.election.may_take(Instant::now()) {
                return Ok(false);
            }
            match self.api.replace(&self.path(), &self.election.taken(lease, &micro_time())).await {
                Ok(lease) => {
                    self.election.observe(Record::of(&lease), Instant::now());
                    return Ok(true);
                }
                Err(ApiError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn create(&self) -> Result<Value, ApiError> {
        let LeaseName { namespace, name } = &self.lease;
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": name, "namespace": namespace},
        });
        self.api.create(&self.collection(), &lease).await
    }

    async fn release(&self) {
        let Ok(lease) = self.api.get(&self.path()).await else { return };
        if self.election.is_ours() && Record::of(&lease).holder == self.election.identity() {
            // Where it fails, the others wait for the term to pass.
            let _ = self.api.replace(&self.path(), &Election::released(lease, &micro_time())).await;
        }
    }

    fn lose(&self, why: &str) {
        tracing::warn!(lease = %self.lease.name, "this replica audits no more: {why}");
        self.until.send_replace(None);
    }

    fn complain(&self, error: &ApiError) {
        if let Some(withheld) = self.throttle.pass("lease") {
            let LeaseName { namespace, name } = &self.lease;
            tracing::warn!(
                withheld,
                "the Lease {namespace}/{name} cannot be kept: {error}. Without it nobody audits: plumbline needs to get and \
                 update it, and to create it where it is missing"
            );
        }
    }

    fn collection(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.lease.namespace)
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.lease.name)
    }
}

/// What time it is, as the API writes it where parts of a second count.
pub(super) fn micro_time() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let second = Moment(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)).to_string();
    format!("{}.{:06}Z", second.trim_end_matches('Z'), since.subsec_micros())
}
