//! Who is missing for a while: the API server, or plumbline.

use std::process::Command;

use super::stage::{Stage, example};
use super::stock::{self, named};
use crate::control_plane::{ControlPlane, Output, User};

#[test]
fn a_restart_of_the_api_server_is_survived() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let guard = stage.guard();
    let gateway = named(&shipped, "Gateway", "knative-local-gateway");

    stage.control_plane.restart_api_server();

    // At once, before any watch can have come back.
    let refused = stage.rest.delete(gateway);
    assert!(refused.denial.is_some(), "{refused:#?}\n{}", guard.server.log());
    let ignored = stage.rest.apply(&stock::inference_service("other", "iris"));
    ignored.expect_admitted();
    assert_eq!(stage.rest.apply(gateway).expect_admitted(), [""; 0]);
    let refused = stage.rest.delete(named(&shipped, "Gateway", "knative-ingress-gateway"));
    assert!(refused.denial.is_some(), "{refused:#?}\n{}", guard.server.log());
}

#[test]
fn without_plumbline_the_failure_policy_decides() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let gateway = named(&shipped, "Gateway", "knative-local-gateway");
    let service = named(&shipped, "Service", "knative-local-gateway");
    let relabel = |object: &serde_json::Value, value: &str| {
        let mut object = object.clone();
        object["metadata"]["labels"]["team"] = value.into();
        stage.control_plane.apply_as(User::Gitops, &object.to_string(), &["--server-side", "--force-conflicts"])
    };

    let mut guard = stage.guard();
    relabel(gateway, "one").expect_success();
    guard.server.kill();
    let failed = relabel(gateway, "two").expect_failure();
    assert!(failed.contains("failed calling webhook \"istio-gateways.plumbline.dev\""), "{failed}");
    assert!(!failed.contains("denied the request"), "{failed}");
    relabel(service, "two").expect_success();
    drop(guard);

    let mut guard = stage.guard_with(&[], &["webhook.failurePolicy=Ignore"]);
    let deleted = stage.rest.delete(gateway);
    assert!(deleted.denial.is_some(), "{deleted:#?}");
    guard.server.kill();
    stage.rest.delete(gateway).expect_admitted();
}

#[test]
fn manifests_are_checked_as_changes_of_the_live_cluster() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let narrowed = {
        let mut gateway = named(&shipped, "Gateway", "knative-local-gateway").clone();
        gateway["spec"]["servers"][0]["hosts"] = serde_json::json!(["*.elsewhere.svc.cluster.local"]);
        gateway
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (bad, good) = (write("bad.yaml", &narrowed.to_string()), write("good.yaml", &example("20-gateways.yaml")));

    let checked = plumbline(stage.control_plane, &["check", "--live", &bad]);
    assert_eq!(checked.status.code(), Some(1), "{checked:#?}");
    assert!(checked.stdout.contains("error[PL110]"), "{checked:#?}");
    assert!(checked.stdout.contains("bad.yaml:1:"), "{checked:#?}");
    let checked = plumbline(stage.control_plane, &["check", "--live", &good]);
    assert_eq!(checked.status.code(), Some(0), "{checked:#?}");

    let traced = plumbline(stage.control_plane, &["trace", "models/iris"]);
    assert_eq!(traced.status.code(), Some(0), "{traced:#?}");
    assert!(traced.stdout.contains("knative-local-gateway"), "{traced:#?}");
    stage.rest.apply(&narrowed).expect_admitted();
    let traced = plumbline(stage.control_plane, &["trace", "models/iris"]);
    assert_eq!(traced.status.code(), Some(1), "{traced:#?}");
}

/// Runs a command against the live cluster, with the rights of the chart.
pub(super) fn plumbline(control_plane: &ControlPlane, args: &[&str]) -> Output {
    let kubeconfig = control_plane.kubeconfig(User::Plumbline);
    let ended =
        Command::new(env!("CARGO_BIN_EXE_plumbline")).args(args).arg("--kubeconfig").arg(kubeconfig).output().unwrap();
    Output {
        status: ended.status,
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}
