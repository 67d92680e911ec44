//! What the Knative operator writes after a `KnativeServing` (operator `pkg/reconciler/knativeserving/ingress/istio.go`,
//! `ingress_service.go`, `pkg/reconciler/common/config_maps.go`): only what the write makes different.

use serde_json::{Map, Value, json};

use super::{DOMAINS, GATEWAYS, ISTIO, NETWORK, Objects, SERVICES, config_map, place, shipped};

/// The objects that are written, or taken away.
pub(super) fn follows(objects: &Objects, was: Option<&Value>, is: Option<&Value>) -> Vec<(String, Option<Value>)> {
    let mut writes = Vec::new();
    for (key, long, short) in
        [(ISTIO, "config-istio", "istio"), (DOMAINS, "config-domain", "domain"), (NETWORK, "config-network", "network")]
    {
        let exists = |serving: Option<&Value>| serving.is_some() && (key != ISTIO || installs(serving));
        let given = |serving: Option<&Value>| -> Map<String, Value> {
            let config = serving.map(|serving| serving["spec"]["config"].clone()).unwrap_or_default();
            let given = [long, short].into_iter().find(|name| !config[*name].is_null());
            given.and_then(|name| config[name].as_object().cloned()).unwrap_or_default()
        };
        let (had, has) = (given(was), given(is));
        if had == has && exists(was) == exists(is) {
            continue;
        }
        if !exists(is) {
            writes.push((key.to_owned(), None));
            continue;
        }
        let mut config = objects.get(key).cloned().unwrap_or_else(|| config_map(key, json!({})));
        if !config["data"].is_object() {
            config["data"] = json!({});
        }
        if let Some(data) = config["data"].as_object_mut() {
            data.retain(|key, _| !had.contains_key(key));
            data.extend(has);
        }
        writes.push((key.to_owned(), Some(config)));
    }
    for (place, field) in [(GATEWAYS[0], "knative-ingress-gateway"), (GATEWAYS[1], "knative-local-gateway")] {
        let (had, has) = (gateway_spec(was, field), gateway_spec(is, field));
        if had != has {
            let key = format!("Gateway {place}");
            writes.push((key.clone(), has.map(|spec| with_spec(objects, &key, "spec", spec))));
        }
    }
    let service = |serving: Option<&Value>| {
        let chosen = serving?["spec"]["ingress"]["istio"]["knative-local-gateway"]["selector"].clone();
        let selector = if is_empty(&chosen) { json!({"istio": "ingressgateway"}) } else { chosen };
        installs(serving).then(|| (format!("Service {}/{}", service_namespace(serving), SERVICES[1]), selector))
    };
    match (service(was), service(is)) {
        (was, is) if was == is => {}
        // One that only moves leaves the old one behind.
        (_, Some((key, selector))) => {
            let object = with_spec(objects, &key, "selector", selector);
            writes.push((key, Some(object)));
        }
        (Some((key, _)), None) => writes.push((key, None)),
        (None, None) => {}
    }
    writes.retain(|(key, object)| objects.get(key) != object.as_ref());
    writes
}

/// Whether the operator installs net-istio: without `spec.ingress` it does.
fn installs(serving: Option<&Value>) -> bool {
    let ingress = serving.map(|serving| serving["spec"]["ingress"].clone());
    ingress.is_some_and(|ingress| ingress.is_null() || ingress["istio"]["enabled"] == true)
}

/// The namespace of the Service `knative-local-gateway`: as the operator from 1.21 on finds it in the gateway list or key.
fn service_namespace(serving: Option<&Value>) -> String {
    let config = serving.map(|serving| serving["spec"]["config"].clone()).unwrap_or_default();
    let named = ["config-istio", "istio"].into_iter().find_map(|name| {
        let data = &config[name];
        let list: Value = serde_json::from_str(data["local-gateways"].as_str().unwrap_or("[]")).unwrap_or_default();
        let entry = list.as_array().into_iter().flatten().find(|entry| entry["name"] == SERVICES[1]);
        let old = data["local-gateway.knative-serving.knative-local-gateway"].as_str();
        let from_list = entry.and_then(|entry| entry["namespace"].as_str()).map(str::to_owned);
        from_list.or_else(|| old.and_then(|service| service.split('.').nth(1)).map(str::to_owned))
    });
    named.unwrap_or_else(|| "istio-system".to_owned())
}

fn gateway_spec(serving: Option<&Value>, field: &str) -> Option<Value> {
    let overrides = &serving?["spec"]["ingress"]["istio"][field];
    let number = if field == "knative-local-gateway" { 8081 } else { 80 };
    let or = |field: &str, shipped: Value| if is_empty(&overrides[field]) { shipped } else { overrides[field].clone() };
    let port = json!({"name": "http", "number": number, "protocol": "HTTP"});
    let spec = json!({
        "selector": or("selector", json!({"istio": "ingressgateway"})),
        "servers": or("servers", json!([{"hosts": ["*"], "port": port}])),
    });
    installs(serving).then_some(spec)
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_none_or(Map::is_empty) && value.as_array().is_none_or(Vec::is_empty)
}

/// An object as it is, or else as it is shipped, with its `spec`, or one field of that, written anew.
fn with_spec(objects: &Objects, key: &str, field: &str, value: Value) -> Value {
    let mut object = objects.get(key).cloned().unwrap_or_else(|| {
        let is_service = key.starts_with("Service ");
        let stock = format!("Service istio-system/{}", SERVICES[1]);
        let mut object = shipped()[if is_service { &stock } else { key }].clone();
        if is_service {
            object["metadata"]["namespace"] = place(key).0.into();
            let label = "experimental.istio.io/disable-gateway-port-translation";
            object["metadata"]["labels"] = json!({label: "true"});
            let port = |name: &str, port: u16, target: u16| json!({"name": name, "port": port, "protocol": "TCP", "targetPort": target});
            object["spec"]["ports"] = json!([port("http2", 80, 8081), port("https", 443, 8444)]);
        }
        object
    });
    if field == "spec" {
        object["spec"] = value;
    } else {
        object["spec"][field] = value;
    }
    object
}
