//! Small clusters, each a choice of one value out of a few for every field that decides.

use plumbline::engine::JudgeSettings;
use plumbline::model::version::Release;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::cluster::Cluster;

/// What may be chosen, and in how many ways.
const CHOICES: [usize; 17] = [
    LOCAL_GATEWAYS.len(),
    SERVICES.len(),
    SERVICES.len() + 1,
    2,
    LISTS.len(),
    HOSTS.len(),
    PORTS.len(),
    SELECTORS.len(),
    SERVERS.len(),
    HOSTS.len(),
    SELECTORS.len(),
    SERVERS.len(),
    TARGETS.len(),
    SELECTORS.len() - 1,
    2,
    DOMAINS.len(),
    CLASSES.len(),
];

const LOCAL_GATEWAYS: [&str; 5] =
    ["knative-serving/local", "other/newcomer", "knative-serving/external", "local", "nowhere/nothing"];
const SERVICES: [&str; 5] = [
    "local.istio-system.svc.cluster.local",
    "entry.istio-system.svc.cluster.local",
    "local.istio-system.svc.cluster.local.",
    "local.istio-system",
    "nothing.istio-system.svc.cluster.local",
];
const LISTS: [&str; 6] = [
    "- {name: local, namespace: knative-serving, service: local.istio-system.svc.cluster.local}",
    "- {name: newcomer, namespace: other, service: local.istio-system.svc.cluster.local}",
    "- {name: external, namespace: knative-serving, service: entry.istio-system.svc.cluster.local}",
    "- {name: local, namespace: knative-serving, service: local.istio-system.svc.cluster.local}\n\
     - {name: newcomer, namespace: other, service: local.istio-system.svc.cluster.local, labelSelector: {matchLabels: {tier: gold}}}",
    "- {name: local, namespace: knative-serving, service: local.istio-system.svc.cluster.local}\n\
     - {name: nothing, namespace: other, service: local.istio-system.svc.cluster.local, labelSelector: {matchLabels: {serving.kserve.io/inferenceservice: iris}}}",
    "name: local",
];
const HOSTS: [&[&str]; 8] = [
    &["*"],
    &["*.svc.cluster.local"],
    &["*.models.svc.cluster.local", "*.example.com"],
    &["models/*"],
    &["*.models"],
    &["iris.models.svc.cluster.local", "iris-predictor.models.svc.cluster.local"],
    &["./*", "team-a/*.team-a.svc.cluster.local"],
    &["iris.team-a.svc.cluster.local", "*.iris.models.example.com", "*/iris-transformer.team-a.svc.cluster.local"],
];
const PORTS: [u16; 3] = [8081, 80, 8080];
const TARGETS: [u16; 3] = [8081, 8080, 9090];
const SELECTORS: [&[(&str, &str)]; 4] = [&[("istio", "a")], &[("istio", "b")], &[("istio", "a"), ("app", "a")], &[]];
/// Protocol, TLS and the address to bind.
const SERVERS: [(&str, &str, &str); 7] = [
    ("HTTP", "", ""),
    ("HTTP2", "", "0.0.0.0"),
    ("HTTP", "redirect", ""),
    ("TCP", "", ""),
    ("HTTPS", "SIMPLE", ""),
    ("HTTPS", "ISTIO_MUTUAL", ""),
    ("HTTP", "", "127.0.0.1"),
];
/// Public names may move, and none may end: a name that ends is no request any more once it has.
const DOMAINS: [&[(&str, &str)]; 3] = [
    &[("example.com", "")],
    &[("example.com", ""), ("gold.example.com", "selector:\n  tier: gold\n")],
    &[("apps.example.com", ""), ("gold.example.com", "selector:\n  tier: gold\n")],
];

/// What no request follows.
const CLASSES: [&str; 2] = ["istio", "other"];

/// The choices of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Layout([usize; CHOICES.len()]);

/// What layouts are judged by.
pub(crate) fn settings() -> JudgeSettings {
    let mut settings = JudgeSettings::default();
    settings.facts.versions.knative = Some(Release::new(1, 22));
    settings
}

/// Layouts in which most choices are the first, so that many requests arrive.
pub(crate) fn layout() -> impl Strategy<Value = Layout> {
    let choices = CHOICES.map(|count| prop_oneof![5 => Just(0), 2 => 0..count]);
    Strategy::prop_map(choices, Layout)
}

impl Layout {
    /// The layout in which every request arrives.
    #[allow(dead_code, reason = "wanted by some of the tests that share this file")]
    pub(crate) fn sound() -> Self {
        Self([0; CHOICES.len()])
    }

    /// The layout with one choice made otherwise.
    pub(crate) fn changed(&self, place: Index, value: Index) -> Self {
        let mut changed = self.clone();
        let place = place.index(CHOICES.len());
        changed.0[place] = value.index(CHOICES[place]);
        changed
    }

    /// The layout with another value where no request goes by it.
    #[allow(dead_code, reason = "wanted by some of the tests that share this file")]
    pub(crate) fn reclassed(&self) -> Self {
        let mut changed = self.clone();
        changed.0[16] = 1 - changed.0[16];
        changed
    }

    /// The cluster.
    pub(crate) fn cluster(&self) -> Cluster {
        let chosen = &self.0;
        let ingress = json!({
            "ingressGateway": "knative-serving/external",
            "localGateway": LOCAL_GATEWAYS[chosen[0]],
            "localGatewayService": SERVICES[chosen[1]],
            "knativeLocalGatewayService": SERVICES.get(chosen[2].wrapping_sub(1)).unwrap_or(&""),
            "disableIstioVirtualHost": chosen[3] == 1,
            "ingressClassName": CLASSES[chosen[16]],
        });
        let domains: serde_json::Map<_, _> =
            DOMAINS[chosen[15]].iter().map(|(domain, value)| ((*domain).to_owned(), (*value).into())).collect();
        let config = |namespace: &str, name: &str, data: serde_json::Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data});
        let translation = if chosen[14] == 0 {
            json!({"experimental.istio.io/disable-gateway-port-translation": ""})
        } else {
            json!({})
        };
        let mut objects = vec![
            config(
                "kserve",
                "inferenceservice-config",
                json!({"ingress": ingress.to_string(), "deploy": r#"{"defaultDeploymentMode":"Knative"}"#}),
            ),
            config(
                "knative-serving",
                "config-istio",
                json!({
                    "local-gateways": LISTS[chosen[4]],
                    "external-gateways": "- {name: external, namespace: knative-serving, service: entry.istio-system.svc.cluster.local}",
                }),
            ),
            config("knative-serving", "config-domain", domains.into()),
            gateway("knative-serving/local", 2025, chosen[5], PORTS[chosen[6]], chosen[7], chosen[8]),
            gateway("other/newcomer", 2024, chosen[9], 8081, chosen[10], chosen[11]),
            gateway("knative-serving/external", 2025, 0, 80, 0, 0),
            service("local", &json!({}), translation, TARGETS[chosen[12]], chosen[13]),
            service(
                "entry",
                &json!({"external-dns.alpha.kubernetes.io/hostname": "*.example.com"}),
                json!({}),
                8080,
                0,
            ),
        ];
        for (name, labels) in [("a", json!({"istio": "a", "app": "a"})), ("b", json!({"istio": "b"}))] {
            objects.push(json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "istio-system", "name": name},
                "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
            }));
        }
        for (place, labels, transformer) in [
            ("models/iris", json!({}), false),
            ("models/premium", json!({"tier": "gold"}), false),
            ("models/mnist", json!({}), false),
            ("team-a/iris", json!({}), true),
            ("team-a/private", json!({"networking.knative.dev/visibility": "cluster-local"}), false),
            ("team-b/iris", json!({}), false),
        ] {
            let (namespace, name) = place.split_once('/').expect("namespace/name");
            let mut spec = json!({"predictor": {}});
            if transformer {
                spec["transformer"] = json!({"containers": [{}]});
            }
            objects.push(json!({
                "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
                "metadata": {"namespace": namespace, "name": name, "labels": labels}, "spec": spec,
            }));
        }
        let texts: Vec<_> = objects.iter().map(ToString::to_string).collect();
        Cluster::of(&texts.join("\n---\n"))
    }
}

fn gateway(place: &str, year: u16, hosts: usize, number: u16, selector: usize, server: usize) -> serde_json::Value {
    let (namespace, name) = place.split_once('/').expect("namespace/name");
    let (protocol, tls, bind) = SERVERS[server];
    let tls = match tls {
        "" => serde_json::Value::Null,
        "redirect" => json!({"httpsRedirect": true}),
        mode => json!({"mode": mode}),
    };
    let port = json!({"number": number, "name": "x", "protocol": protocol});
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"namespace": namespace, "name": name, "creationTimestamp": format!("{year}-01-01T00:00:00Z")},
        "spec": {
            "selector": labels(selector),
            "servers": [{"port": port, "hosts": HOSTS[hosts], "tls": tls, "bind": bind}],
        },
    })
}

fn service(
    name: &str,
    annotations: &serde_json::Value,
    own: serde_json::Value,
    target: u16,
    selector: usize,
) -> serde_json::Value {
    let kind = if name == "entry" { "LoadBalancer" } else { "ClusterIP" };
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "namespace": "istio-system", "name": name, "annotations": annotations, "labels": own,
            "creationTimestamp": "2025-01-01T00:00:00Z",
        },
        "spec": {"type": kind, "selector": labels(selector), "ports": [{"name": "http", "port": 80, "targetPort": target}]},
    })
}

fn labels(selector: usize) -> serde_json::Value {
    let pairs = SELECTORS[selector].iter().map(|(key, value)| ((*key).to_owned(), (*value).into()));
    serde_json::Value::Object(pairs.collect())
}
