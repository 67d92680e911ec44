//! The objects of a live cluster, whole: an intermediate version keeps fields that nothing else reads.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::source::{ClusterArgs, reach};
use crate::manifests::Manifests;
use crate::object::{Kind, ObjectKey};
use crate::walk::ClusterFacts;

/// Reads the objects that manifests name, those that are to be deleted, and the configuration that names gateways, as they are.
pub(super) fn objects(
    cluster: &ClusterArgs,
    to: &Manifests,
    deletions: &[ObjectKey],
    facts: &ClusterFacts,
) -> anyhow::Result<BTreeMap<ObjectKey, Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let named = to.objects().map(|manifest| (manifest.key.clone(), manifest.api_version.clone()));
    let others = deletions.iter().cloned().chain([facts.kserve_config(), facts.istio_config()]);
    let others = others.map(|key| (key.clone(), api_version(key.kind)));
    runtime.block_on(async {
        let connection = reach(cluster).await?;
        let mut found = BTreeMap::new();
        for (key, api_version) in named.chain(others) {
            let request = http_get(&path(&key, &api_version))?;
            match connection.client.request::<Value>(request).await {
                Ok(object) => {
                    found.insert(key, object);
                }
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                // What is neither wanted nor to go is looked at for a detour alone.
                Err(_) if to.object(&key).is_none() && !deletions.contains(&key) => {}
                Err(error) => return Err(error).with_context(|| format!("{key} cannot be read from the cluster")),
            }
        }
        let kind = Kind::KnativeServing;
        let serving = ObjectKey::new(kind, facts.knative_namespace.clone(), "");
        let servings = http_get(path(&serving, &api_version(kind)).trim_end_matches('/'))?;
        // Without the operator there are none, and without the right to read them no detour by way of one.
        let list = connection.client.request::<Value>(servings).await.unwrap_or_default();
        for mut object in list["items"].as_array().cloned().unwrap_or_default() {
            let Some(name) = object["metadata"]["name"].as_str() else { continue };
            let key = ObjectKey { name: name.into(), ..serving.clone() };
            // The items of a list do not say what they are.
            object["apiVersion"] = api_version(kind).into();
            object["kind"] = kind.name().into();
            found.entry(key).or_insert(object);
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
