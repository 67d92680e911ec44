//! What is not misalignment: layouts and edits that a checker of names would refuse, each as a change that is admitted.

use plumbline::engine::JudgeSettings;
use plumbline::object::Kind::{ConfigMap, IstioGateway, Service};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::distributions::{KSERVE, LOCAL, ingress};
use crate::{assert_admitted, assert_refused, found, stock};

const ISTIO: &str = "knative-serving/config-istio";

fn settings() -> JudgeSettings {
    JudgeSettings::default()
}

fn service(namespace: &str, name: &str, spec: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec})
        .to_string()
}

fn gateway(namespace: &str, name: &str, selector: &Value, number: u16, hosts: &[&str]) -> String {
    let server = json!({"port": {"number": number, "name": "http", "protocol": "HTTP"}, "hosts": hosts});
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"selector": selector, "servers": [server]},
    })
    .to_string()
}

fn ingress_pods() -> Value {
    json!({"istio": "ingressgateway"})
}

fn set(cluster: &Cluster, field: &str, value: &str) -> Cluster {
    ingress(cluster, KSERVE, |ingress| ingress[field] = value.into())
}

fn local_hosts(hosts: &[&str]) -> Cluster {
    stock().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"][0]["hosts"] = hosts.into())
}

/// Another Service in front of the pods and the port of Knative's local gateway.
fn second_service() -> Cluster {
    let spec = json!({"selector": ingress_pods(), "ports": [{"name": "http", "port": 80, "targetPort": 8081}]});
    let labelled = service("istio-system", "second", &spec).replace(
        r#""name":"second""#,
        r#""name":"second","labels":{"experimental.istio.io/disable-gateway-port-translation":"true"}"#,
    );
    stock().with(&labelled)
}

#[test]
fn the_same_pods_behind_two_services() {
    assert_admitted("the second Service", &stock(), &second_service(), &settings());
    let through = set(&second_service(), "localGatewayService", "second.istio-system.svc.cluster.local");
    assert_admitted("KServe through the second Service", &second_service(), &through, &settings());
}

#[test]
fn a_gateway_in_one_namespace_and_its_pods_in_another() {
    let elsewhere = stock().with(&gateway("anywhere", "local", &ingress_pods(), 8081, &["*"]));
    assert_admitted("the Gateway", &stock(), &elsewhere, &settings());
    assert_admitted("KServe's gateway", &elsewhere, &set(&elsewhere, "localGateway", "anywhere/local"), &settings());
}

#[test]
fn the_local_gateway_on_8081_behind_port_80() {
    assert_eq!(found(&stock(), &settings()), [] as [String; 0]);
    let number = |number: u16| {
        stock().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"][0]["port"]["number"] = number.into())
    };
    assert_refused("\"corrected\" to 80", &stock(), &number(80), &settings(), "no-listener at L3");
}

#[test]
fn hosts_of_many_forms() {
    for hosts in [&["*/*"][..], &["*.svc.cluster.local"], &["*/*.svc.cluster.local"], &["models/*"], &["*.local", "*"]]
    {
        assert_admitted(&format!("{hosts:?}"), &stock(), &local_hosts(hosts), &settings());
    }
    assert_refused(
        "the Gateway's own namespace",
        &stock(),
        &local_hosts(&["./*"]),
        &settings(),
        "no-virtual-host at L4",
    );
}

fn local_list(service: &str) -> Cluster {
    let list = format!("- name: knative-local-gateway\n  namespace: knative-serving\n  service: {service}\n");
    stock().edited(ConfigMap, ISTIO, |manifest| manifest["data"]["local-gateways"] = list.into())
}

#[test]
fn a_trailing_dot_in_config_istio() {
    let dotted = local_list("knative-local-gateway.istio-system.svc.cluster.local.");
    assert_admitted("a trailing dot", &stock(), &dotted, &settings());
}

#[test]
fn several_gateways_on_one_listener() {
    let more = stock().with(&gateway("apps", "shop", &ingress_pods(), 8081, &["*.shop.example.net"]));
    assert_admitted("one more", &stock(), &more, &settings());
    assert_eq!(found(&more, &settings()), [] as [String; 0]);
}

#[test]
fn a_gateway_of_kserves_own_in_front_of_knatives() {
    let spec = json!({"selector": ingress_pods(), "ports": [{"name": "http", "port": 80, "targetPort": 8083}]});
    let with_service = stock().with(&service("istio-system", "kserve-local", &spec).replace(
        r#""name":"kserve-local""#,
        r#""name":"kserve-local","labels":{"experimental.istio.io/disable-gateway-port-translation":"true"}"#,
    ));
    let ready =
        with_service.with(&gateway("istio-system", "kserve-local", &ingress_pods(), 8083, &["*.svc.cluster.local"]));
    let destination = "knative-local-gateway.istio-system.svc.cluster.local";
    let moved = ingress(&ready, KSERVE, |ingress| {
        ingress["localGateway"] = "istio-system/kserve-local".into();
        ingress["localGatewayService"] = "kserve-local.istio-system.svc.cluster.local".into();
        ingress["knativeLocalGatewayService"] = destination.into();
    });
    assert_admitted("a gateway of KServe's own", &ready, &moved, &settings());
    let forgotten = ingress(&moved, KSERVE, |ingress| ingress["knativeLocalGatewayService"] = "".into());
    assert_refused("the destination forgotten", &moved, &forgotten, &settings(), "no-virtual-host at L7");
}

#[test]
fn keys_in_another_order_or_case_and_json_reformatted() {
    let upper = ingress(&stock(), KSERVE, |ingress| {
        let fields = ingress.as_object().expect("an object").clone();
        *ingress = fields.into_iter().rev().map(|(field, value)| (field.to_uppercase(), value)).collect();
    });
    assert_admitted("upper-case keys", &stock(), &upper, &settings());
    let pretty = stock().edited(ConfigMap, KSERVE, |manifest| {
        let ingress: Value = serde_json::from_str(manifest["data"]["ingress"].as_str().expect("text")).expect("JSON");
        manifest["data"]["ingress"] = format!("\t{ingress:#}\n\n").into();
    });
    assert_admitted("reformatted", &stock(), &pretty, &settings());
}

#[test]
fn another_api_version_of_the_same_gateway() {
    for version in ["v1beta1", "v1alpha3"] {
        let other = stock().edited(IstioGateway, LOCAL, |manifest| {
            manifest["apiVersion"] = format!("networking.istio.io/{version}").into();
        });
        assert_admitted(version, &stock(), &other, &settings());
    }
}

#[test]
fn a_gateway_that_nobody_references() {
    let unused = stock().with(&gateway("apps", "unused", &json!({"istio": "nobody"}), 80, &["*"]));
    assert_admitted("created", &stock(), &unused, &settings());
    assert_admitted("deleted", &unused, &stock(), &settings());
}

#[test]
fn a_whole_second_istio() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "edge", "namespace": "istio-2"},
        "spec": {"selector": {"matchLabels": {"istio": "edge"}}, "template": {"metadata": {"labels": {"istio": "edge"}}}},
    });
    let spec =
        json!({"type": "LoadBalancer", "selector": {"istio": "edge"}, "ports": [{"port": 80, "targetPort": 8080}]});
    let steps = [
        deployment.to_string(),
        service("istio-2", "edge", &spec),
        gateway("istio-2", "edge", &json!({"istio": "edge"}), 80, &["*"]),
    ];
    let mut cluster = stock();
    for (number, step) in steps.iter().enumerate() {
        let next = cluster.clone().with(step);
        assert_admitted(&format!("step {number}"), &cluster, &next, &settings());
        cluster = next;
    }
    assert_eq!(found(&cluster, &settings()), [] as [String; 0]);
}

#[test]
fn no_operator_no_kserve_and_no_knative() {
    let without_kserve = stock().without(ConfigMap, KSERVE);
    let domain = without_kserve.clone().edited(ConfigMap, "knative-serving/config-domain", |manifest| {
        manifest["data"] = json!({"other.example.org": ""});
    });
    assert_admitted("no KServe yet", &without_kserve, &domain, &settings());
    let standard = Cluster::of(include_str!("open-data-hub.yaml"));
    let unrelated = standard.clone().with(&gateway("apps", "shop", &ingress_pods(), 80, &["*"]));
    assert_admitted("no Knative at all", &standard, &unrelated, &settings());
    assert_eq!(found(&standard, &settings()), [] as [String; 0]);
    let without_service = stock().without(Service, "istio-system/istio-ingressgateway");
    assert_admitted(
        "back again",
        &without_service,
        &without_service.clone().with(&gateway("a", "b", &json!({"c": "d"}), 80, &["*"])),
        &settings(),
    );
}
