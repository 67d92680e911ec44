//! What may be written: each object with the versions it can have.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{Aside, AsideReason, Wanted, has_place};
use crate::engine::{Actor, Change, projected};
use crate::model::{ModelError, Object, config_map};
use crate::object::{Kind, ObjectKey};
use crate::view::{Snapshot, View};

use super::space::{driving, held};

/// What the API server adds, and nobody applies.
const SERVER_FIELDS: [&str; 7] =
    ["creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink", "ownerReferences"];
/// What `kubectl apply` keeps for itself.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// One version of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The whole object, as it can be applied.
    pub manifest: Value,
    /// What is read of it.
    pub object: Object,
}

impl Version {
    /// Reads a manifest. Its name and namespace are those of `key`, whether or not it names a namespace itself.
    pub fn read(key: &ObjectKey, mut manifest: Value) -> Result<Self, ModelError> {
        if key.kind.is_namespaced()
            && let Some(Value::Object(metadata)) = manifest.get_mut("metadata")
        {
            metadata.insert("namespace".to_owned(), (*key.namespace).into());
        }
        let (_, object) = Object::from_value(key.kind, manifest.clone())?;
        Ok(Self { manifest: applicable(manifest), object })
    }

    /// The version with what its author cannot say, taken from the one it replaces: its age, and what its controller reports.
    fn over(mut self, before: Option<&Object>) -> Self {
        let Some(before) = before else { return self };
        self.object = self.object.created(before.meta().created);
        if let (Object::KnativeServing(serving), Object::KnativeServing(before)) = (&mut self.object, before) {
            Arc::make_mut(serving).version = before.version.clone();
        }
        self
    }
}

/// The object as somebody could have applied it.
fn applicable(mut manifest: Value) -> Value {
    if let Some(whole) = manifest.as_object_mut() {
        whole.remove("status");
    }
    if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
        metadata.retain(|field, _| !SERVER_FIELDS.contains(&field.as_str()));
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
        }
    }
    manifest
}

/// An object that is there before, after, or both.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub key: ObjectKey,
    /// As it is; `None` where it does not exist.
    pub before: Option<Version>,
    /// As it is wanted; `None` where it is to go.
    pub after: Option<Version>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is made.
    Create,
    /// It becomes another version.
    Change,
    /// It goes.
    Delete,
}

impl Action {
    /// What is done to an object that was and will be there, or not.
    #[must_use]
    pub const fn of(was: bool, will_be: bool) -> Self {
        match (was, will_be) {
            (false, _) => Self::Create,
            (true, true) => Self::Change,
            (true, false) => Self::Delete,
        }
    }

    /// The verb.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
        }
    }
}

/// One version that may be written.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) version: Option<Version>,
    /// Why, where it is not the wanted one.
    pub(super) bridge: Option<&'static str>,
}

/// An object with the versions it may have: the first is as it is, the last as it is wanted.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: ObjectKey,
    pub(super) choices: Vec<Choice>,
}

impl Place {
    pub(super) fn new(key: ObjectKey, before: Option<Version>, after: Option<Version>) -> Self {
        let choices = [before, after].into_iter().map(|version| Choice { version, bridge: None }).collect();
        Self { key, choices }
    }

    pub(super) fn before(&self) -> Option<&Version> {
        self.choices.first().and_then(|choice| choice.version.as_ref())
    }

    pub(super) fn after(&self) -> Option<&Version> {
        self.choices.last().and_then(|choice| choice.version.as_ref())
    }

    /// Adds an intermediate version, unless there is one that is read alike.
    pub(super) fn add(&mut self, manifest: Value, bridge: &'static str) {
        let Ok(version) = Version::read(&self.key, manifest) else { return };
        let version = version.over(self.before().map(|before| &before.object));
        let is_known = |choice: &Choice| choice.version.as_ref().is_some_and(|known| known.object == version.object);
        if !self.choices.iter().any(is_known) {
            let last = self.choices.len() - 1;
            self.choices.insert(last, Choice { version: Some(version), bridge: Some(bridge) });
        }
    }
}

/// Whether an object names gateways.
fn is_configuration(key: &ObjectKey) -> bool {
    match key.kind {
        Kind::ConfigMap => matches!(&*key.name, config_map::INFERENCE_SERVICE_CONFIG | config_map::CONFIG_ISTIO),
        Kind::KnativeServing => true,
        _ => false,
    }
}

/// Divides what differs into what needs no place in the order and what does; what stands as it is comes last.
pub(super) fn sort(snapshot: &Snapshot, wanted: &Wanted) -> (Vec<Aside>, Vec<Place>, Vec<Place>) {
    let (mut aside, mut places, mut standing) = (Vec::new(), Vec::new(), Vec::new());
    let mut targets: Vec<&Target> = wanted.targets.iter().collect();
    targets.sort_by(|one, other| one.key.cmp(&other.key));
    let view = wanted.targets.iter().fold(View::of(snapshot), |view, target| {
        view.with(target.key.clone(), target.after.as_ref().map(|version| version.object.clone()))
    });
    let servings_after = view.knative_servings();
    for Target { key, before, after } in targets {
        let was = before.as_ref().map(|version| &version.object);
        let after = after.clone().map(|version| version.over(was));
        let action = Action::of(was.is_some(), after.is_some());
        let put_aside = |aside: &mut Vec<Aside>, why| {
            let manifest = after.as_ref().map(|version| version.manifest.clone());
            aside.push(Aside { key: key.clone(), action, after: manifest, why });
        };
        let is_known = key.kind != Kind::ConfigMap || config_map::is_known(&key.name);
        if was == after.as_ref().map(|version| &version.object) {
            if is_configuration(key) && before.is_some() {
                standing.push(Place::new(key.clone(), before.clone(), before.clone()));
            }
            if before.as_ref().map(|version| &version.manifest) != after.as_ref().map(|version| &version.manifest) {
                put_aside(&mut aside, AsideReason::NoEffect);
            }
        } else if !has_place(key.kind) {
            put_aside(
                &mut aside,
                match (key.kind, action) {
                    (Kind::Namespace | Kind::InferenceService, Action::Delete) => AsideReason::LeftAlone,
                    (Kind::Namespace, Action::Create) => AsideReason::First,
                    (Kind::InferenceService, _) => AsideReason::Model,
                    _ => AsideReason::NoEffect,
                },
            );
        } else if !is_known {
            put_aside(&mut aside, AsideReason::NoEffect);
        } else {
            // What the operator holds in the end is not for anybody else to write.
            let stays = match driving(&servings_after, key) {
                None => Some(after.clone()),
                Some(_) if was.is_none() && key.kind != Kind::ConfigMap => Some(after.clone()),
                Some(serving) => {
                    let stays = after.clone().zip(held(serving, key, after.as_ref().map(|version| &version.object)));
                    stays.map(|(version, object)| Some(Version { object, ..version }))
                }
            };
            match stays {
                Some(after) if was != after.as_ref().map(|version| &version.object) => {
                    places.push(Place::new(key.clone(), before.clone(), after));
                }
                _ => put_aside(&mut aside, AsideReason::Operator),
            }
        }
    }
    let followed = followed(snapshot, &places);
    let (follows, places): (Vec<_>, Vec<_>) = places.into_iter().partition(|place| followed.contains(&place.key));
    aside.extend(follows.into_iter().map(|place| Aside {
        action: Action::of(place.before().is_some(), place.after().is_some()),
        after: place.after().map(|version| version.manifest.clone()),
        key: place.key,
        why: AsideReason::Operator,
    }));
    aside.sort_by(|one, other| (one.why, &one.key).cmp(&(other.why, &other.key)));
    (aside, places, standing)
}

/// The objects that the operator makes what they are wanted to be, given the KnativeServings that are wanted.
fn followed(snapshot: &Snapshot, places: &[Place]) -> BTreeSet<ObjectKey> {
    let view = View::of(snapshot);
    let object = |version: Option<&Version>| version.map(|version| version.object.clone());
    let servings = places.iter().filter(|place| place.key.kind == Kind::KnativeServing);
    let derived = servings.flat_map(|place| {
        let (before, after) = (object(place.before()), object(place.after()));
        projected(&view, &Change { key: place.key.clone(), before, after, actor: Actor::Anybody })
    });
    let is_wanted = |key: &ObjectKey, made: &Option<Object>| {
        places.iter().find(|place| place.key == *key).is_some_and(|place| match (made, object(place.after())) {
            // Its labels are the operator's business.
            (Some(Object::ConfigMap(made)), Some(Object::ConfigMap(wanted))) => made.data == wanted.data,
            (made, wanted) => *made == wanted,
        })
    };
    derived.filter(|(key, made)| is_wanted(key, made)).map(|(key, _)| key).collect()
}
