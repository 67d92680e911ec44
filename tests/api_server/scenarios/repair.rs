//! A cluster in which several things are broken at once is mended by single writes, in whatever order.

use serde_json::{Value, json};

use super::stage::Stage;
use super::stock::{self, istio_config, kserve_config, named};
use crate::control_plane::User;
use crate::rest::Rest;

#[test]
fn a_broken_cluster_is_repaired_write_by_write() {
    let stage = Stage::enter();
    // Its writes are reported and never refused.
    let operator = Rest::open(stage.control_plane, User::KnativeOperator);
    let shipped = stock::objects(stage.control_plane.upstream());
    let broken = breakages(&shipped);
    let guard = stage.guard();

    for turn in 0..broken.len() {
        stage.clear();
        stock::install(&stage);
        let warned = operator.apply(&broken[0]).expect_admitted();
        assert!(warned[0].contains("written by the Knative operator, so not refused"), "{warned:?}");
        for object in &broken[1..] {
            let warned = operator.apply(object).expect_admitted();
            assert!(!warned.is_empty(), "{object}");
        }

        let mut order: Vec<_> = broken.iter().collect();
        order.rotate_left(turn);
        if turn % 2 == 1 {
            order.reverse();
        }
        for (done, object) in order.iter().enumerate() {
            let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
            let warnings = stage.rest.apply(named(&shipped, kind, name)).expect_admitted();
            let is_last = done + 1 == order.len();
            assert_eq!(warnings.is_empty(), is_last, "turn {turn}, {kind} {name}: {warnings:?}");
            assert!(warnings.iter().all(|warning| warning.contains("still ")), "{warnings:?}");
        }
    }
    let deleted = stage.rest.delete(named(&shipped, "Gateway", "knative-local-gateway"));
    assert!(deleted.denial.is_some(), "all is in use again: {deleted:?}\n{}", guard.server.log());
}

/// Five objects, each of which alone would cut requests.
fn breakages(shipped: &[Value]) -> Vec<Value> {
    let mut service = named(shipped, "Service", "knative-local-gateway").clone();
    service["spec"]["ports"][0]["targetPort"] = json!(9999);
    let mut local = named(shipped, "Gateway", "knative-local-gateway").clone();
    local["spec"]["servers"][0]["hosts"] = json!(["*.elsewhere.svc.cluster.local"]);
    let mut external = named(shipped, "Gateway", "knative-ingress-gateway").clone();
    external["spec"]["selector"] = json!({"istio": "nobody"});
    let kserve = kserve_config(
        shipped,
        &[("localGateway", "istio-system/gone"), ("localGatewayService", "gone.istio-system.svc.cluster.local")],
    );
    let istio = istio_config(shipped, &[("local-gateways", "- name: [")]);
    vec![service, local, external, kserve, istio]
}
