//! The objects of a live cluster, whole: an intermediate version keeps fields that nothing else reads.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::source::{ClusterArgs, reach};
use crate::manifests::Manifests;
use crate::object::{Kind, ObjectKey};

/// Reads the objects that manifests name, and those that are to be deleted, as they are.
pub(super) fn objects(
    cluster: &ClusterArgs,
    to: &Manifests,
    deletions: &[ObjectKey],
) -> anyhow::Result<BTreeMap<ObjectKey, Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let named = to.objects().map(|manifest| (manifest.key.clone(), manifest.api_version.clone()));
    let deleted = deletions.iter().map(|key| (key.clone(), api_version(key.kind)));
    runtime.block_on(async {
        let connection = reach(cluster).await?;
        let mut found = BTreeMap::new();
        for (key, api_version) in named.chain(deleted) {
            let request = http_get(&path(&key, &api_version))?;
            match connection.client.request::<Value>(request).await {
                Ok(object) => {
                    found.insert(key, object);
                }
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error).with_context(|| format!("{key} cannot be read from the cluster")),
            }
        }
        if let Some(missing) = deletions.iter().find(|key| !found.contains_key(key)) {
            anyhow::bail!("{missing} is to be deleted with --delete, and is not in the cluster");
        }
        Ok(found)
    })
}

fn http_get(path: &str) -> anyhow::Result<hyper::Request<Vec<u8>>> {
    Ok(hyper::Request::get(path).body(Vec::new())?)
}

fn api_version(kind: Kind) -> String {
    let version = kind.versions().first().copied().unwrap_or("v1");
    if kind.group().is_empty() { version.to_owned() } else { format!("{}/{version}", kind.group()) }
}

fn path(key: &ObjectKey, api_version: &str) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let plural = key.kind.plural();
    let place =
        if key.kind.is_namespaced() { format!("namespaces/{}/{plural}", key.namespace) } else { plural.to_owned() };
    format!("/{root}/{api_version}/{place}/{}", key.name)
}
