//! What tools do that are told to force their way: none deletes a live object because its change was refused.

use serde_json::{Value, json};

use super::repository::{Commit, Migration, Wave};
use super::tool::{Tool, result_of, versions};
use super::{argo, flux, helm};
use crate::control_plane::{ControlPlane, Registration, Scope, User};
use crate::harness::deny_server::DenyServer;
use crate::scenarios::stage::Stage;
use crate::scenarios::stock::{self, named};

/// A tool that forces: it gets the objects that are to be there, of which one is refused, and says what it is told.
type Force = fn(&'static ControlPlane, &[Value]) -> Result<(), String>;

/// Every way to force that a denial has to withstand.
const WAYS: [(&str, Force); 9] = [
    ("Flux, force", |cluster, objects| flux::reconcile(cluster, "forced", objects, &[], true)),
    ("kubectl apply --force", |cluster, objects| kubectl(cluster, &["apply", "--force", "-f", "-"], objects)),
    ("kubectl apply --server-side --force-conflicts", |cluster, objects| {
        kubectl(cluster, &["apply", "--server-side", "--force-conflicts", "-f", "-"], objects)
    }),
    ("kubectl replace", |cluster, objects| kubectl(cluster, &["replace", "-f", "-"], objects)),
    ("kubectl replace --force", |cluster, objects| kubectl(cluster, &["replace", "--force", "-f", "-"], objects)),
    ("Argo CD, Force=true", |cluster, objects| argo(cluster, objects, &["Force=true"])),
    ("Argo CD, Replace=true", |cluster, objects| argo(cluster, objects, &["Replace=true"])),
    ("Argo CD, Force=true and Replace=true", |cluster, objects| argo(cluster, objects, &["Force=true", "Replace=true"])),
    ("Argo CD, ServerSideApply=true", |cluster, objects| argo(cluster, objects, &["ServerSideApply=true"])),
];

#[test]
fn what_is_refused_is_neither_deleted_nor_recreated() {
    let stage = Stage::enter();
    let cluster = stage.control_plane;
    let shipped = stock::install(&stage);
    let _guard = stage.guard();

    for broken in breakages(&shipped) {
        let before = versions(&stage.rest);
        for (way, force) in WAYS {
            let said = force(cluster, std::slice::from_ref(&broken)).expect_err(way);
            assert!(said.contains("denied the request: this change of"), "{way}: {said}");
            assert_eq!(versions(&stage.rest), before, "{way}: {}", broken["kind"]);
        }
    }
    let both = kubectl(cluster, &["apply", "--server-side", "--force", "-f", "-"], &breakages(&shipped));
    assert_eq!(both, Err("error: --force cannot be used with --server-side\n".to_owned()));
}

#[test]
fn helm_keeps_what_it_may_not_replace() {
    let stage = Stage::enter();
    let shipped = stock::objects(stage.control_plane.upstream());
    let migration = Migration::new(shipped.clone());
    let _guard = stage.guard();
    let mut tool = helm::Helm::new(stage.control_plane);
    tool.attempt(&migration.stock()).unwrap();
    tool.set_flags(&["--force"]);

    for broken in breakages(&shipped) {
        let before = versions(&stage.rest);
        let mut objects = Commit { waves: vec![wave(&broken)] }.missing_from(&migration.stock().objects());
        objects.push(broken);
        let said = tool.attempt(&Commit { waves: vec![Wave { part: "all", objects }] }).unwrap_err();
        assert!(said.contains("denied the request: this change of"), "{said}");
        assert!(identities(&before) == identities(&versions(&stage.rest)), "{said}");
    }
}

#[test]
fn nothing_is_deleted_while_nobody_answers() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let mut guard = stage.guard();
    guard.server.kill();

    // Services are let through where plumbline does not answer.
    let [gateway, _, config] = breakages(&shipped);
    let before = versions(&stage.rest);
    for object in &[gateway, config] {
        for (way, force) in WAYS {
            let said = force(stage.control_plane, std::slice::from_ref(object)).expect_err(way);
            assert!(said.contains("failed calling webhook"), "{way}: {said}");
            assert_eq!(versions(&stage.rest), before, "{way}");
        }
    }
}

/// Why a denial is a 403: the same tools take a 422 for a field that cannot be changed, and recreate the object.
#[test]
fn another_status_code_would_cost_the_live_object() {
    let stage = Stage::enter();
    let recreated = |code, reason| -> Vec<&str> {
        let server = DenyServer::answering(code, reason);
        let changed = WAYS.iter().filter(|(_, force)| {
            stage.clear();
            let live = deny_me("before");
            stage.rest.apply(&live).expect_admitted();
            let _registration = register(stage.control_plane, &server);
            let before = versions(&stage.rest);
            // Whether it says that it succeeded is not the question.
            let _ = force(stage.control_plane, &[deny_me("after")]);
            identities(&versions(&stage.rest)) != identities(&before)
        });
        changed.map(|(way, _)| *way).collect()
    };

    // The deletion and creation that these consist of by themselves are not refused here.
    let by_design = ["kubectl replace --force", "Argo CD, Force=true and Replace=true"];
    assert_eq!(recreated(403, "Forbidden"), by_design);
    let all = recreated(422, "Invalid");
    println!("{all:?} {:?}", recreated(409, "Conflict"));
    for way in ["Flux, force", "kubectl apply --force", "Argo CD, Force=true"] {
        assert!(all.contains(&way), "{all:?}");
    }
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

fn wave(object: &Value) -> Wave {
    Wave { part: "all", objects: vec![object.clone()] }
}

fn kubectl(cluster: &ControlPlane, args: &[&str], objects: &[Value]) -> Result<(), String> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    result_of(cluster.kubectl_with_input(User::Gitops, args, &list.to_string())).map(drop)
}

fn argo(cluster: &ControlPlane, objects: &[Value], options: &[&str]) -> Result<(), String> {
    argo::synchronize(cluster, objects, &[], options).result()
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
