//! Where a command finds the cluster.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::time::Instant;

use crate::cluster::{Cluster, ClusterOptions, Connection, ConnectionOptions, domain};
use crate::engine::JudgeSettings;
use crate::gather::{Source as _, settle};
use crate::manifests::Manifests;
use crate::model::Object;
use crate::object::ObjectKey;
use crate::settings::Settings;
use crate::view::{Need, Snapshot};

/// How long a command waits for the API server's first word.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a command waits for the first look at a cluster.
const SYNC_PATIENCE: Duration = Duration::from_secs(30);
/// How long it then waits for what its answer rests on.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// A live cluster, or a directory that stands in for one.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ClusterArgs {
    /// A directory of manifests that stands in for the cluster.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["kubeconfig", "context"])]
    pub(super) manifests: Option<PathBuf>,
    /// A kubeconfig file [default: $KUBECONFIG, ~/.kube/config, or the pod's own service account].
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
}

impl ClusterArgs {
    pub(super) fn options(&self) -> ConnectionOptions {
        ConnectionOptions { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }
}

/// Reads the objects of manifests, each under the key that its file gives it.
pub(super) fn objects(manifests: &Manifests) -> impl Iterator<Item = anyhow::Result<(ObjectKey, Object)>> {
    manifests.objects().map(|manifest| {
        let read = Object::from_value(manifest.key.kind, manifest.to_json());
        let (_, object) = read.with_context(|| format!("{}:{}", manifest.file, manifest.line()))?;
        Ok((manifest.key.clone(), object))
    })
}

/// Reads a whole cluster from manifests.
pub(super) fn snapshot(manifests: &Manifests) -> anyhow::Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    for object in objects(manifests) {
        let (key, object) = object?;
        snapshot.insert(key, object);
    }
    Ok(snapshot)
}

/// Judges a cluster: a directory as it stands, or the live one with everything that the judgement rests on read afresh.
pub(super) fn inspect_cluster<T>(
    cluster: &ClusterArgs,
    settings: &Settings,
    mut judge: impl FnMut(&Snapshot, &JudgeSettings) -> (T, BTreeSet<Need>),
) -> anyhow::Result<T> {
    if let Some(directory) = &cluster.manifests {
        let manifests = Manifests::load(std::slice::from_ref(directory))?;
        return Ok(judge(&snapshot(&manifests)?, &settings.judge).0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        reach(cluster).await?;
        let (source, judge_settings) = connect(cluster, settings).await?;
        let patience = tokio::time::timeout(SYNC_PATIENCE, source.wait_until_synced());
        if patience.await.is_err() {
            anyhow::bail!("could not read {} of the cluster", source.unready().unwrap_or_default());
        }
        let deadline = Instant::now() + READ_PATIENCE;
        Ok(settle(&source, |snapshot| judge(snapshot, &judge_settings), |_| true, deadline).await?)
    })
}

/// Asks the API server once who it is: a person is told at once where a server would wait for it to come up.
pub(super) async fn reach(cluster: &ClusterArgs) -> anyhow::Result<()> {
    let connection = Connection::open(&cluster.options()).await?;
    let origin = &connection.origin;
    let asked = tokio::time::timeout(CONNECT_PATIENCE, connection.client.apiserver_version()).await;
    let asked = asked.with_context(|| format!("{origin}: the API server does not answer"))?;
    asked.map(drop).with_context(|| format!("{origin}: the API server cannot be asked"))
}

/// Connects to the live cluster and starts to watch it; the settings know its domain then.
pub(super) async fn connect(cluster: &ClusterArgs, settings: &Settings) -> anyhow::Result<(Cluster, JudgeSettings)> {
    let connection = Connection::open(&cluster.options()).await?;
    tracing::info!(cluster = connection.origin, "connected");
    let mut judge = settings.judge.clone();
    if !settings.cluster_domain_given
        && connection.in_cluster
        && let Some(domain) = domain::detect()
    {
        judge.facts.cluster_domain = domain;
    }
    let options = ClusterOptions {
        kserve_namespace: judge.facts.kserve_namespace.clone(),
        knative_namespace: judge.facts.knative_namespace.clone(),
        ..ClusterOptions::default()
    };
    Ok((Cluster::start(connection.client, &options), judge))
}
