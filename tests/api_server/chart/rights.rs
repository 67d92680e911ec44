//! plumbline as the chart installs it: its webhooks, its rights and no others, on examples/custom-local-gateway.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::NAMESPACE;
use super::rendering::Rendering;
use crate::control_plane::{ControlPlane, Output, Scope, User};
use crate::plumbline_server::PlumblineServer;
use crate::wait;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-local-gateway");

#[test]
fn the_rights_suffice_and_a_missing_one_is_named() {
    // One of its own: the webhooks count in every namespace, and rights are taken away.
    let cluster = ControlPlane::start();
    cluster.install_upstream_crds();
    cluster.kubectl(&["apply", "--filename", EXAMPLE]).expect_success();
    let rendering = Rendering::of("plumbline", &["--set", "rbac.knativeRole=true,certificate.mode=cert-manager"]);
    let granted = rendering.rbac();
    cluster.kubectl(&["create", "namespace", NAMESPACE]).expect_success();
    // The harness grants more, by a role of the same name.
    apply(&cluster, &granted);

    let server = PlumblineServer::start(cluster.kubeconfig(User::Plumbline), &[]);
    wait_for_log(&server, "the cluster has been read");
    let configuration = rendering.only("ValidatingWebhookConfiguration").to_string();
    let registration = cluster.register_webhook(&configuration, &server.endpoint(), Scope::AsWritten);
    let refused = narrow_hosts(&cluster).expect_failure();
    assert!(refused.contains("(Forbidden)"), "{refused}");
    assert!(refused.contains(r#"admission webhook "istio-gateways.plumbline.dev" denied the request"#), "{refused}");
    label(&cluster).expect_success();
    assert!(!server.log().contains("forbidden"), "{}", server.log());
    drop((registration, server));

    let lessened: Vec<_> = granted.iter().map(|object| without_rule(object, "inferenceservices")).collect();
    apply(&cluster, &lessened);
    let server = PlumblineServer::start(cluster.kubeconfig(User::Plumbline), &[]);
    let right = "inferenceservices.serving.kserve.io in every namespace";
    // It holds nobody up: what may not be read is unknown, and said to be.
    wait_for_log(&server, right);
    wait_for_log(&server, "the cluster has been read");
}

/// What the chart makes the pods' arguments.
const SELF_MANAGED: [&str; 8] = [
    "--tls-secret",
    "plumbline/plumbline-self-managed",
    "--tls-service",
    "plumbline",
    "--webhook-configuration",
    "plumbline",
    "--tls-settle-seconds",
    "1",
];
const SECRET: [&str; 4] = ["secret", "plumbline-self-managed", "--namespace", "plumbline"];

#[test]
fn a_self_managed_certificate_takes_each_of_its_rights() {
    let cluster = ControlPlane::start();
    cluster.install_upstream_crds();
    cluster.kubectl(&["apply", "--filename", EXAMPLE]).expect_success();
    cluster.kubectl(&["create", "namespace", "plumbline"]).expect_success();
    let rendering = Rendering::of("plumbline", &[]);
    let granted = rendering.rbac();
    apply(&cluster, &granted);
    let start = || {
        let kubeconfig = cluster.kubeconfig(User::Plumbline).to_str().unwrap();
        PlumblineServer::with_its_own_certificate(&[&["--kubeconfig", kubeconfig], &SELF_MANAGED[..]].concat())
    };

    let server = start();
    let configuration = rendering.only("ValidatingWebhookConfiguration").to_string();
    let _registration = cluster.register_webhook(&configuration, &server.endpoint(), Scope::AsWritten);
    wait_for_log(&server, "wrote the caBundle");
    wait_for_log(&server, "the cluster has been read");
    wait::until("a verdict", Duration::from_secs(20), || {
        let refused = narrow_hosts(&cluster).expect_failure();
        if refused.contains("denied the request") { Ok(()) } else { Err(format!("{refused}\n{}", server.log())) }
    });
    assert!(!server.log().contains("forbidden"), "{}", server.log());
    drop(server);

    let delete_secret = || cluster.kubectl(&[&["delete", "--ignore-not-found"], &SECRET[..]].concat()).expect_success();
    for (resource, verb) in [
        ("validatingwebhookconfigurations", "get"),
        ("validatingwebhookconfigurations", "patch"),
        ("secrets", "get"),
        ("secrets", "create"),
        ("secrets", "patch"),
        ("secrets", "update"),
    ] {
        delete_secret();
        let lessened: Vec<_> = granted.iter().map(|object| without_verb(object, resource, verb)).collect();
        apply(&cluster, &lessened);
        let server = start();
        if verb == "update" {
            wait_for_log(&server, "took a new certificate into use");
            let patch = json!({"data": {"ca.crt": null}}).to_string();
            cluster.kubectl(&[&["patch"], &SECRET[..], &["--patch", &patch]].concat()).expect_success();
        }
        wait_for_log(&server, &format!("cannot {verb} resource \\\"{resource}\\\""));
    }
}

fn without_verb(role: &Value, resource: &str, verb: &str) -> Value {
    let mut role = role.clone();
    for rule in role["rules"].as_array_mut().into_iter().flatten() {
        if rule["resources"].as_array().unwrap().contains(&resource.into()) {
            rule["verbs"].as_array_mut().unwrap().retain(|granted| granted != verb);
        }
    }
    role
}

fn apply(cluster: &ControlPlane, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    cluster.apply(&list.to_string(), &[]).expect_success();
}

fn without_rule(role: &Value, resource: &str) -> Value {
    let mut role = role.clone();
    if let Some(rules) = role["rules"].as_array_mut() {
        rules.retain(|rule| !rule["resources"].as_array().unwrap().contains(&resource.into()));
    }
    role
}

/// Leaves the gateway without the host that all requests have.
fn narrow_hosts(cluster: &ControlPlane) -> Output {
    let patch = json!([{"op": "replace", "path": "/spec/servers/0/hosts", "value": ["*.online-serving"]}]);
    let args = ["patch", "gateways.networking.istio.io", "custom-local-gateway", "--namespace", "istio-system"];
    cluster.kubectl(&[&args[..], &["--type=json", "--patch", &patch.to_string()]].concat())
}

fn label(cluster: &ControlPlane) -> Output {
    let args = ["label", "gateways.networking.istio.io", "custom-local-gateway", "--namespace", "istio-system"];
    cluster.kubectl(&[&args[..], &["team=platform"]].concat())
}

#[track_caller]
fn wait_for_log(server: &PlumblineServer, text: &str) {
    wait::until(text, Duration::from_mins(1), || {
        let log = server.log();
        if log.contains(text) { Ok(()) } else { Err(log) }
    });
}
