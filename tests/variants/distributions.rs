//! The distributions of KServe and Knative: each yields what is wrong with it and no more, admits a harmless change and
//! refuses a breaking one.

use std::sync::Arc;

use plumbline::engine::JudgeSettings;
use plumbline::object::Kind::{ConfigMap, Deployment, IstioGateway, KnativeServing, Service};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::{assert_admitted, assert_refused, found, judged, stock};

pub(crate) const KSERVE: &str = "kserve/inferenceservice-config";
pub(crate) const LOCAL: &str = "knative-serving/knative-local-gateway";

/// KServe's `data.ingress` edited as JSON.
pub(crate) fn ingress(cluster: &Cluster, name: &str, edit: impl FnOnce(&mut Value)) -> Cluster {
    cluster.clone().edited(ConfigMap, name, |manifest| {
        let text = manifest["data"]["ingress"].as_str().expect("text");
        let mut ingress: Value = serde_json::from_str(text).expect("JSON");
        edit(&mut ingress);
        manifest["data"]["ingress"] = ingress.to_string().into();
    })
}

fn set(cluster: &Cluster, name: &str, field: &str, value: impl Into<Value>) -> Cluster {
    ingress(cluster, name, |ingress| ingress[field] = value.into())
}

fn deploy(cluster: Cluster, name: &str, mode: &str) -> Cluster {
    cluster.edited(ConfigMap, name, |manifest| {
        manifest["data"]["deploy"] = json!({ "defaultDeploymentMode": mode }).to_string().into();
    })
}

/// A ConfigMap of a name in another namespace.
fn moved(cluster: &Cluster, from: &str, to: &str) -> Cluster {
    let (namespace, name) = from.split_once('/').expect("namespace/name");
    let manifest = &cluster.objects[&plumbline::object::ObjectKey::new(ConfigMap, namespace, name)];
    let mut manifest = manifest.clone();
    manifest["metadata"]["namespace"] = to.into();
    cluster.clone().without(ConfigMap, from).with(&manifest.to_string())
}

fn nothing(cluster: &Cluster, settings: &JudgeSettings) {
    assert_eq!(found(cluster, settings), [] as [String; 0]);
}

#[test]
fn kserve_kustomize() {
    let settings = JudgeSettings::default();
    nothing(&stock(), &settings);
    assert_admitted("scheme written out", &stock(), &set(&stock(), KSERVE, "urlScheme", ""), &settings);
    let typo = set(&stock(), KSERVE, "localGateway", "knative-serving/knative-local-gatewy");
    assert_refused("a typo", &stock(), &typo, &settings, "no-virtual-host at L4");
}

#[test]
fn kserve_quick_install() {
    let settings = JudgeSettings::default();
    let serving = json!({
        "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
        "spec": {"config": {"domain": {"example.com": ""}}},
    });
    let helm = |manifest: &mut Value| manifest["spec"]["ports"][1]["targetPort"] = 80.into();
    let cluster = stock().edited(Service, "istio-system/istio-ingressgateway", helm).with(&serving.to_string());
    nothing(&cluster, &settings);
    let spec = |spec: Value| {
        cluster.clone().edited(KnativeServing, "knative-serving/knative-serving", |manifest| manifest["spec"] = spec)
    };
    let replicas = json!({"config": {"domain": {"example.com": ""}}, "high-availability": {"replicas": 2}});
    assert_admitted("replicas", &cluster, &spec(replicas), &settings);
    let no_plugin = json!({"config": {"domain": {"example.com": ""}}, "ingress": {}});
    assert_refused("spec.ingress: {}", &cluster, &spec(no_plugin), &settings, "no-such-service at L2");
}

#[test]
fn kourier() {
    let settings = JudgeSettings::default();
    let serving = json!({
        "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
        "spec": {
            "ingress": {"kourier": {"enabled": true}},
            "config": {"network": {"ingress-class": "kourier.ingress.networking.knative.dev"}},
        },
    });
    let network = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-network", "namespace": "knative-serving"},
        "data": {"ingress-class": "kourier.ingress.networking.knative.dev"},
    });
    let cluster = ["knative-ingress-gateway", "knative-local-gateway"]
        .into_iter()
        .fold(stock(), |cluster, name| cluster.without(IstioGateway, &format!("knative-serving/{name}")))
        .without(ConfigMap, "knative-serving/config-istio")
        .without(Service, "istio-system/knative-local-gateway")
        .without(Service, "istio-system/istio-ingressgateway")
        .without(Deployment, "istio-system/istio-ingressgateway")
        .with(&serving.to_string())
        .with(&network.to_string());
    nothing(&cluster, &settings);
    assert_admitted("virtual host off", &cluster, &set(&cluster, KSERVE, "disableIstioVirtualHost", true), &settings);
    let unreadable = cluster.clone().replaced(ConfigMap, KSERVE, "false", "\\\"false\\\"");
    assert_refused("a string for a boolean", &cluster, &unreadable, &settings, "controller-error");
}

#[test]
fn helm_chart() {
    let mut settings = JudgeSettings::default();
    settings.facts.versions.kserve = Some(plumbline::model::version::Release::new(0, 17));
    let release = moved(&stock(), KSERVE, "models-platform");
    let name = "models-platform/inferenceservice-config";
    let cluster = ingress(&deploy(release, name, "Knative"), name, |ingress| {
        ingress["knativeLocalGatewayService"] = "".into();
        ingress["pathTemplate"] = "".into();
        ingress["additionalIngressDomains"] = json!([]);
        ingress["ingressClassName"] = "".into();
    });
    let cluster = cluster.edited(ConfigMap, name, |manifest| manifest["data"]["_example"] = "# {not: json,}".into());
    nothing(&cluster, &settings);
    let example = cluster.clone().edited(ConfigMap, name, |manifest| manifest["data"]["_example"] = "{{{".into());
    assert_admitted("the example edited", &cluster, &example, &settings);
    let unescaped = cluster.clone().replaced(ConfigMap, name, "example.com", "exam\\\"ple.com");
    assert_refused("an unescaped value", &cluster, &unescaped, &settings, "controller-error");
    settings.facts.versions.kserve = Some(plumbline::model::version::Release::new(0, 15));
    let refused = found(&cluster, &settings);
    assert!(refused.iter().all(|found| found.contains("controller-error")) && !refused.is_empty(), "0.15: {refused:?}");
}

#[test]
fn kubeflow() {
    let settings = JudgeSettings::default();
    let gateway = json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "Gateway",
        "metadata": {"name": "kubeflow-gateway", "namespace": "kubeflow"},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"hosts": ["*"], "port": {"name": "http", "number": 80, "protocol": "HTTP"}}],
        },
    });
    let name = "kubeflow/inferenceservice-config";
    let cluster = moved(&stock(), KSERVE, "kubeflow").with(&gateway.to_string());
    let cluster = set(&cluster, name, "ingressGateway", "kubeflow/kubeflow-gateway");
    nothing(&cluster, &settings);
    assert_admitted(
        "a domain more",
        &cluster,
        &set(&cluster, name, "additionalIngressDomains", json!(["x.org"])),
        &settings,
    );
    let deleted = cluster.clone().without(IstioGateway, "kubeflow/kubeflow-gateway");
    assert_refused("the ingress gateway deleted", &cluster, &deleted, &settings, "no-virtual-host at E2");
}

/// Open Data Hub today: standard mode, no Knative, leftovers of serverless times.
fn open_data_hub() -> Cluster {
    Cluster::of(include_str!("open-data-hub.yaml"))
}

#[test]
fn open_data_hub_in_standard_mode() {
    let settings = JudgeSettings::default();
    let name = "opendatahub/inferenceservice-config";
    nothing(&open_data_hub(), &settings);
    let gone = set(&open_data_hub(), name, "localGateway", "nowhere/nothing");
    assert_admitted("a field that nothing uses", &open_data_hub(), &gone, &settings);
    let xks = ingress(&open_data_hub(), name, |ingress| {
        ingress["enableGatewayApi"] = true.into();
        ingress["kserveIngressGateway"] = "opendatahub/inference-gateway".into();
        ingress["urlScheme"] = "https".into();
    });
    assert_admitted("Gateway API", &open_data_hub(), &xks, &settings);
    let nameless = set(&xks, name, "kserveIngressGateway", "inference-gateway");
    assert_refused("no namespace", &xks, &nameless, &settings, "controller-error");
    let required = set(&open_data_hub(), name, "ingressGateway", "");
    assert_refused("required in every mode", &open_data_hub(), &required, &settings, "controller-error");
    let constant = set(&open_data_hub(), name, "domainTemplate", "example.com");
    assert_admitted("a constant domain template", &open_data_hub(), &constant, &settings);
}

#[test]
fn open_data_hub_serverless() {
    let settings = JudgeSettings::default();
    let cluster = Cluster::of(include_str!("open-data-hub-serverless.yaml"));
    nothing(&cluster, &settings);
    let more = cluster.clone().edited(IstioGateway, "istio-system/kserve-local-gateway", |manifest| {
        let server = json!({
            "hosts": ["iris.models.svc.cluster.local"], "tls": {"mode": "ISTIO_MUTUAL"},
            "port": {"name": "https-iris", "number": 8445, "protocol": "HTTPS"},
        });
        manifest["spec"]["servers"].as_array_mut().expect("a list").push(server);
    });
    assert_admitted("a server of another controller", &cluster, &more, &settings);
    assert_eq!(judged(&cluster, &more, &settings).warnings, [], "a server of another controller");
    // The mesh alone may come this way, which nothing here can tell; what leads nowhere from now on is told.
    let gone = cluster.clone().without(Service, "istio-system/kserve-local-gateway");
    let warnings = judged(&cluster, &gone, &settings).warnings;
    assert!(warnings.iter().any(|warning| warning.code.to_string() == "PL102"), "{warnings:?}");
    let both = cluster.clone().edited(ConfigMap, "knative-serving/config-istio", |manifest| {
        manifest["data"]["external-gateways"] = "[]".into();
    });
    assert_refused("both formats", &cluster, &both, &settings, "controller-error");
}

/// A Gateway of KServe's own on the pods of Knative's, behind a Service of its own.
const KSERVE_GATEWAY: &str = r#"
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: kserve-local-gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{hosts: ["*"], port: {name: http, number: 8085, protocol: HTTP}}]
---
apiVersion: v1
kind: Service
metadata:
  name: kserve-local-gateway
  namespace: istio-system
  labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
spec:
  selector: {istio: ingressgateway}
  ports: [{name: http2, port: 80, targetPort: 8085}]
"#;

#[test]
fn strict_mutual_tls() {
    let settings = JudgeSettings::default();
    let mutual = stock().edited(IstioGateway, LOCAL, |manifest| {
        manifest["spec"]["servers"][0]["port"]["protocol"] = "HTTPS".into();
        manifest["spec"]["servers"][0]["tls"] = json!({"mode": "ISTIO_MUTUAL"});
    });
    nothing(&mutual, &settings);
    assert_refused("plain clients cut off", &stock(), &mutual, &settings, "not-http at L3");
    let hosts = |host: &str| {
        mutual.clone().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"][0]["hosts"] = json!([host]))
    };
    assert_admitted("a write of what is mutual already", &mutual, &hosts("*.svc.cluster.local"), &settings);
    let external = stock().edited(IstioGateway, "knative-serving/knative-ingress-gateway", |manifest| {
        manifest["spec"]["servers"][0]["port"]["protocol"] = "HTTPS".into();
        manifest["spec"]["servers"][0]["tls"] = json!({"mode": "ISTIO_MUTUAL"});
    });
    assert_refused("public clients cut off", &stock(), &external, &settings, "not-http at E1");
    // A destination rule that makes gateways speak TLS would have broken what arrives here in plaintext.
    let own = stock().with(KSERVE_GATEWAY);
    let own = ["localGateway", "localGatewayService", "knativeLocalGatewayService"]
        .into_iter()
        .zip([
            "istio-system/kserve-local-gateway",
            "kserve-local-gateway.istio-system.svc.cluster.local",
            "knative-local-gateway.istio-system.svc.cluster.local",
        ])
        .fold(own, |cluster, (field, value)| set(&cluster, KSERVE, field, value));
    nothing(&own, &settings);
    let behind = own.clone().edited(IstioGateway, LOCAL, |manifest| {
        manifest["spec"]["servers"][0]["port"]["protocol"] = "HTTPS".into();
        manifest["spec"]["servers"][0]["tls"] = json!({"mode": "ISTIO_MUTUAL"});
    });
    assert_refused("what KServe's own gateway forwards", &own, &behind, &settings, "not-http at L6");
    let off = set(&stock(), KSERVE, "disableIstioVirtualHost", true);
    nothing(&off, &settings);
    assert_admitted("the virtual host switched off", &stock(), &off, &settings);
}

#[test]
fn net_gateway_api() {
    let settings = JudgeSettings::default();
    let network = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-network", "namespace": "knative-serving"},
        "data": {"ingress-class": "gateway-api.ingress.networking.knative.dev"},
    });
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "knative-local-gateway", "namespace": "istio-system"}, "spec": {},
    });
    let cluster = stock()
        .without(IstioGateway, LOCAL)
        .without(IstioGateway, "knative-serving/knative-ingress-gateway")
        .without(ConfigMap, "knative-serving/config-istio")
        .with(&network.to_string())
        .with(&gateway.to_string());
    nothing(&cluster, &settings);
    nothing(&set(&cluster, KSERVE, "disableIstioVirtualHost", true), &settings);
}

#[test]
fn another_cluster_domain() {
    let mut settings = JudgeSettings::default();
    settings.facts.cluster_domain = Arc::from("corp.local");
    let text = include_str!("stock.yaml").replace("cluster.local", "corp.local");
    let cluster = Cluster::of(&text);
    nothing(&cluster, &settings);
    let literal = set(&cluster, KSERVE, "localGatewayService", "knative-local-gateway.istio-system.svc.cluster.local");
    assert_refused("KServe's default literal", &cluster, &literal, &settings, "no-such-name at L2");
    assert!(!found(&stock(), &settings).is_empty(), "stock names belong to cluster.local");
}
