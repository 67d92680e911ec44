//! Knative's gateway lists in a form that binds the old gateways and the new ones.
//!
//! The lists know one default only. Two forms bind a service to several gateways at once: the keys of before the lists, all of
//! which count (net-istio `pkg/reconciler/ingress/config/istio.go`), and list entries with a `labelSelector`, of which all that
//! match count (`resources/gateway.go` `GatewaysFromContext`). KServe labels every Knative service that it makes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Bridge, at, set};
use crate::engine::{Actor, Change, located, projected};
use crate::model::Object;
use crate::model::config_map::{CONFIG_ISTIO, ConfigMap};
use crate::model::istio_config::{GatewayEntry, IstioConfig, SHIPPED_LOCAL};
use crate::model::label_selector::{LabelSelector, Requirement};
use crate::model::version::Versions;
use crate::object::{Kind, ObjectKey};
use crate::plan::place::Place;
use crate::plan::space::Space;
use crate::view::View;

const LISTS: [&str; 2] = ["external-gateways", "local-gateways"];
const OLD_KEYS: [&str; 2] = ["gateway.", "local-gateway."];
/// The label that KServe gives every Knative service that it makes (kserve `pkg/constants` `InferenceServicePodLabelKey`).
const KSERVE_LABEL: &str = "serving.kserve.io/inferenceservice";

const LABELLED: &str = "Knative binds KServe's services to the old gateway and the new one: list entries with a labelSelector that matches them all";
const OLD_FORMAT: &str =
    "Knative binds every service to the old gateway and the new one: the keys of before the lists, all of which count";

/// Versions between two of `config-istio`.
pub(super) fn bridges_of_config_map(space: &Space<'_>, place: &Place) -> Vec<Bridge> {
    config_map_with(place, forms(space, &place.key))
}

/// Versions of `config-istio`, or of the KnativeServing that drives it, with the gateways of two configurations.
pub(super) fn binding(space: &Space<'_>, place: &Place, before: &IstioConfig, after: &IstioConfig) -> Vec<Bridge> {
    let forms = forms_of(space, before, after);
    if place.key.kind == Kind::KnativeServing { serving_with(place, forms) } else { config_map_with(place, forms) }
}

fn config_map_with(place: &Place, forms: Vec<(Map<String, Value>, &'static str)>) -> Vec<Bridge> {
    let Some(after) = place.after() else { return Vec::new() };
    let both = |data: Map<String, Value>| {
        let mut manifest = after.manifest.clone();
        let mut all: Map<String, Value> =
            at(&manifest, &["data"]).and_then(Value::as_object).cloned().unwrap_or_default();
        all.retain(|key, _| !is_gateway_key(key));
        all.extend(data);
        set(&mut manifest, &["data"], all.into());
        manifest
    };
    forms.into_iter().map(|(data, why)| (both(data), why)).collect()
}

/// Versions between two of a KnativeServing that drives `config-istio`.
pub(super) fn bridges_of_serving(space: &Space<'_>, place: &Place) -> Vec<Bridge> {
    let config = ObjectKey::new(Kind::ConfigMap, place.key.namespace.clone(), CONFIG_ISTIO);
    serving_with(place, forms(space, &config))
}

fn serving_with(place: &Place, mut forms: Vec<(Map<String, Value>, &'static str)>) -> Vec<Bridge> {
    let Some(after) = place.after() else { return Vec::new() };
    // From a list entry of this name the operator takes the namespace of the Service `knative-local-gateway`, and moves it
    // (operator `pkg/reconciler/knativeserving/ingress/ingress_service.go`); from a key it takes that of the key's value.
    let moves_service = |(data, _): &(Map<String, Value>, _)| {
        let list = data.get(LISTS[1]).and_then(Value::as_str).unwrap_or_default();
        list.contains(&format!("name: {SHIPPED_LOCAL}\n"))
    };
    forms.sort_by_key(moves_service);
    let mut bridges = Vec::new();
    for (data, why) in forms {
        // All else as it will be, or as it is.
        for version in [Some(after), place.before()].into_iter().flatten() {
            let mut manifest = version.manifest.clone();
            let name =
                if at(&manifest, &["spec", "config", "config-istio"]).is_some() { "config-istio" } else { "istio" };
            let way = ["spec", "config", name];
            let mut all: Map<String, Value> =
                at(&manifest, &way).and_then(Value::as_object).cloned().unwrap_or_default();
            all.retain(|key, _| !is_gateway_key(key));
            all.extend(data.clone());
            set(&mut manifest, &way, all.into());
            bridges.push((manifest, why));
        }
    }
    bridges
}

fn is_gateway_key(key: &str) -> bool {
    LISTS.contains(&key) || OLD_KEYS.iter().any(|prefix| key.starts_with(prefix))
}

/// The gateways of `config-istio` as it is and as it is wanted, in the forms that bind all of them.
fn forms(space: &Space<'_>, key: &ObjectKey) -> Vec<(Map<String, Value>, &'static str)> {
    let Some((before, after)) = parsed(space, key) else { return Vec::new() };
    forms_of(space, &before, &after)
}

/// `config-istio` as it is and as it is wanted.
pub(super) fn parsed(space: &Space<'_>, key: &ObjectKey) -> Option<(IstioConfig, IstioConfig)> {
    let view = View::of(space.base);
    let facts = located(&view, space.settings.facts.clone(), &[]);
    let parse = |object: Option<Object>| {
        let config_map = match object {
            Some(Object::ConfigMap(config_map)) => config_map,
            _ => Arc::new(ConfigMap { meta: crate::model::Meta::default(), data: BTreeMap::new() }),
        };
        IstioConfig::parse(&config_map, &key.namespace, &facts.cluster_domain, facts.versions).ok()
    };
    Some((parse(view.object(key).present())?, parse(wanted(space, key))?))
}

/// The gateways of two configurations in the forms that bind all of them.
fn forms_of(space: &Space<'_>, before: &IstioConfig, after: &IstioConfig) -> Vec<(Map<String, Value>, &'static str)> {
    let facts = located(&View::of(space.base), space.settings.facts.clone(), &[]);
    let mut forms = of_both(before, after, facts.versions);
    let has_old_keys =
        before.local.iter().chain(&before.external).any(|entry| entry.line.is_none() && !entry.is_shipped_default);
    if has_old_keys {
        forms.reverse();
    }
    forms
}

fn of_both(before: &IstioConfig, after: &IstioConfig, versions: Versions) -> Vec<(Map<String, Value>, &'static str)> {
    let lists = [(&before.external, &after.external), (&before.local, &after.local)];
    let mut forms = Vec::new();
    if versions.knative_has_gateway_lists() {
        let texts = LISTS.into_iter().zip(lists).filter(|(_, (old, new))| !is_shipped(old) || !is_shipped(new));
        forms.push((texts.map(|(key, (old, new))| (key.to_owned(), labelled(old, new).into())).collect(), LABELLED));
    }
    let has_selector = |entries: &[GatewayEntry]| entries.iter().any(|entry| entry.selector.is_some());
    if !lists.iter().any(|(old, new)| has_selector(old) || has_selector(new)) {
        let keys = OLD_KEYS.into_iter().zip(lists).filter(|(_, (old, new))| !is_shipped(old) || !is_shipped(new));
        let keys = keys.flat_map(|(prefix, (old, new))| {
            old.iter().chain(new).map(move |entry| {
                let gateway = &entry.gateway;
                (format!("{prefix}{}.{}", gateway.namespace, gateway.name), entry.service.as_str().into())
            })
        });
        forms.push((keys.collect(), OLD_FORMAT));
    }
    forms
}

fn is_shipped(entries: &[GatewayEntry]) -> bool {
    entries.iter().all(|entry| entry.is_shipped_default)
}

/// A list whose default is the old one, and whose labelled entries are all of both.
fn labelled(old: &[GatewayEntry], new: &[GatewayEntry]) -> String {
    let mut text = String::new();
    let mut told: Vec<&GatewayEntry> = Vec::new();
    for entry in old.iter().filter(|entry| entry.selector.is_none()) {
        write(&mut text, entry, None);
    }
    if same(old, new) {
        return text;
    }
    for entry in new.iter().chain(old) {
        if told.iter().any(|other| other.gateway == entry.gateway && other.selector == entry.selector) {
            continue;
        }
        told.push(entry);
        let selector = match &entry.selector {
            None => json!({"matchExpressions": [{"key": KSERVE_LABEL, "operator": "Exists"}]}),
            Some(selector) => written(selector),
        };
        write(&mut text, entry, Some(&selector));
    }
    text
}

fn written(selector: &LabelSelector) -> Value {
    let labels: BTreeMap<&str, &str> = selector.match_labels.iter().map(|(key, value)| (&**key, &**value)).collect();
    let expression = |requirement: &Requirement| {
        let values: Vec<&str> = requirement.values.iter().map(AsRef::as_ref).collect();
        json!({"key": &*requirement.key, "operator": &*requirement.operator, "values": values})
    };
    let expressions: Vec<Value> = selector.match_expressions.iter().map(expression).collect();
    json!({"matchLabels": labels, "matchExpressions": expressions})
}

fn same(old: &[GatewayEntry], new: &[GatewayEntry]) -> bool {
    let names = |entries: &[GatewayEntry]| -> Vec<_> {
        entries.iter().map(|entry| (entry.gateway.clone(), entry.service.clone(), entry.selector.clone())).collect()
    };
    names(old) == names(new)
}

fn write(text: &mut String, entry: &GatewayEntry, selector: Option<&Value>) {
    let GatewayEntry { gateway, service, .. } = entry;
    let (name, namespace) = (&gateway.name, &gateway.namespace);
    write!(text, "- name: {name}\n  namespace: {namespace}\n  service: {service}\n").ok();
    if let Some(selector) = selector {
        // JSON is YAML, and holds whatever a selector may.
        writeln!(text, "  labelSelector: {selector}").ok();
    }
}

/// `config-istio` as it is wanted: as it is given, or as the operator makes it.
fn wanted(space: &Space<'_>, key: &ObjectKey) -> Option<Object> {
    let view = View::of(space.base);
    let given = space.places.iter().find(|place| place.key == *key);
    let derived = space.places.iter().filter(|place| place.key.kind == Kind::KnativeServing).find_map(|place| {
        let object = |version: Option<&crate::plan::Version>| version.map(|version| version.object.clone());
        let (before, after) = (object(place.before()), object(place.after()));
        let change = Change { key: place.key.clone(), before, after, actor: Actor::Anybody };
        projected(&view, &change).into_iter().find(|(written, _)| written == key).map(|(_, object)| object)
    });
    match (given, derived) {
        (Some(place), _) => place.after().map(|version| version.object.clone()),
        (None, Some(derived)) => derived,
        (None, None) => view.object(key).present(),
    }
}
