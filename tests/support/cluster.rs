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

    /// The same cluster with one object edited.
    pub(crate) fn edited(mut self, kind: Kind, name: &str, edit: impl FnOnce(&mut Value)) -> Self {
        edit(self.objects.get_mut(&key(kind, name)).expect("an object of that name"));
        self
    }

    /// The same cluster with one text replaced in one object.
    pub(crate) fn replaced(self, kind: Kind, name: &str, old: &str, new: &str) -> Self {
        self.edited(kind, name, |manifest| {
            let text = manifest.to_string();
            assert!(text.contains(old), "{name} holds no {old}: {text}");
            *manifest = serde_json::from_str(&text.replace(old, new)).expect("still JSON");
        })
    }

    /// The same cluster without an object.
    pub(crate) fn without(mut self, kind: Kind, name: &str) -> Self {
        assert!(self.objects.remove(&key(kind, name)).is_some(), "there is no {name}");
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

fn key(kind: Kind, name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').expect("namespace/name");
    ObjectKey::new(kind, namespace, name)
}
