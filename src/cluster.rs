//! The live cluster as a source.
//!
//! Watches keep one snapshot that answers the wide questions (which InferenceServices, which namespaces, which other Gateways
//! and Services); what decides a verdict is read live for every review. Both write into the same store, where the newest
//! revision wins.

pub mod access;
mod backoff;
pub mod connection;
pub mod domain;
mod event;
mod flights;
mod health;
mod measures;
mod permission;
mod pods;
mod read;
mod reading;
mod request;
mod served;
mod store;
mod upkeep;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use kube::Client;
use tokio::sync::watch as channel;
use tokio::task::JoinSet;

pub use access::{ACCESS, Access, DECLARING_ACCESS, Reach, VirtualAccess};
pub use connection::{Connection, ConnectionError, ConnectionOptions};
pub use health::WatchStatus;
pub use measures::Measures;
pub use request::ReadCounts;

use crate::exception::{Permission, Question};
use crate::gather::{Described, Freshness, ReadError, Source};
use crate::model::config_map::{CONFIG_DOMAIN, CONFIG_ISTIO, CONFIG_NETWORK, INFERENCE_SERVICE_CONFIG};
use crate::object::Kind;
use crate::view::{Need, Snapshot};
use flights::Flights;
use health::Health;
use read::Reader;
use request::Requests;
use store::{Extent, Store};
use upkeep::Upkeep;
use watch::Watch;

/// The kinds that are watched in the whole cluster.
const WATCHED: [Kind; 5] =
    [Kind::IstioGateway, Kind::Service, Kind::KnativeServing, Kind::Namespace, Kind::InferenceService];

/// What a live source depends on beside the cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Where KServe is looked for first.
    pub kserve_namespace: Arc<str>,
    /// Knative Serving's namespace.
    pub knative_namespace: Arc<str>,
    /// How long one live read may take. A review has a deadline of its own.
    pub read_limit: Duration,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            kserve_namespace: "kserve".into(),
            knative_namespace: "knative-serving".into(),
            read_limit: Duration::from_secs(5),
        }
    }
}

/// A live cluster: watched, and read afresh on demand. Watching ends when it is dropped.
pub struct Cluster {
    reader: Arc<Reader>,
    flights: Arc<Flights<(Need, Freshness), Result<(), ReadError>>>,
    healths: Vec<Arc<Health>>,
    releases_read: Arc<AtomicBool>,
    pulse: channel::Sender<()>,
    _tasks: JoinSet<()>,
}

/// Something that has not been read yet since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsynced {
    /// What is missing.
    pub what: String,
    /// What is in the way, where something is.
    pub why: Option<String>,
}

impl fmt::Display for Unsynced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

impl Cluster {
    /// Starts to watch, in tasks of the runtime that this is called in.
    #[must_use]
    pub fn start(client: Client, options: &ClusterOptions) -> Self {
        let store = Arc::new(Store::new());
        let reader = Arc::new(Reader::new(Requests::new(client, options.read_limit), store.clone()));
        let pulse = channel::Sender::new(());
        let mut tasks = JoinSet::new();
        let mut healths = Vec::new();
        for (kind, name, extent) in extents(options) {
            if extent == Extent::All {
                store.set_unread(kind, "", Some("it has not been read yet".into()));
            }
            let health = Arc::new(Health::new(kind, name, pulse.clone()));
            healths.push(health.clone());
            tasks.spawn(Watch { kind, extent, reader: reader.clone(), health }.run());
        }
        let releases_read = Arc::new(AtomicBool::new(false));
        let upkeep = Upkeep {
            reader: reader.clone(),
            healths: healths.clone(),
            releases_read: releases_read.clone(),
            pulse: pulse.clone(),
            options: options.clone(),
        };
        tasks.spawn(upkeep.run());
        Self { reader, flights: Arc::new(Flights::new()), healths, releases_read, pulse, _tasks: tasks }
    }

    /// Whether everything that is installed has been read once, and the controllers' releases. It stays so: a watch that
    /// breaks later shows in [`Cluster::staleness`].
    #[must_use]
    pub fn synced(&self) -> bool {
        self.releases_read.load(Ordering::Acquire) && self.healths.iter().all(|health| health.status().synced)
    }

    /// What [`Cluster::synced`] still waits for.
    #[must_use]
    pub fn unsynced(&self) -> Vec<Unsynced> {
        let waiting = self.watches().into_iter().filter(|status| !status.synced);
        let mut waiting: Vec<_> = waiting
            .map(|status| Unsynced {
                what: status.name.map_or_else(|| status.kind.plural().to_owned(), |name| format!("ConfigMap {name}")),
                why: status.broken.map(|(_, why)| why),
            })
            .collect();
        if waiting.is_empty() && !self.releases_read.load(Ordering::Acquire) {
            waiting.push(Unsynced { what: "the releases of KServe and Knative".to_owned(), why: None });
        }
        waiting
    }

    /// Waits until [`Cluster::synced`].
    pub async fn wait_until_synced(&self) {
        let mut pulse = self.pulse.subscribe();
        while !self.synced() {
            // The sender lives as long as we do.
            let _ = pulse.changed().await;
        }
    }

    /// For how long a part of what the wide questions are answered from has been out of date; `None` while all watches work.
    /// Verdicts stay right as far as they rest on named objects.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        let broken = self.watches().into_iter().filter_map(|status| status.broken);
        broken.map(|(since, _)| since).max()
    }

    /// How each watch is doing.
    #[must_use]
    pub fn watches(&self) -> Vec<WatchStatus> {
        self.healths.iter().map(|health| health.status()).collect()
    }

    /// How many live reads there were.
    #[must_use]
    pub fn reads(&self) -> ReadCounts {
        self.reader.requests.counts()
    }

    /// A count that grows with every change of an object of the snapshot, pods excepted.
    #[must_use]
    pub fn changes(&self) -> channel::Receiver<u64> {
        self.reader.store.changes()
    }
}

impl Source for Cluster {
    fn snapshot(&self) -> &RwLock<Snapshot> {
        self.reader.store.snapshot()
    }

    fn is_live(&self) -> bool {
        true
    }

    fn unready(&self) -> Option<String> {
        if self.synced() {
            return None;
        }
        let waiting = self.unsynced().into_iter().map(|unsynced| unsynced.to_string());
        Some(waiting.collect::<Vec<_>>().join(", "))
    }

    fn read<'a>(&'a self, needs: &'a [Need], freshness: Freshness) -> BoxFuture<'a, Result<(), ReadError>> {
        let reads = needs.iter().map(|need| async move {
            let reader = self.reader.clone();
            let wanted = need.clone();
            let read = move || {
                let (reader, need) = (reader.clone(), wanted.clone());
                async move { reader.read(&need, freshness).await }.boxed()
            };
            // One object is read in one way, whoever asks.
            let freshness = if matches!(need, Need::Object(_)) { Freshness::Consistent } else { freshness };
            self.flights.read((need.clone(), freshness), read).await.unwrap_or_else(|| {
                Err(ReadError { what: Described(need).to_string(), why: "the read was given up".to_owned() })
            })
        });
        try_join_all(reads).map(|outcome| outcome.map(drop)).boxed()
    }

    fn may_declare<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Permission> {
        permission::ask(&self.reader.requests, question).boxed()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("watches", &self.watches()).finish_non_exhaustive()
    }
}

/// What is watched, each with the one name where not all of the kind are.
fn extents(options: &ClusterOptions) -> Vec<(Kind, Option<&'static str>, Extent)> {
    let named = |name: &'static str, namespace: Option<&Arc<str>>| {
        (Kind::ConfigMap, Some(name), Extent::Named { namespace: namespace.cloned(), name: name.into() })
    };
    let knative = Some(&options.knative_namespace);
    let kinds = WATCHED.map(|kind| (kind, None, Extent::All));
    let config_maps = [
        named(INFERENCE_SERVICE_CONFIG, None),
        named(CONFIG_ISTIO, knative),
        named(CONFIG_DOMAIN, knative),
        named(CONFIG_NETWORK, knative),
    ];
    kinds.into_iter().chain(config_maps).collect()
}

#[cfg(test)]
mod tests;
