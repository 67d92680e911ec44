//! What cannot be read is unknown: it is named, never taken for missing, and everything else is judged.

use serde_json::{Value, json};

use super::stage::{Guard, Stage, grant_rights_of_chart, render, wait_until_ready};
use super::stock::{self, istio_config, kserve_config, named};
use crate::control_plane::{ControlPlane, Scope, User};
use crate::plumbline_server::PlumblineServer;
use crate::rest::Rest;
use crate::wait;
use crate::yaml;

#[test]
fn a_kind_that_is_not_installed_is_unknown_until_it_is() {
    let control_plane = ControlPlane::start();
    let upstream = control_plane.upstream();
    let kserve = upstream.kserve.join("config/crd/full/serving.kserve.io_inferenceservices.yaml");
    control_plane.kubectl(&["apply", "--server-side", "-f", kserve.to_str().unwrap()]).expect_success();
    grant_rights_of_chart(&control_plane);
    let rest = Rest::open(&control_plane, User::Gitops);
    for namespace in ["istio-system", "knative-serving", "kserve", "models"] {
        rest.apply(&stock::namespace(namespace)).expect_admitted();
    }
    wait::until("InferenceServices to be served", std::time::Duration::from_secs(20), || {
        let answer = control_plane.kubectl(&["get", "inferenceservices", "-A"]);
        if answer.status.success() { Ok(()) } else { Err(answer.stderr) }
    });
    let shipped = stock::objects(upstream);
    let (of_istio, others): (Vec<_>, Vec<_>) =
        shipped.iter().partition(|object| object["apiVersion"].as_str().unwrap().contains("istio.io/"));
    let model = stock::inference_service("models", "iris");
    for object in others.into_iter().chain([&model]) {
        rest.apply(object).expect_admitted();
    }
    let server = PlumblineServer::start(control_plane.kubeconfig(User::Plumbline), &[]);
    wait_until_ready(&server);
    let webhooks = render(&control_plane, "validatingwebhookconfiguration", &[]);
    let _registration = control_plane.register_webhook(&webhooks, &server.endpoint(), Scope::AsWritten);

    // Whether a Gateway listens is unknown, and whether KServe can read its configuration is not.
    let elsewhere = [("localGateway", "istio-system/elsewhere")];
    rest.apply(&kserve_config(&shipped, &elsewhere)).expect_admitted();
    let mut malformed = named(&shipped, "ConfigMap", "inferenceservice-config").clone();
    malformed["data"]["ingress"] = json!("{");
    let refused = rest.apply(&malformed);
    assert!(refused.denial.is_some(), "{refused:#?}");
    rest.apply(&kserve_config(&shipped, &[])).expect_admitted();

    control_plane.install_upstream_crds();
    for object in of_istio {
        rest.apply(object).expect_admitted();
    }
    wait::until("Gateways to be known", std::time::Duration::from_secs(20), || {
        let answer = control_plane.kubectl(&[
            "delete",
            "gateways.networking.istio.io/knative-local-gateway",
            "--namespace=knative-serving",
            "--dry-run=server",
        ]);
        if answer.stderr.contains("denied the request") {
            Ok(())
        } else {
            Err(format!("{answer:#?}\n{}", server.log()))
        }
    });
}

#[test]
fn a_missing_right_is_named_and_nothing_is_refused_for_it() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let gateway = named(&shipped, "Gateway", "knative-local-gateway");
    let elsewhere = kserve_config(&shipped, &[("localGateway", "istio-system/elsewhere")]);
    let empty = istio_config(&shipped, &[("local-gateways", "- name: [")]);

    for (resource, says) in [
        ("services", "services"),
        ("gateways", "gateways.networking.istio.io"),
        ("inferenceservices", "inferenceservices.serving.kserve.io"),
    ] {
        let guard = guard_without(&stage, resource);
        let warnings = stage.rest.apply(&elsewhere).expect_admitted();
        assert!(names(&warnings, says), "{resource}: {warnings:?}\n{}", guard.server.log());
        let refused = stage.rest.apply(&empty);
        assert!(refused.denial.is_some(), "{resource}: what can be read is judged: {refused:#?}");
        stage.rest.apply(named(&shipped, "ConfigMap", "inferenceservice-config")).expect_admitted();
    }

    // With all rights it is another matter.
    let _guard = stage.guard();
    for answer in [stage.rest.apply(&elsewhere), stage.rest.delete(gateway)] {
        assert!(answer.denial.is_some(), "{answer:#?}");
    }
}

fn names(warnings: &[String], right: &str) -> bool {
    warnings.iter().any(|warning| warning.contains("grant") && warning.contains(right))
}

/// A guard that has the rights of the chart but for those on one resource.
fn guard_without(stage: &Stage, resource: &str) -> Guard<'static> {
    let objects = yaml::objects(&render(stage.control_plane, "rbac", &[]));
    let mut role = named(&objects, "ClusterRole", "plumbline").clone();
    let rules = role["rules"].as_array_mut().unwrap();
    for rule in rules.iter_mut() {
        let resources = rule["resources"].as_array_mut().unwrap();
        resources.retain(|name| name != resource);
    }
    rules.retain(|rule| rule["resources"].as_array().is_some_and(|resources| !resources.is_empty()));
    role["metadata"] = json!({"name": "partial"});
    let binding: Value = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "partial"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "partial"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": User::Restricted.name()}],
    });
    for object in [role, binding] {
        stage.rest.apply(&object).expect_admitted();
    }
    stage.guard_as(User::Restricted, &[], &[])
}
