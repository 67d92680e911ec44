//! A small cluster written as YAML, changed object by object.

use std::collections::BTreeMap;

use plumbline::model::Object;
use plumbline::object::{Kind, ObjectKey};
use plumbline::syntax::yaml;
use plumbline::view::Snapshot;
use serde_json::Value;

/// The objects of a cluster, as manifests.
#[derive(Clone, Default)]
pub(crate) struct Cluster {
    pub(crate) objects: BTreeMap<ObjectKey, Value>,
}

/// Reads the documents of a text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let documents = text.split("\n---\n").filter(|document| !document.trim().is_empty());
    documents.map(|document| Value::from(&yaml::parse(document).expect("YAML"))).collect()
}

/// Reads one manifest.
pub(crate) fn read(manifest: &Value) -> (ObjectKey, Object) {
    let api_version = manifest["apiVersion"].as_str().expect("an apiVersion");
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind = Kind::from_group_kind(group, manifest["kind"].as_str().expect("a kind")).expect("a kind of the walk");
    Object::from_value(kind, manifest.clone()).expect("a well-formed object")
}

impl Cluster {
    /// The cluster that a text describes.
    pub(crate) fn of(text: &str) -> Self {
        Self::default().with(text)
    }

    /// The same cluster with more objects, or other versions of those it has.
    pub(crate) fn with(mut self, text: &str) -> Self {
        for document in documents(text) {
            self.objects.insert(read(&document).0, document);
        }
        self
    }

    /// The cluster as plumbline reads it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for manifest in self.objects.values() {
            let (key, object) = read(manifest);
            snapshot.insert(key, object);
        }
        snapshot
    }
}
