//! Intermediate versions of objects: what holds the old and the new together for a while.
//!
//! Every one is a whole manifest, made of the author's own, and no more than a proposal: the search judges it like any other
//! write, and a plan holds it only where it helps.

mod detour;
mod gateway;
mod istio;
mod kserve;
mod service;

pub(super) use detour::places as detours;

use serde_json::Value;

use super::place::Place;
use super::space::Space;
use crate::model::config_map::{CONFIG_ISTIO, INFERENCE_SERVICE_CONFIG};
use crate::object::Kind;

/// An intermediate version, and what it is good for.
type Bridge = (Value, &'static str);

/// The places with intermediate versions among their choices.
pub(super) fn places(space: &Space<'_>) -> Vec<Place> {
    let mut places = space.places.clone();
    for place in &mut places {
        let (Some(before), Some(after)) = (place.before(), place.after()) else { continue };
        let bridges: Vec<Bridge> = match place.key.kind {
            Kind::IstioGateway => gateway::bridges(&before.manifest, &after.manifest),
            Kind::Service => service::bridges(&before.manifest, &after.manifest),
            Kind::ConfigMap if &*place.key.name == INFERENCE_SERVICE_CONFIG => {
                kserve::bridges(&before.manifest, &after.manifest)
            }
            Kind::ConfigMap if &*place.key.name == CONFIG_ISTIO => istio::bridges_of_config_map(space, place),
            Kind::KnativeServing => istio::bridges_of_serving(space, place),
            _ => Vec::new(),
        };
        for (manifest, why) in bridges {
            place.add(manifest, why);
        }
    }
    // A KnativeServing that is made with the rest is one write; it may hold both gateways first.
    for place in places.iter_mut().filter(|place| place.key.kind == Kind::KnativeServing && place.before().is_none()) {
        for (manifest, why) in istio::bridges_of_serving(space, place) {
            place.add(manifest, why);
        }
    }
    places
}

/// The value at a way through a manifest.
fn at<'v>(manifest: &'v Value, way: &[&str]) -> Option<&'v Value> {
    way.iter().try_fold(manifest, |value, key| value.get(*key))
}

/// The manifest with another value at a way through it; what is missing on the way is made.
fn set(manifest: &mut Value, way: &[&str], value: Value) {
    let mut place = manifest;
    for key in way {
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        place = &mut place[*key];
    }
    *place = value;
}

/// What two mappings of strings have in common, where that is anything.
fn in_common(before: Option<&Value>, after: Option<&Value>) -> Option<Value> {
    let (before, after) = (before?.as_object()?, after?.as_object()?);
    let common: serde_json::Map<String, Value> = after
        .iter()
        .filter(|(key, value)| before.get(*key) == Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    (!common.is_empty()).then_some(Value::Object(common))
}

/// A list of items told apart by a key: those of `after`, and those of `before` that are missing.
fn united(before: &[Value], after: &[Value], key: impl Fn(&Value) -> Value) -> Vec<Value> {
    let mut all = after.to_vec();
    all.extend(before.iter().filter(|item| !after.iter().any(|other| key(other) == key(item))).cloned());
    all
}
