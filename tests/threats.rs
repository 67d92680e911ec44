//! What somebody may do who writes to one namespace, and what comes of it for everybody else (docs/threat-model.md).

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]
#![allow(clippy::needless_pass_by_value, reason = "objects are written where they are used")]

use std::time::{Duration, Instant};

use cluster::{Cluster, read};
use plumbline::engine::{Actor, Change, JudgeSettings, Verdict, judge};
use plumbline::exception::{Moment, Policy, Ruling, Weighed, weigh};
use plumbline::report::denial;
use sequences::{Objects, shipped};
use serde_json::{Value, json};

#[path = "support/brute_force.rs"]
#[allow(dead_code, reason = "others need it")]
mod brute_force;
#[path = "support/cluster.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod cluster;
#[path = "support/sequences.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod sequences;

const LOCAL_GATEWAY: &str = "Gateway knative-serving/knative-local-gateway";
const KSERVE_CONFIG: &str = "ConfigMap kserve/inferenceservice-config";
const NOW: &str = "2026-06-01T12:00:00Z";

/// A cluster to which an attacker has written.
struct Scene(Objects);

impl Scene {
    /// The shipped cluster, everything in it older than what an attacker writes.
    fn begin() -> Self {
        let mut objects = shipped();
        for object in objects.values_mut() {
            object["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z".into();
        }
        Self(objects)
    }

    fn with(mut self, object: Value) -> Self {
        let metadata = &object["metadata"];
        let key = format!(
            "{} {}/{}",
            object["kind"].as_str().unwrap(),
            metadata["namespace"].as_str().unwrap(),
            metadata["name"].as_str().unwrap()
        );
        self.0.insert(key, object);
        self
    }

    fn judge(&self, object: &Value) -> Ruling {
        let mut cluster = Cluster::default();
        for object in self.0.values() {
            cluster.objects.insert(read(object).0, object.clone());
        }
        let (key, after) = read(object);
        let before = cluster.objects.get(&key).map(|object| read(object).1);
        let change = Change { key, before, after: Some(after), actor: Actor::Anybody };
        let judgement = judge(&cluster.snapshot(), &change, &JudgeSettings::default());
        match weigh(judgement, &change, &Policy::default(), Moment::parse(NOW).unwrap()) {
            Weighed::Settled(ruling) => ruling,
            Weighed::Covered(_) => panic!("nobody is asked for a right"),
        }
    }

    fn is_admitted(&self, object: &Value) -> bool {
        self.judge(object).judgement.verdict == Verdict::Allow
    }

    /// The platform's own writes are judged as if the attacker had written nothing.
    #[track_caller]
    fn is_left_alone(&self) {
        assert!(!self.is_admitted(&self.cut()), "a write that cuts is refused");
        assert!(!self.is_admitted(&self.unreadable()), "configuration that does not parse is refused");
        assert!(self.is_admitted(&self.fair()), "a write that cuts nothing is admitted");
        let mut moved = self.0[KSERVE_CONFIG].clone();
        moved["metadata"]["labels"] = json!({"team": "platform"});
        assert!(self.is_admitted(&moved), "so is one that changes nothing");
    }

    fn cut(&self) -> Value {
        let mut gateway = self.0[LOCAL_GATEWAY].clone();
        gateway["spec"]["servers"][0]["hosts"] = json!(["*.example.com"]);
        gateway
    }

    fn fair(&self) -> Value {
        let mut gateway = self.0[LOCAL_GATEWAY].clone();
        gateway["spec"]["servers"][0]["hosts"] = json!(["*.svc.cluster.local", "*"]);
        gateway
    }

    fn unreadable(&self) -> Value {
        let mut config = self.0[KSERVE_CONFIG].clone();
        config["data"]["ingress"] = "{".into();
        config
    }
}

/// A Gateway of the attacker's, younger than all others, on the pods that everybody uses.
fn gateway(server: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"namespace": "attacker", "name": "mine", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    })
}

fn server(number: u16, protocol: &str, hosts: &[&str], tls: Value) -> Value {
    json!({"port": {"number": number, "name": "mine", "protocol": protocol}, "hosts": hosts, "tls": tls})
}

#[test]
fn a_gateway_elsewhere_changes_nothing_for_others() {
    for mine in [
        server(8081, "HTTP", &["*"], Value::Null),
        server(8081, "HTTP", &["*/*"], json!({"httpsRedirect": true})),
        server(8081, "HTTPS", &["*"], json!({"mode": "ISTIO_MUTUAL"})),
        server(8081, "TCP", &["*"], Value::Null),
        server(80, "HTTPS", &["*"], json!({"mode": "SIMPLE", "credentialName": "mine"})),
        server(8081, "nonsense\u{1b}[2J", &["\u{1b}]0;pwned\u{7}", "", "a/b/c", "*.*"], Value::Null),
    ] {
        let scene = Scene::begin();
        assert!(scene.is_admitted(&gateway(mine.clone())), "{mine}");
        scene.with(gateway(mine)).is_left_alone();
    }
}

#[test]
fn a_gateway_that_redirects_a_name_of_others_is_refused() {
    let mine = server(8081, "HTTP", &["iris.models.svc.cluster.local"], json!({"httpsRedirect": true}));
    assert!(!Scene::begin().is_admitted(&gateway(mine)));
}

#[test]
fn as_many_hosts_as_an_object_can_hold_hold_nobody_up() {
    // An API server stores objects of up to 1.5 MiB.
    let hosts: Vec<String> = (0..100_000).map(|number| format!("h{number}.a.b")).collect();
    let mut mine = server(8081, "HTTP", &[], Value::Null);
    mine["hosts"] = hosts.into();
    let scene = Scene::begin().with(gateway(mine));
    let began = Instant::now();
    scene.is_left_alone();
    // Eight readings of the whole cluster by an unoptimized build; the webhook reads it once, and has 7 s for a verdict.
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
}

#[test]
fn a_declaration_on_ones_own_object_covers_no_other() {
    let mut mine = gateway(server(8081, "HTTP", &["*"], Value::Null));
    mine["metadata"]["annotations"] = json!({
        "plumbline.dev/transition": "mine",
        "plumbline.dev/transition-until": "2026-06-01T12:30:00Z",
        "plumbline.dev/allow.PL110": "mine",
        "plumbline.dev/allow.PL001": "mine",
    });
    let scene = Scene::begin().with(mine);
    scene.is_left_alone();
    // But on the very object that is written it does.
    let mut cut = scene.cut();
    cut["metadata"]["annotations"] =
        json!({"plumbline.dev/transition": "move", "plumbline.dev/transition-until": "2026-06-01T12:30:00Z"});
    assert!(scene.is_admitted(&cut));
}

#[test]
fn services_and_models_elsewhere_change_nothing_for_others() {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "namespace": "attacker", "name": "mine", "labels": {"istio": "ingressgateway"},
            "creationTimestamp": "2024-01-01T00:00:00Z",
        },
        "spec": {
            "type": "ClusterIP", "selector": {"istio": "ingressgateway"},
            "ports": [{"name": "http", "port": 8081, "targetPort": 1}, {"name": "more", "port": 80, "targetPort": 2}],
        },
    });
    let model = json!({
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {
            "namespace": "attacker", "name": "mine",
            "labels": {"serving.kserve.io/inferenceservice": "iris", "networking.knative.dev/visibility": "\u{1b}[2J"},
        },
        "spec": {"predictor": {}, "transformer": {"containers": [{}]}},
    });
    let scene = Scene::begin();
    assert!(scene.is_admitted(&service));
    scene.with(service).with(model).is_left_alone();
}

#[test]
fn a_service_that_claims_the_public_name_of_others_is_refused() {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "namespace": "attacker", "name": "mine",
            "annotations": {"external-dns.alpha.kubernetes.io/hostname": "iris.models.example.com"},
        },
        "spec": {"type": "LoadBalancer", "selector": {"app": "mine"}, "ports": [{"name": "http", "port": 80}]},
    });
    assert!(!Scene::begin().is_admitted(&service));
}

#[test]
fn names_of_an_attackers_objects_are_told_escaped() {
    let scene = Scene::begin();
    let mut cut = scene.cut();
    cut["spec"]["servers"][0]["hosts"] = json!(["\u{1b}[2J\u{202e}\r\n<b>PL999</b>", "x".repeat(10_000)]);
    let ruling = scene.judge(&cut);
    let findings = &ruling.judgement.findings;
    assert!(!findings.is_empty());
    let (key, _) = read(&cut);
    let message = denial::message_with(&key, findings, &ruling.remarks);
    assert!(message.chars().all(|character| character == '\n' || !character.is_control()), "{message:?}");
    assert!(!message.contains('\u{202e}'), "{message:?}");
    assert!(message.len() < 8_192, "{} bytes", message.len());
}

#[test]
fn what_else_a_config_map_holds_is_never_told() {
    let mut scene = Scene::begin();
    let config = scene.0.get_mut(KSERVE_CONFIG).unwrap();
    config["data"]["credentials"] = "{\"gcs\": \"hunter2\"}".into();
    config["data"]["storageInitializer"] = "{\"token\": \"hunter2\"".into();
    config["data"]["_example"] = "hunter2".into();
    let told = |object: &Value| {
        let ruling = scene.judge(object);
        let (key, _) = read(object);
        assert_eq!(ruling.judgement.verdict, Verdict::Deny);
        let causes = denial::causes(&key, &ruling.judgement.findings);
        let warnings = &ruling.judgement.warnings;
        format!("{}{causes:?}{warnings:?}", denial::message_with(&key, &ruling.judgement.findings, &ruling.remarks))
    };

    for ingress in ["{", "{\"ingressGateway\": 5}", "[]", "{}"] {
        let mut config = scene.0[KSERVE_CONFIG].clone();
        config["data"]["ingress"] = ingress.into();
        let told = told(&config);
        assert!(told.contains("data.ingress") && !told.contains("hunter2"), "{told}");
    }
    // Nor to somebody who may not read the ConfigMap at all.
    let redirect = server(8081, "HTTP", &["iris.models.svc.cluster.local"], json!({"httpsRedirect": true}));
    let told = told(&gateway(redirect));
    assert!(!told.contains("hunter2"), "{told}");
}
