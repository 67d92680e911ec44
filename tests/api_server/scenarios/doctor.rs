//! `plumbline doctor` on installations that are sound, and on those that are off in one way each.

use std::process::Command;
use std::time::Duration;

use plumbline::doctor::expected::WEBHOOKS;
use serde_json::{Value, json};

use super::stage::{Guard, Stage, grant_rights_of_chart, render};
use super::stock;
use crate::certificates::Authority;
use crate::control_plane::{Scope, User};
use crate::harness::deny_server::DenyServer;
use crate::wait;

const CONFIGURATION: &str = "plumbline";

#[test]
fn a_sound_installation_is_found_sound() {
    let stage = Stage::enter();
    let guard = stage.guard();

    // On an empty cluster, and on one where the object of the dry run is there already.
    let empty = examine(&stage, &guard);
    stock::install(&stage);
    let full = examine(&stage, &guard);

    for visit in [empty, full] {
        assert_eq!(visit.code, 0, "{visit:#?}");
        assert_eq!(visit.with_status("problem"), [""; 0], "{visit:#?}");
        assert_eq!(visit.with_status("warning"), [""; 0], "{visit:#?}");
        let webhooks = visit.checks.iter().filter(|check| check["check"] == "webhook");
        assert_eq!(webhooks.count(), WEBHOOKS.len(), "{visit:#?}");
        for topic in ["dry run", "serving certificate", "CA bundle", "rights"] {
            assert_eq!(visit.statuses(topic), ["ok"], "{topic}: {visit:#?}");
        }
        assert_eq!(visit.statuses("kinds"), ["ok"; 4], "{visit:#?}");
    }
    let config = "/api/v1/namespaces/kserve/configmaps/inferenceservice-config";
    let stored = stage.control_plane.kubectl(&["get", "--raw", config]).expect_success();
    assert!(!stored.contains("plumbline doctor"), "a dry run was written: {stored}");
}

#[test]
fn each_deviation_is_named() {
    let stage = Stage::enter();
    let guard = stage.guard();
    let control_plane = stage.control_plane;

    let other = Authority::generate();
    let patched = |patch: &Value| {
        let args = ["patch", "validatingwebhookconfiguration", CONFIGURATION, "--type=json", "--patch"];
        control_plane.kubectl(&[&args[..], &[&patch.to_string()]].concat()).expect_success();
    };
    let configuration =
        control_plane.kubectl(&["get", "validatingwebhookconfiguration", CONFIGURATION, "-o", "json"]).expect_success();
    let restore = || {
        let mut configuration: Value = serde_json::from_str(&configuration).unwrap();
        configuration["metadata"] = json!({"name": CONFIGURATION});
        control_plane
            .kubectl_with_input(User::Admin, &["replace", "--filename=-"], &configuration.to_string())
            .expect_success();
    };
    let bundle = k8s_openapi::ByteString(other.certificate_pem().as_bytes().to_vec());

    // Whoever runs gateways elsewhere than the chart thinks.
    for (path, value, seen) in [
        ("/webhooks/2/objectSelector", json!({"matchLabels": {"judge": "yes"}}), "objectSelector \"judge=yes\""),
        ("/webhooks/0/namespaceSelector/matchExpressions/0/values", json!(["kserve"]), "leaves out knative-serving"),
        ("/webhooks/2/rules/0/operations", json!(["CREATE", "UPDATE"]), "no rule holds for DELETE of gateways"),
    ] {
        patched(&json!([{"op": "replace", "path": path, "value": value}]));
        let visit = examine(&stage, &guard);
        assert_eq!(visit.code, 1, "{visit:#?}");
        let problems = visit.with_status("problem");
        assert!(problems.len() == 1 && problems[0].contains(seen), "{seen}: {visit:#?}");
        restore();
    }

    patched(&json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]));
    until(&stage, &guard, |visit| {
        let shown = visit.with_status("problem");
        shown.iter().any(|seen| seen.contains("caBundle does not hold the authority that signed it"))
            && shown.iter().any(|seen| seen.contains("got no verdict: tls: failed to verify certificate: x509"))
    });
    restore();

    // A Service without endpoints and without an address that anybody could dial.
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "empty", "namespace": "plumbline"},
        "spec": {"clusterIP": "None", "selector": {"app": "empty"}, "ports": [{"port": guard.server.endpoint().port}]},
    });
    control_plane.apply(&service.to_string(), &["--server-side"]).expect_success();
    patched(&json!([{"op": "replace", "path": "/webhooks/0/clientConfig/service/name", "value": "empty"}]));
    until(&stage, &guard, |visit| {
        let shown = visit.with_status("problem");
        shown.iter().any(|seen| seen.contains("no pod is behind it"))
            && shown.iter().any(|seen| seen.contains("the API server got no verdict"))
    });
    restore();

    control_plane.kubectl(&["patch", "clusterrole", "plumbline", "--type=json", "--patch", LESSENED]).expect_success();
    let visit = examine(&stage, &guard);
    grant_rights_of_chart(control_plane);
    let missing = "it may not list, watch inferenceservices.serving.kserve.io in every namespace";
    assert!(visit.with_status("problem").iter().any(|seen| seen.starts_with(missing)), "{visit:#?}");

    control_plane.kubectl(&["delete", "validatingwebhookconfiguration", CONFIGURATION]).expect_success();
    until(&stage, &guard, |visit| {
        let shown = visit.with_status("problem");
        shown.iter().any(|seen| seen.starts_with("no ValidatingWebhookConfiguration has a webhook of plumbline's"))
            && shown.iter().any(|seen| seen.contains("would have been admitted"))
    });
}

/// Takes the last rule away, the one for InferenceServices.
const LESSENED: &str = r#"[{"op": "remove", "path": "/rules/7"}]"#;

#[test]
fn an_expired_certificate_is_named_from_both_sides() {
    let stage = Stage::enter();
    let server = DenyServer::start_expired();
    let webhooks = render(stage.control_plane, "validatingwebhookconfiguration", &[]);
    let _registration = stage.control_plane.register_webhook(&webhooks, &server.endpoint(), Scope::AsWritten);

    let address = format!("127.0.0.1:{}", server.endpoint().port);
    let visit = visit(&stage, User::Admin, &["--address", &address]);

    assert_eq!(visit.code, 1, "{visit:#?}");
    let problems = visit.with_status("problem");
    assert!(problems.iter().any(|seen| seen.contains("certificate expired")), "{visit:#?}");
    assert!(problems.iter().any(|seen| seen.contains("certificate has expired or is not yet valid")), "{visit:#?}");
}

#[test]
fn what_the_doctor_may_not_see_is_unknown() {
    let stage = Stage::enter();
    let _guard = stage.guard();

    let visit = visit(&stage, User::Restricted, &[]);

    assert_eq!(visit.code, 0, "{visit:#?}");
    assert!(visit.with_status("unknown").len() >= 2, "{visit:#?}");
    assert_eq!(visit.with_status("problem"), [""; 0]);
}

/// What the doctor said.
#[derive(Debug)]
struct Visit {
    code: i32,
    checks: Vec<Value>,
}

impl Visit {
    fn with_status(&self, status: &str) -> Vec<&str> {
        let checks = self.checks.iter().filter(|check| check["status"] == status);
        checks.map(|check| check["seen"].as_str().unwrap()).collect()
    }

    fn statuses(&self, topic: &str) -> Vec<&str> {
        let checks = self.checks.iter().filter(|check| check["check"] == topic);
        checks.map(|check| check["status"].as_str().unwrap()).collect()
    }
}

fn examine(stage: &Stage, guard: &Guard) -> Visit {
    let address = format!("127.0.0.1:{}", guard.server.endpoint().port);
    visit(stage, User::Admin, &["--address", &address, "--service-account", "plumbline:plumbline"])
}

/// Asks until the API server has taken note of a configuration that was written a moment ago.
#[track_caller]
fn until(stage: &Stage, guard: &Guard, told: impl Fn(&Visit) -> bool) {
    wait::until("what the doctor says", Duration::from_secs(20), || {
        let visit = examine(stage, guard);
        if visit.code == 1 && told(&visit) { Ok(()) } else { Err(format!("{visit:#?}")) }
    });
}

fn visit(stage: &Stage, user: User, args: &[&str]) -> Visit {
    let ended = Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["doctor", "--output=json", "--kubeconfig"])
        .arg(stage.control_plane.kubeconfig(user))
        .args(args)
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
    Visit { code: ended.status.code().unwrap(), checks: document["checks"].as_array().unwrap().clone() }
}
