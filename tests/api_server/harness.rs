//! Proves that the harness tests what it claims to: a verdict is worth as much as the cluster it was asked for in.

pub(crate) mod deny_server;

use std::fs;
use std::time::Duration;

use hyper::Version;

use crate::control_plane::{ControlPlane, Registration, Scope, User};
use crate::wait;
use deny_server::{Call, DenyServer};

#[test]
fn the_api_server_is_the_version_that_was_built() {
    let version = ControlPlane::shared().kubectl(&["version", "--output=json"]).expect_success();

    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    let server = version["serverVersion"]["gitVersion"].as_str().unwrap();
    assert!(server.starts_with("v1."), "{version}");
    assert_eq!(version["clientVersion"]["gitVersion"], server);
}

#[test]
fn upstream_crds_are_established() {
    let control_plane = ControlPlane::shared();
    control_plane.install_upstream_crds();

    let names = control_plane.kubectl(&["get", "crd", "--output=name"]).expect_success();

    for kind in [
        "gateways.networking.istio.io",
        "gateways.gateway.networking.k8s.io",
        "knativeservings.operator.knative.dev",
        "inferenceservices.serving.kserve.io",
    ] {
        assert!(names.contains(&format!("/{kind}\n")), "{kind} is missing from\n{names}");
    }
}

#[test]
fn upstream_objects_are_validated_and_stored() {
    let control_plane = ControlPlane::shared();
    control_plane.install_upstream_crds();
    create_namespace(control_plane, "stored");
    let gateway = |hosts: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: local, namespace: stored}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: {hosts}
"
        )
    };

    let refused = control_plane.apply(&gateway("not-a-list"), &[]).expect_failure();
    control_plane.apply(&gateway("[models.example.com]"), &[]).expect_success();
    let path = "jsonpath={.spec.servers[0].hosts[0]}";
    let host =
        control_plane.kubectl(&["get", "gateways.networking.istio.io/local", "-nstored", "-o", path]).expect_success();

    assert!(refused.contains("spec.servers[0].hosts"), "{refused}");
    assert_eq!(host, "models.example.com");
}

#[test]
fn stock_configuration_applies() {
    let control_plane = ControlPlane::shared();
    create_namespace(control_plane, "kserve");
    let stock = control_plane.upstream().kserve.join("config/configmap/inferenceservice.yaml");

    let answer = control_plane.apply(&fs::read_to_string(stock).unwrap(), &["--namespace=kserve"]).expect_success();

    assert_eq!(answer, "configmap/inferenceservice-config created\n");
}

#[test]
fn a_webhook_is_called_as_in_a_cluster() {
    let control_plane = ControlPlane::shared();
    create_namespace(control_plane, "judged");
    create_namespace(control_plane, "elsewhere");
    let server = DenyServer::start();
    let registration = register(control_plane, &server, Scope::Namespaces(&["judged"]));
    let apply = |name, namespace| control_plane.apply_as(User::Gitops, &config_map(name, namespace), &[]);

    let denied = apply("deny-me", "judged").expect_failure();
    apply("allow-me", "judged").expect_success();
    apply("deny-me", "elsewhere").expect_success();

    assert_eq!(
        denied,
        "Error from server (Forbidden): error when creating \"STDIN\": \
         admission webhook \"deny.plumbline.test\" denied the request: its name says so\n"
    );
    let seen = |object: &str| Call {
        version: Version::HTTP_11,
        uri: "/validate?timeout=7s".to_owned(),
        server_name: server.endpoint().server_name(),
        object: object.to_owned(),
        user: User::Gitops.name().to_owned(),
    };
    let expected = [seen("judged/deny-me"), seen("judged/allow-me")];
    assert_eq!(server.calls(), expected);

    drop(registration);
    wait::until("unregistration", Duration::from_secs(20), || {
        let answer = apply("deny-me", "judged");
        if answer.status.success() { Ok(()) } else { Err(answer.stderr) }
    });
}

#[test]
fn users_have_the_rights_of_their_roles() {
    let control_plane = ControlPlane::shared();
    let may = |user, verb, resource| {
        let args = ["auth", "can-i", verb, resource, "--all-namespaces"];
        control_plane.kubectl_as(user, &args).stdout.trim() == "yes"
    };

    for (user, reads, writes) in [
        (User::Admin, true, true),
        (User::Gitops, true, true),
        (User::KnativeOperator, true, true),
        (User::Plumbline, true, false),
        (User::Restricted, false, false),
    ] {
        assert_eq!(may(user, "list", "configmaps"), reads, "{user:?} reads");
        assert_eq!(may(user, "update", "configmaps"), writes, "{user:?} writes");
    }
    let denied = control_plane.kubectl_as(User::Restricted, &["get", "pods"]).expect_failure();
    assert!(denied.contains(r#"User "restricted" cannot list resource "pods""#), "{denied}");
}

#[test]
fn a_deleted_namespace_ends_when_finalized() {
    let control_plane = ControlPlane::shared();
    create_namespace(control_plane, "ending");

    control_plane.kubectl(&["delete", "namespace", "ending", "--wait=false"]).expect_success();
    let phase =
        control_plane.kubectl(&["get", "namespace", "ending", "-o", "jsonpath={.status.phase}"]).expect_success();
    control_plane.finalize_namespace("ending");
    let gone = control_plane.kubectl(&["get", "namespace", "ending"]).expect_failure();

    assert_eq!(phase, "Terminating");
    assert!(gone.contains("(NotFound)"), "{gone}");
}

#[test]
fn helm_speaks_to_the_cluster() {
    let releases = ControlPlane::shared().helm(&["list", "--all-namespaces", "--output=json"]).expect_success();

    assert_eq!(releases.trim(), "[]");
}

#[test]
fn an_api_server_keeps_objects_and_webhooks_over_a_restart() {
    let control_plane = ControlPlane::start();
    let server = DenyServer::start();
    let _registration = register(&control_plane, &server, Scope::AsWritten);
    create_namespace(&control_plane, "kept");

    control_plane.restart_api_server();

    let denied = control_plane.apply(&config_map("deny-me", "kept"), &[]).expect_failure();
    assert!(denied.contains("its name says so"), "{denied}");
    let starts = control_plane.api_server_log().matches("Serving securely").count();
    assert_eq!(starts, 2);
}

fn register<'a>(control_plane: &'a ControlPlane, server: &DenyServer, scope: Scope) -> Registration<'a> {
    let manifest = include_str!("harness/webhook.yaml");
    control_plane.register_webhook(manifest, &server.endpoint(), scope)
}

fn create_namespace(control_plane: &ControlPlane, name: &str) {
    control_plane.kubectl(&["create", "namespace", name]).expect_success();
}

fn config_map(name: &str, namespace: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: {namespace}}}}}")
}
