//! What tools do that are told to force their way: none deletes a live object because its change was refused.

use std::slice;

use serde_json::{Value, json};

use super::helm::Helm;
use super::repository::Migration;
use super::tool::{Tool, result_of, versions};
use super::{argo, flux};
use crate::control_plane::{ControlPlane, Registration, Scope, User};
use crate::harness::deny_server::DenyServer;
use crate::scenarios::stage::Stage;
use crate::scenarios::stock::{self, named};

/// A tool that forces: it gets an object whose change is refused, and says what it is told.
type Force = fn(&'static ControlPlane, &Value) -> Result<(), String>;

/// What deletes and recreates an object that the API server finds impossible to change.
const FORCE: [(&str, Force); 3] = [
    ("Flux, force", |cluster, object| flux::reconcile(cluster, "forced", slice::from_ref(object), &[], true)),
    ("kubectl apply --force", |cluster, object| kubectl(cluster, &["apply", "--force"], object)),
    ("Argo CD, Force=true", |cluster, object| argo(cluster, object, &["Force=true"])),
];

/// Other ways to insist, none of which deletes.
const INSIST: [(&str, Force); 4] = [
    ("kubectl apply --server-side --force-conflicts", |cluster, object| {
        kubectl(cluster, &["apply", "--server-side", "--force-conflicts"], object)
    }),
    ("kubectl replace", |cluster, object| kubectl(cluster, &["replace"], object)),
    ("Argo CD, Replace=true", |cluster, object| argo(cluster, object, &["Replace=true"])),
    ("Argo CD, ServerSideApply=true", |cluster, object| argo(cluster, object, &["ServerSideApply=true"])),
];

/// What deletes first and then creates, whatever the API server would say to a change.
const REPLACE: [(&str, Force); 2] = [
    ("kubectl replace --force", |cluster, object| kubectl(cluster, &["replace", "--force"], object)),
    ("Argo CD, Force=true and Replace=true", |cluster, object| argo(cluster, object, &["Force=true", "Replace=true"])),
];

#[test]
fn what_is_refused_is_neither_deleted_nor_recreated() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    stage.rest.apply(&spare("nobody.models.svc.cluster.local")).expect_admitted();
    let _guard = stage.guard();
    let before = versions(&stage.rest);
    let stays = |(way, force): &(&str, Force), broken: &Value| {
        let said = force(stage.control_plane, broken).expect_err(way);
        assert!(said.contains("denied the request: this change of"), "{way}: {said}");
        assert_eq!(versions(&stage.rest), before, "{way}: {}", broken["kind"]);
    };

    // Nothing but the status code saves this one: nobody would mind its deletion.
    let expendable = spare("iris.models.svc.cluster.local");
    for way in FORCE.iter().chain(&INSIST) {
        stays(way, &expendable);
    }
    let broken = breakages(&shipped);
    for broken in &broken {
        for way in &FORCE {
            stays(way, broken);
        }
    }
    let [gateway, ..] = &broken;
    for way in &REPLACE {
        stays(way, gateway);
    }
    let both = kubectl(stage.control_plane, &["apply", "--server-side", "--force"], gateway);
    assert_eq!(both, Err("error: --force cannot be used with --server-side\n".to_owned()));
}

/// The exception: what replaces by force deletes by design. Where requests depend on the object, that is refused (above); where
/// nobody minds, the object is gone, even if what was to come in its place is refused.
#[test]
fn what_nobody_needs_is_deleted_by_who_replaces_by_force() {
    let stage = Stage::enter();
    stock::install(&stage);
    let _guard = stage.guard();
    let harmless = spare("nobody.models.svc.cluster.local");
    for (way, replace) in &REPLACE {
        stage.rest.apply(&harmless).expect_admitted();
        let before = versions(&stage.rest);
        replace(stage.control_plane, &harmless).unwrap();
        assert_ne!(identities(&versions(&stage.rest)), identities(&before), "{way}");

        let said = replace(stage.control_plane, &spare("iris.models.svc.cluster.local")).expect_err(way);
        assert!(said.contains("denied the request: this change of Gateway other/spare"), "{way}: {said}");
        assert_eq!(stage.rest.find(&harmless), None, "{way}");
    }
}

#[test]
fn helm_keeps_what_it_may_not_replace() {
    let stage = Stage::enter();
    let shipped = stock::objects(stage.control_plane.upstream());
    let stock = Migration::new(shipped.clone()).stock();
    let _guard = stage.guard();
    let mut tool = Helm::new(stage.control_plane);
    tool.attempt(&stock).unwrap();
    tool.set_flags(&["--force"]);
    let before = versions(&stage.rest);

    let said = tool.attempt(&stock.with(&breakages(&shipped))).unwrap_err();

    for kind in ["Gateway", "Service", "ConfigMap"] {
        assert!(said.contains(&format!("denied the request: this change of {kind} ")), "{said}");
    }
    assert_eq!(identities(&versions(&stage.rest)), identities(&before));
}

#[test]
fn nothing_is_deleted_while_nobody_answers() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let mut guard = stage.guard();
    guard.server.kill();

    let [gateway, ..] = breakages(&shipped);
    let before = versions(&stage.rest);
    for (way, force) in FORCE {
        let said = force(stage.control_plane, &gateway).expect_err(way);
        assert!(said.contains("failed calling webhook"), "{way}: {said}");
        assert_eq!(versions(&stage.rest), before, "{way}");
    }
}

/// Why a denial is a 403: the same tools take a 422 for a field that cannot be changed, and recreate the object.
#[test]
fn another_status_code_would_cost_the_live_object() {
    let stage = Stage::enter();
    let recreated = |code, reason| {
        let server = DenyServer::answering(code, reason);
        let _registration = register(stage.control_plane, &server);
        FORCE.map(|(_, force)| {
            stage.clear();
            stage.rest.apply(&deny_me("before")).expect_admitted();
            let before = versions(&stage.rest);
            // Whether it says that it succeeded is not the question.
            let _ = force(stage.control_plane, &deny_me("after"));
            identities(&versions(&stage.rest)) != identities(&before)
        })
    };

    assert_eq!(recreated(403, "Forbidden"), [false; 3]);
    assert_eq!(recreated(422, "Invalid"), [true; 3]);
    assert_eq!(recreated(409, "Conflict"), [true; 3]);
}

/// A Gateway, a Service and a `ConfigMap`, each of which cuts requests.
fn breakages(shipped: &[Value]) -> [Value; 3] {
    let mut gateway = named(shipped, "Gateway", "knative-local-gateway").clone();
    gateway["spec"]["servers"][0]["hosts"] = json!(["*.elsewhere.svc.cluster.local"]);
    let mut service = named(shipped, "Service", "knative-local-gateway").clone();
    service["spec"]["ports"][0]["targetPort"] = json!(9999);
    let config = stock::kserve_config(shipped, &[("localGateway", "istio-system/gone")]);
    [gateway, service, config]
}

/// A Gateway in front of the shipped gateway's pods that sends plain requests for one host away.
fn spare(host: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "spare", "namespace": "other"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [{
            "port": {"number": 8081, "name": "http", "protocol": "HTTP"},
            "hosts": [host],
            "tls": {"httpsRedirect": true},
        }]},
    })
}

fn kubectl(cluster: &ControlPlane, args: &[&str], object: &Value) -> Result<(), String> {
    let args = [args, &["-f", "-"]].concat();
    result_of(cluster.kubectl_with_input(User::Gitops, &args, &object.to_string())).map(drop)
}

fn argo(cluster: &ControlPlane, object: &Value, options: &[&str]) -> Result<(), String> {
    argo::synchronize(cluster, slice::from_ref(object), &[], options).result()
}

/// Namespaces, names and uids without versions.
fn identities(versions: &[String]) -> Vec<&str> {
    versions.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

fn deny_me(host: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "deny-me", "namespace": "other"},
        "spec": {"selector": {"app": "none"}, "servers": [{
            "port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [format!("{host}.example.com")],
        }]},
    })
}

/// Has changes of Gateways refused, and neither their creation nor their deletion.
fn register<'a>(cluster: &'a ControlPlane, server: &DenyServer) -> Registration<'a> {
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "deny-changes"},
        "webhooks": [{
            "name": "changes.plumbline.test",
            "clientConfig": {"service": {"namespace": "replaced", "name": "replaced", "path": "/validate"}},
            "rules": [{
                "apiGroups": ["networking.istio.io"],
                "apiVersions": ["v1"],
                "operations": ["UPDATE"],
                "resources": ["gateways"],
            }],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
        }],
    });
    cluster.register_webhook(&configuration.to_string(), &server.endpoint(), Scope::AsWritten)
}
