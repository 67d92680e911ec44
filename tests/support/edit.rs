//! Edits of a small cluster's objects.

use plumbline::object::{Kind, ObjectKey};
use serde_json::Value;

use crate::cluster::Cluster;

impl Cluster {
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
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').expect("namespace/name");
    ObjectKey::new(kind, namespace, name)
}
