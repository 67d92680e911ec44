//! The other commands that write or pretend to: each is told the same.

use std::sync::PoisonError;

use super::change::{CONFIG_ISTIO, LOCAL_GATEWAY};
use super::cluster::cluster;
use super::refuses::{Because, is_refusal};
use crate::control_plane::{ControlPlane, Output, User};

#[test]
fn diff_is_refused() {
    let change = LOCAL_GATEWAY.with("number: 80", "number: 8081");
    refuses_command(Because("PL109", "L3"), |control_plane| {
        control_plane.kubectl_with_input(User::Admin, &["diff", "--filename=-"], change.content())
    });
}

#[test]
fn replace_is_refused() {
    let change = CONFIG_ISTIO.with("name: custom-local-gateway", "name: none");
    refuses_command(Because("PL107", "L7"), |control_plane| {
        control_plane.kubectl_with_input(User::Admin, &["replace", "--filename=-"], change.content())
    });
}

#[test]
fn patches_are_refused() {
    for (kind, patch) in [
        ("json", r#"[{"op": "replace", "path": "/spec/selector/app", "value": "none"}]"#),
        ("merge", r#"{"spec": {"selector": {"app": "none"}}}"#),
        ("strategic", r#"{"spec": {"selector": {"app": "none"}}}"#),
    ] {
        refuses_command(Because("PL104", "L2"), |control_plane| {
            let args = ["patch", "service/custom-local-gateway", "-nistio-system", "--type", kind, "-p", patch];
            control_plane.kubectl(&args)
        });
    }
}

#[test]
fn an_edit_is_refused() {
    refuses_command(Because("PL107", "L4"), |control_plane| {
        let args = ["edit", "configmap/inferenceservice-config", "-nkserve"];
        control_plane.kubectl_with_editor(User::Admin, &args, "sed -i s/istio-system.custom/istio-system.costum/")
    });
}

#[track_caller]
fn refuses_command(because: Because, command: impl Fn(&ControlPlane) -> Output) {
    let cluster = cluster();
    let _as_deployed = cluster.as_deployed.read().unwrap_or_else(PoisonError::into_inner);
    let before = cluster.guarded_objects();

    let answer = command(cluster.control_plane);

    is_refusal(&answer, because).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(cluster.guarded_objects(), before);
}
