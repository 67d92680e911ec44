use std::sync::Arc;

use axum::Router;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::audit::{self, Audit, AuditMetrics, AuditOptions, LeaseName};
use crate::cli::source::ClusterArgs;
use crate::cluster::{Cluster, Connection};
use crate::metrics::Metrics;
use crate::settings::Settings;

/// Where a pod finds the name of its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The namespace outside of pods.
const NAMESPACE: &str = "plumbline";

/// The audit beside a server.
pub(super) struct Auditing {
    audit: Arc<Audit<Cluster>>,
    task: JoinHandle<()>,
}

impl Auditing {
    /// Starts to audit, where the settings say so.
    pub(super) async fn start(
        cluster: &ClusterArgs,
        source: &Arc<Cluster>,
        settings: &Settings,
        metrics: &mut Metrics,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        let given = &settings.serve.audit;
        if !given.is_on {
            return Ok(None);
        }
        // Connections of its own: no read of a review waits for what the audit writes.
        let client = Connection::open(&cluster.options()).await?.client;
        let metrics = AuditMetrics::register(metrics.registry());
        let audit = Audit::new(Arc::clone(source), settings.judge.clone(), settings.transition, metrics);
        let audit = Arc::new(audit);
        let lease = LeaseName {
            namespace: given.lease_namespace.clone().unwrap_or_else(own_namespace),
            name: given.lease_name.clone(),
        };
        let options = AuditOptions { interval: given.interval, lease };
        let (auditor, source, stop) = (Arc::clone(&audit), Arc::clone(source), stop.clone());
        let task = tokio::spawn(async move {
            // Whoever has not read the cluster has nothing to say, and leaves the Lease to others.
            tokio::select! {
                () = stop.cancelled() => return,
                () = source.wait_until_synced() => {}
            }
            auditor.run(client, options, source.changes(), stop).await;
        });
        Ok(Some(Self { audit, task }))
    }

    /// What it shows.
    pub(super) fn pages(&self) -> Router {
        audit::router(Arc::clone(&self.audit))
    }

    /// Waits until it has ended with the server.
    pub(super) async fn end(auditing: Option<Self>) -> anyhow::Result<()> {
        match auditing {
            Some(Self { task, .. }) => Ok(task.await?),
            None => Ok(()),
        }
    }
}

fn own_namespace() -> String {
    let read = std::fs::read_to_string(NAMESPACE_FILE).unwrap_or_default();
    let read = read.trim();
    if read.is_empty() { NAMESPACE.to_owned() } else { read.to_owned() }
}
