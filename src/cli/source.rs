//! Where a command finds the cluster.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::engine::JudgeSettings;
use crate::manifests::Manifests;
use crate::model::Object;
use crate::object::ObjectKey;
use crate::settings::Settings;
use crate::view::{Need, Snapshot};

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
    anyhow::bail!("live")
}
