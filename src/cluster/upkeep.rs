//! What the live source does by the clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch as channel;
use tokio::time::{sleep, timeout};

use super::ClusterOptions;
use super::health::Health;
use super::read::Reader;
use crate::engine::{KSERVE_CONTROLLER, NET_ISTIO_CONTROLLER};
use crate::gather::{self, Freshness};
use crate::model::config_map::INFERENCE_SERVICE_CONFIG;
use crate::object::{Kind, ObjectKey};
use crate::view::Need;

/// Idle connections are closed after 90 s.
const ROUND: Duration = Duration::from_mins(1);
/// How long to wait at the start for the watches to find KServe's namespace.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Upkeep {
    pub(super) reader: Arc<Reader>,
    pub(super) healths: Vec<Arc<Health>>,
    pub(super) releases_read: Arc<AtomicBool>,
    pub(super) pulse: channel::Sender<()>,
    pub(super) options: ClusterOptions,
}

impl Upkeep {
    /// Opens connections, finds the installed releases, and goes on to do so from time to time.
    pub(super) async fn run(self) {
        self.reader.requests.warm().await;
        // Where it takes longer, the releases are read anew a minute later anyway.
        let _ = timeout(PATIENCE, self.until_synced()).await;
        while !self.read_releases().await {
            sleep(RETRY).await;
        }
        self.releases_read.store(true, Ordering::Release);
        self.pulse.send_replace(());
        loop {
            sleep(ROUND).await;
            self.reader.requests.warm().await;
            self.read_releases().await;
            self.reader.store.prune();
        }
    }

    async fn until_synced(&self) {
        let mut pulse = self.pulse.subscribe();
        while !self.healths.iter().all(|health| health.status().synced) {
            if pulse.changed().await.is_err() {
                return;
            }
        }
    }

    /// Reads the Deployments whose images and labels tell the releases; returns whether the API server has answered.
    async fn read_releases(&self) -> bool {
        let controllers = self.kserve_namespaces().into_iter().map(|namespace| (namespace, KSERVE_CONTROLLER));
        let controllers = controllers.chain([(self.options.knative_namespace.clone(), NET_ISTIO_CONTROLLER)]);
        let reads = controllers.map(|(namespace, name)| async move {
            let need = Need::Object(ObjectKey::new(Kind::Deployment, namespace, name));
            self.reader.read(&need, Freshness::Consistent).await
        });
        let outcomes = join_all(reads).await;
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            tracing::debug!("the installed releases: {error}");
        }
        outcomes.iter().all(Result::is_ok)
    }

    fn kserve_namespaces(&self) -> BTreeSet<Arc<str>> {
        let snapshot = gather::read(self.reader.store.snapshot());
        let config_maps = snapshot.objects_of(Kind::ConfigMap).map(|(key, _)| key);
        let named = config_maps.filter(|key| &*key.name == INFERENCE_SERVICE_CONFIG);
        let mut namespaces: BTreeSet<_> = named.map(|key| key.namespace.clone()).collect();
        namespaces.insert(self.options.kserve_namespace.clone());
        namespaces
    }
}
