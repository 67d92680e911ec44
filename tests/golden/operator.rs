//! What the Knative operator makes of a KnativeServing (12.6).

use plumbline::model::Object;
use plumbline::model::knative_serving::KnativeServing;
use plumbline::object::ObjectKey;
use plumbline::operator::project;
use plumbline::view::{Snapshot, View};
use serde_json::{Value, json};

use crate::cluster::read;
use crate::compare;

fn serving(namespace: &str, spec: Value) -> std::sync::Arc<KnativeServing> {
    let manifest = json!({
        "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": namespace}, "spec": spec,
    });
    match read(&manifest).1 {
        Object::KnativeServing(serving) => serving,
        other => panic!("{other:?}"),
    }
}

/// What is written where there was nothing, or over what was there, in words.
fn projected(before: Option<&KnativeServing>, after: Option<&KnativeServing>) -> String {
    let snapshot = Snapshot::default();
    let writes = project(&View::of(&snapshot), before, after);
    let mut words: Vec<_> = writes.iter().filter_map(|(key, object)| describe(key, object.as_ref())).collect();
    words.sort();
    words.join("; ")
}

fn describe(key: &ObjectKey, object: Option<&Object>) -> Option<String> {
    let labels = |labels: &plumbline::model::Labels| {
        let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    };
    let what = match object {
        None => "gone".to_owned(),
        Some(Object::IstioGateway(gateway)) => {
            let ports: Vec<_> = gateway.servers.iter().map(|server| server.number.to_string()).collect();
            format!("{} {}", labels(&gateway.selector), ports.join(","))
        }
        Some(Object::Service(service)) => labels(&service.selector),
        Some(Object::ConfigMap(config_map)) if &*key.name == "config-istio" => {
            config_map.data.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")
        }
        Some(_) => return None,
    };
    Some(format!("{} {}: {what}", key.kind, key.qualified_name()))
}

const SHIPPED: &str = "ConfigMap knative-serving/config-istio: ; \
    Gateway knative-serving/knative-ingress-gateway: istio=ingressgateway 80; \
    Gateway knative-serving/knative-local-gateway: istio=ingressgateway 8081; \
    Service istio-system/knative-local-gateway: istio=ingressgateway";

#[test]
fn a_new_knative_serving() {
    let entry =
        |namespace: &str| format!("- {{name: knative-local-gateway, namespace: {namespace}, service: x.y.svc}}");
    let structured = entry("knative-serving");
    let background = json!({
        "config": {"istio": {"local-gateways": "list"}},
        "ingress": {"istio": {"enabled": true, "knative-local-gateway": {"selector": {"app": "custom"}}}},
    });
    let rows = [
        ("empty", "knative-serving", json!({}), SHIPPED.to_owned()),
        ("another namespace", "serving-x", json!({}), SHIPPED.replace("knative-serving/", "serving-x/")),
        ("spec.ingress null", "knative-serving", json!({"ingress": null}), SHIPPED.to_owned()),
        ("spec.ingress empty", "knative-serving", json!({"ingress": {}}), String::new()),
        ("kourier", "knative-serving", json!({"ingress": {"kourier": {"enabled": true}}}), String::new()),
        ("istio disabled", "knative-serving", json!({"ingress": {"istio": {"enabled": false}}}), String::new()),
        (
            "the documented structured default",
            "knative-serving",
            json!({"config": {"istio": {"local-gateways": structured}}}),
            SHIPPED
                .replace("config-istio: ", &format!("config-istio: local-gateways: {structured}"))
                .replace("istio-system/", "knative-serving/"),
        ),
        (
            "the background document",
            "knative-serving",
            background,
            SHIPPED
                .replace("config-istio: ", "config-istio: local-gateways: list")
                .replace("istio=ingressgateway 8081", "app=custom 8081")
                .replace("knative-local-gateway: istio=ingressgateway", "knative-local-gateway: app=custom"),
        ),
        (
            "an old key",
            "knative-serving",
            json!({"config": {"istio": {"local-gateway.knative-serving.knative-local-gateway": "a.istio-2.svc"}}}),
            SHIPPED
                .replace(
                    "config-istio: ",
                    "config-istio: local-gateway.knative-serving.knative-local-gateway: a.istio-2.svc",
                )
                .replace("istio-system/", "istio-2/"),
        ),
        (
            "both names",
            "knative-serving",
            json!({"config": {"istio": {"a": "1"}, "config-istio": {"b": "2"}}}),
            SHIPPED.replace("config-istio: ", "config-istio: b: 2"),
        ),
    ];
    compare(rows.map(|(row, namespace, spec, expected)| {
        // ConfigMaps of Serving itself come whatever the ingress is.
        (row.to_owned(), expected, projected(None, Some(&serving(namespace, spec))))
    }));
}

#[test]
fn a_change_writes_what_differs() {
    let stock = serving("knative-serving", json!({}));
    let selector = json!({"istio": "other"});
    let overridden = serving(
        "knative-serving",
        json!({"ingress": {"istio": {"enabled": true, "knative-local-gateway": {"selector": selector}}}}),
    );
    let expected = "Gateway knative-serving/knative-local-gateway: istio=other 8081; \
        Service istio-system/knative-local-gateway: istio=other";
    assert_eq!(projected(Some(&stock), Some(&overridden)), expected);
    let replicas = serving("knative-serving", json!({"high-availability": {"replicas": 2}}));
    assert_eq!(projected(Some(&stock), Some(&replicas)), "", "fields that configure no gateway write nothing");
    let gone = "ConfigMap knative-serving/config-domain: gone; \
        ConfigMap knative-serving/config-istio: gone; \
        ConfigMap knative-serving/config-network: gone; \
        Gateway knative-serving/knative-ingress-gateway: gone; \
        Gateway knative-serving/knative-local-gateway: gone; \
        Service istio-system/knative-local-gateway: gone";
    assert_eq!(projected(Some(&stock), None), gone, "the operator takes its manifests away");
}
