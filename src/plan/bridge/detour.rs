//! A detour: requests go through copies of a Gateway and its Service while those of the old names move.
//!
//! A Gateway and a Service that move to other pods cannot do so in one write, and have no selector for both in common where the
//! old and the new pods share no label. Copies on the new pods can: KServe's and Knative's configuration name them for a while,
//! the objects move with nobody on them, and the configuration comes back.

use serde_json::Value;

use super::{Bridge, at, istio, kserve, set};
use crate::model::config_map::{CONFIG_ISTIO, INFERENCE_SERVICE_CONFIG};
use crate::model::istio_config::{GatewayEntry, IstioConfig};
use crate::model::names::GatewayRef;
use crate::object::{Kind, ObjectKey};
use crate::plan::edit::set_string;
use crate::plan::place::{Choice, Place, Version};
use crate::plan::space::Space;
use crate::syntax::json;
use crate::view::Lookup;

const SUFFIX: &str = "-detour";
const COPY: &str = "a copy on the new pods, which carries requests while the one of the old name moves";
const THERE: &str = "requests go through the copies for a while";

/// What of a Service is its own, and no copy's.
const OWN_FIELDS: [&str; 6] =
    ["clusterIP", "clusterIPs", "healthCheckNodePort", "externalTrafficPolicy", "loadBalancerIP", "externalIPs"];

/// The places with copies of the Gateways and Services that move, and configuration that names these; `None` where none moves.
pub(in crate::plan) fn places(space: &Space<'_>, bridged: &[Place], standing: &[Place]) -> Option<Vec<Place>> {
    let mut places = bridged.to_vec();
    places.extend(standing.iter().cloned());
    let moving = space.places.iter().filter(|place| {
        let selector = |version: Option<&Version>| {
            version.and_then(|version| at(&version.manifest, &["spec", "selector"]).cloned())
        };
        matches!(place.key.kind, Kind::IstioGateway | Kind::Service)
            && place.before().is_some()
            && place.after().is_some()
            && selector(place.before()) != selector(place.after())
    });
    let copies: Vec<Place> = moving.filter_map(|place| copy(space, place)).collect();
    let originals: Vec<ObjectKey> = copies.iter().filter_map(|copy| original(&copy.key)).collect();
    if originals.is_empty() {
        return None;
    }
    for place in &mut places {
        let bridges = match (place.key.kind, &*place.key.name) {
            (Kind::ConfigMap, INFERENCE_SERVICE_CONFIG) => kserve_bridges(place, &originals),
            (Kind::ConfigMap, CONFIG_ISTIO) | (Kind::KnativeServing, _) => istio_bridges(space, place, &originals),
            _ => Vec::new(),
        };
        for (manifest, why) in bridges {
            place.add(manifest, why);
        }
    }
    places.extend(copies);
    Some(places)
}

/// A copy of an object as it will be, which comes and goes.
fn copy(space: &Space<'_>, place: &Place) -> Option<Place> {
    let key = ObjectKey { name: copied(&place.key.name).into(), ..place.key.clone() };
    if !matches!(space.base.object(&key), Lookup::Absent) {
        return None;
    }
    let mut manifest = place.after()?.manifest.clone();
    set(&mut manifest, &["metadata", "name"], (*key.name).into());
    if place.key.kind == Kind::Service {
        make_local(&mut manifest);
    }
    let version = Version::read(&key, manifest).ok()?;
    let choice = |version, bridge| Choice { version, bridge };
    Some(Place { key, choices: vec![choice(None, None), choice(Some(version), Some(COPY)), choice(None, None)] })
}

/// Takes from a Service what it cannot share: addresses, and what makes it public.
fn make_local(manifest: &mut Value) {
    if let Some(Value::Object(spec)) = manifest.get_mut("spec") {
        spec.retain(|field, _| !OWN_FIELDS.contains(&field.as_str()));
        spec.insert("type".to_owned(), "ClusterIP".into());
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().map(|port| port.remove("nodePort"));
        }
    }
    if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
        metadata.remove("annotations");
    }
}

fn copied(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

fn original(copy: &ObjectKey) -> Option<ObjectKey> {
    let name = copy.name.strip_suffix(SUFFIX)?;
    Some(ObjectKey::new(copy.kind, copy.namespace.clone(), name))
}

/// KServe's configuration with its own gateway, or Knative's, or both, by way of the copies.
fn kserve_bridges(place: &Place, originals: &[ObjectKey]) -> Vec<Bridge> {
    let mut bridges = Vec::new();
    for version in [place.after(), place.before()].into_iter().flatten() {
        let Some(text) = at(&version.manifest, &kserve::INGRESS).and_then(Value::as_str) else { continue };
        let Ok(node) = json::parse(text) else { continue };
        let value = |field: &str| kserve::effective(&node, field).unwrap_or_default();
        let own = [("localGateway", gateway_copy as Rename), ("localGatewayService", service_copy)];
        let knative = [("knativeLocalGatewayService", service_copy as Rename)];
        for fields in [&own[..], &knative[..], &[own[0], own[1], knative[0]]] {
            let edited = fields.iter().try_fold(text.to_owned(), |text, (field, rename)| {
                set_string(&text, field, &rename(&value(field), originals))
            });
            // Where Knative is called stays as it is unless it is said to change.
            let is_said = fields.iter().any(|(field, _)| *field == knative[0].0);
            let edited = edited.and_then(|text| {
                if is_said { Some(text) } else { set_string(&text, knative[0].0, &value(knative[0].0)) }
            });
            let Some(edited) = edited else { continue };
            let mut manifest = version.manifest.clone();
            set(&mut manifest, &kserve::INGRESS, edited.into());
            bridges.push((manifest, THERE));
        }
    }
    bridges
}

/// What a name becomes on the detour.
type Rename = fn(&str, &[ObjectKey]) -> String;

/// `namespace/name` of a copy, where the Gateway has one.
fn gateway_copy(name: &str, originals: &[ObjectKey]) -> String {
    let is_copied = originals.iter().any(|key| key.kind == Kind::IstioGateway && key.qualified_name() == name);
    if is_copied { copied(name) } else { name.to_owned() }
}

/// The host of a copy, where the Service has one.
fn service_copy(host: &str, originals: &[ObjectKey]) -> String {
    let mut services = originals.iter().filter(|key| key.kind == Kind::Service);
    let rest = |key: &ObjectKey| host.strip_prefix(&format!("{}.{}.", key.name, key.namespace)).map(str::to_owned);
    let found = services.find_map(|key| Some((key, rest(key)?)));
    found.map_or_else(|| host.to_owned(), |(key, rest)| format!("{}.{}.{rest}", copied(&key.name), key.namespace))
}

/// Knative's configuration with the copies beside the originals.
fn istio_bridges(space: &Space<'_>, place: &Place, originals: &[ObjectKey]) -> Vec<Bridge> {
    let config = ObjectKey::new(Kind::ConfigMap, place.key.namespace.clone(), CONFIG_ISTIO);
    let Some((before, after)) = istio::parsed(space, &config) else { return Vec::new() };
    let with_copies = |entries: &[GatewayEntry]| -> Vec<GatewayEntry> {
        let copies = entries.iter().filter_map(|entry| {
            let GatewayRef { namespace, name } = &entry.gateway;
            let is_copied = |key: &&ObjectKey| {
                key.kind == Kind::IstioGateway && *key.namespace == **namespace && *key.name == **name
            };
            originals.iter().find(is_copied)?;
            let gateway = GatewayRef { namespace: namespace.clone(), name: copied(name) };
            let service = service_copy(&entry.service, originals);
            Some(GatewayEntry { gateway, service, is_shipped_default: false, ..entry.clone() })
        });
        entries.iter().cloned().chain(copies.collect::<Vec<_>>()).collect()
    };
    let wider = IstioConfig { local: with_copies(&after.local), ..after };
    let mut bridges = istio::binding(space, place, &before, &wider);
    for (_, why) in &mut bridges {
        *why = THERE;
    }
    bridges
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_what_is_copied_become_names_of_the_copies() {
        let originals = [ObjectKey::new(Kind::IstioGateway, "k", "gw"), ObjectKey::new(Kind::Service, "i", "svc")];
        assert_eq!(gateway_copy("k/gw", &originals), "k/gw-detour");
        assert_eq!(gateway_copy("k/other", &originals), "k/other");
        assert_eq!(service_copy("svc.i.svc.cluster.local", &originals), "svc-detour.i.svc.cluster.local");
        assert_eq!(service_copy("svc.j.svc.cluster.local", &originals), "svc.j.svc.cluster.local");
    }

    #[test]
    fn a_copy_of_a_service_is_nobodys_public_address() {
        let mut service = json!({
            "metadata": {"name": "a", "annotations": {"external-dns.alpha.kubernetes.io/hostname": "*"}},
            "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30080}]},
        });
        make_local(&mut service);
        let expected = json!({"metadata": {"name": "a"}, "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}});
        assert_eq!(service, expected);
    }
}
