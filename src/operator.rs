//! What the Knative operator makes of a KnativeServing: the objects it would write, laid over the cluster.
//!
//! Only what differs between the KnativeServing before and after a write is projected. What the operator would revert
//! anyway (a Gateway edited by hand) is not blamed on a write that has nothing to do with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::config_map::{CONFIG_DOMAIN, CONFIG_ISTIO, CONFIG_NETWORK, ConfigMap};
use crate::model::istio_config::{SHIPPED_EXTERNAL, SHIPPED_LOCAL};
use crate::model::istio_gateway::{IstioGateway, Protocol, Server};
use crate::model::knative_serving::{GatewayOverride, KnativeServing};
use crate::model::service::{NO_PORT_TRANSLATION_LABEL, Service, ServiceKind, ServicePort, TargetPort};
use crate::model::{Labels, Meta, Object};
use crate::object::{Kind, ObjectKey};
use crate::syntax::{Value, yaml};
use crate::view::{Lookup, View};

/// The namespace of the Service `knative-local-gateway`, unless a gateway list moves it.
const ISTIO_NAMESPACE: &str = "istio-system";
/// Where the shipped local Gateway listens, and its Service leads.
const LOCAL_PORT: u16 = 8081;

/// The objects that the operator would write or delete, given what a KnativeServing was and would be.
pub fn project(
    view: &View<'_>,
    before: Option<&KnativeServing>,
    after: Option<&KnativeServing>,
) -> Vec<(ObjectKey, Option<Object>)> {
    let Some(namespace) = after.or(before).map(|serving| serving.key.namespace.clone()) else { return Vec::new() };
    let mut writes = Vec::new();
    for name in [CONFIG_ISTIO, CONFIG_DOMAIN, CONFIG_NETWORK] {
        let key = ObjectKey::new(Kind::ConfigMap, namespace.clone(), name);
        writes.extend(project_config_map(view, key, before, after));
    }
    for name in [SHIPPED_EXTERNAL, SHIPPED_LOCAL] {
        let key = ObjectKey::new(Kind::IstioGateway, namespace.clone(), name);
        let derive = |serving: &KnativeServing| derived_gateway(serving, name);
        let (was, is) = (before.and_then(derive), after.and_then(derive));
        if was != is {
            let live = view.gateway(&key.namespace, &key.name).present();
            writes.push((key, is.map(|gateway| Object::IstioGateway(keep_age(gateway, live.as_deref())))));
        }
    }
    writes.extend(project_service(view, before, after));
    writes
}

/// Whether an object is one that the operator derives from a KnativeServing in this namespace.
#[must_use]
pub fn is_derived(key: &ObjectKey, serving: &KnativeServing) -> bool {
    let here = key.namespace == serving.key.namespace;
    match key.kind {
        Kind::ConfigMap => here && matches!(&*key.name, CONFIG_ISTIO | CONFIG_DOMAIN | CONFIG_NETWORK),
        Kind::IstioGateway => {
            here && serving.installs_istio() && matches!(&*key.name, SHIPPED_EXTERNAL | SHIPPED_LOCAL)
        }
        Kind::Service => serving.installs_istio() && *key == service_key(serving),
        _ => false,
    }
}

/// One of the two Gateways that Knative ships, as the operator writes it; `None` where it installs no net-istio.
#[must_use]
pub fn derived_gateway(serving: &KnativeServing, name: &'static str) -> Option<Arc<IstioGateway>> {
    let (number, overrides) = match name {
        SHIPPED_LOCAL => (LOCAL_PORT, local_override(serving)),
        _ => (80, external_override(serving)),
    };
    let key = ObjectKey::new(Kind::IstioGateway, serving.key.namespace.clone(), name);
    serving.installs_istio().then(|| shipped_gateway(&key, number, overrides))
}

/// The Service `knative-local-gateway`, as the operator writes it; `None` where it installs no net-istio.
#[must_use]
pub fn derived_service(serving: &KnativeServing) -> Option<Service> {
    serving.installs_istio().then(|| shipped_service(serving))
}

fn external_override(serving: &KnativeServing) -> Option<&GatewayOverride> {
    serving.ingress.as_ref().map(|ingress| &ingress.external_override)
}

fn local_override(serving: &KnativeServing) -> Option<&GatewayOverride> {
    serving.ingress.as_ref().map(|ingress| &ingress.local_override)
}

/// The three-way merge of `manifestival`: keys that the KnativeServing no longer names go, keys that somebody added by
/// hand stay, keys that it names are written.
fn project_config_map(
    view: &View<'_>,
    key: ObjectKey,
    before: Option<&KnativeServing>,
    after: Option<&KnativeServing>,
) -> Option<(ObjectKey, Option<Object>)> {
    let managed = |serving: Option<&KnativeServing>| -> BTreeMap<String, Arc<str>> {
        serving.and_then(|serving| serving.config_for(&key.name)).map(|(_, data)| data.clone()).unwrap_or_default()
    };
    let exists = |serving: Option<&KnativeServing>| {
        // `config-istio` comes with net-istio; the others with Serving itself.
        serving.is_some_and(|serving| &*key.name != CONFIG_ISTIO || serving.installs_istio())
    };
    let (was, is) = (managed(before), managed(after));
    if was == is && exists(before) == exists(after) {
        return None;
    }
    if !exists(after) {
        return Some((key, None));
    }
    let live = view.config_map(&key.namespace, &key.name);
    if matches!(live, Lookup::Unknown(_)) {
        return None;
    }
    let live = live.present();
    let mut data = live.as_ref().map(|config_map| config_map.data.clone()).unwrap_or_default();
    data.retain(|name, _| !was.contains_key(name));
    data.extend(is.into_iter().filter(|(name, _)| name != "_example"));
    let meta = live.map(|config_map| config_map.meta.clone()).unwrap_or_default();
    Some((key, Some(Object::ConfigMap(Arc::new(ConfigMap { meta, data })))))
}

/// The Gateway as the operator ships it (net-istio `config/202-gateway.yaml`, `203-local-gateway.yaml`), overridden.
fn shipped_gateway(key: &ObjectKey, number: u16, overrides: Option<&GatewayOverride>) -> Arc<IstioGateway> {
    let mut gateway = IstioGateway {
        key: key.clone(),
        meta: Meta::default(),
        selector: shipped_selector(),
        servers: vec![Server {
            number,
            protocol: Protocol::Http,
            protocol_name: "HTTP".into(),
            hosts: vec!["*".into()],
            bind: "".into(),
            tls: None,
        }],
    };
    if let Some(overrides) = overrides {
        if !overrides.selector.is_empty() {
            gateway.selector.clone_from(&overrides.selector);
        }
        if !overrides.servers.is_empty() {
            gateway.servers.clone_from(&overrides.servers);
        }
    }
    Arc::new(gateway)
}

fn shipped_selector() -> Labels {
    Labels::from([("istio".into(), "ingressgateway".into())])
}

fn keep_age(gateway: Arc<IstioGateway>, live: Option<&IstioGateway>) -> Arc<IstioGateway> {
    let Some(live) = live else { return gateway };
    Arc::new(IstioGateway { meta: live.meta.clone(), ..(*gateway).clone() })
}

fn project_service(
    view: &View<'_>,
    before: Option<&KnativeServing>,
    after: Option<&KnativeServing>,
) -> Vec<(ObjectKey, Option<Object>)> {
    let (was, is) = (before.and_then(derived_service), after.and_then(derived_service));
    if was == is {
        return Vec::new();
    }
    let mut writes = Vec::new();
    match (was, is) {
        // The operator takes its manifests away when Istio is switched off or the resource is deleted. A Service that only
        // moved stays behind: nobody owns it, and the manifest that would delete it is already the new one.
        (Some(was), None) => writes.push((was.key.clone(), None)),
        (_, Some(is)) => {
            let live = view.service(&is.key.namespace, &is.key.name).present();
            let service = match live {
                Some(live) => Service { selector: is.selector.clone(), ..(*live).clone() },
                None => is,
            };
            writes.push((service.key.clone(), Some(Object::Service(Arc::new(service)))));
        }
        (None, None) => {}
    }
    writes
}

fn shipped_service(serving: &KnativeServing) -> Service {
    let overridden =
        local_override(serving).map(|overrides| overrides.selector.clone()).filter(|labels| !labels.is_empty());
    let port = |name: &'static str, port, target| ServicePort {
        name: name.into(),
        port,
        target: TargetPort::Number(target),
        tcp: true,
        mesh_protocol: name,
    };
    let labels = Labels::from([(NO_PORT_TRANSLATION_LABEL.into(), "true".into())]);
    Service {
        key: service_key(serving),
        meta: Meta { labels, ..Meta::default() },
        kind: ServiceKind::ClusterIp,
        selector: overridden.unwrap_or_else(shipped_selector),
        ports: vec![port("http2", 80, LOCAL_PORT), port("https", 443, 8444)],
        headless: false,
        external_name: "".into(),
    }
}

/// The Service `knative-local-gateway`, in the namespace that a gateway list gives it (operator
/// `pkg/reconciler/knativeserving/ingress/ingress_service.go`).
fn service_key(serving: &KnativeServing) -> ObjectKey {
    let moved = ["config-istio", "istio"].into_iter().find_map(|name| {
        let data = serving.config.get(name)?;
        list_namespace(data).or_else(|| old_namespace(data, &serving.key.namespace))
    });
    let namespace = moved.unwrap_or_else(|| ISTIO_NAMESPACE.to_owned());
    ObjectKey::new(Kind::Service, namespace, SHIPPED_LOCAL)
}

/// The Gateway's namespace of the list entry that is named as the shipped local Gateway.
fn list_namespace(data: &BTreeMap<String, Arc<str>>) -> Option<String> {
    let node = yaml::parse(data.get("local-gateways")?).ok()?;
    let Value::Sequence(items) = node.value else { return None };
    items.iter().find_map(|item| {
        let text = |field: &'static str| match &item.fields(field).last()?.value.value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        };
        (text("name")? == SHIPPED_LOCAL).then(|| text("namespace")).flatten().filter(|namespace| !namespace.is_empty())
    })
}

fn old_namespace(data: &BTreeMap<String, Arc<str>>, namespace: &str) -> Option<String> {
    let service = data.get(&format!("local-gateway.{namespace}.{SHIPPED_LOCAL}"))?;
    service.split('.').nth(1).map(str::to_owned)
}
