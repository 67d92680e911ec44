//! Writes that are never refused, whatever they do.

use serde_json::json;

use super::stage::Stage;
use super::stock::{self, kserve_config, named};
use crate::control_plane::User;
use crate::rest::Rest;

#[test]
fn istiods_probe_of_its_own_webhook_is_let_through() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    // A probe that breaks something, or else the exemption would make no difference.
    let mut probe = named(&shipped, "Gateway", "knative-local-gateway").clone();
    probe["metadata"] = json!({"name": "invalid-gateway", "namespace": "istio-system"});
    stage.rest.apply(&probe).expect_admitted();
    stage.rest.apply(&kserve_config(&shipped, &[("localGateway", "istio-system/invalid-gateway")])).expect_admitted();
    let _guard = stage.guard();

    probe["spec"]["servers"][0]["hosts"] = json!(["*.elsewhere.svc.cluster.local"]);
    let refused = stage.rest.apply(&probe);
    assert!(refused.denial.is_some(), "{refused:#?}");
    probe["metadata"]["annotations"] = json!({"internal.istio.io/webhook-always-reject": "true"});
    assert_eq!(stage.rest.apply(&probe).expect_admitted(), [""; 0]);
}

#[test]
fn the_knative_operator_is_told_and_not_refused() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let operator = Rest::open(stage.control_plane, User::KnativeOperator);
    let gateway = named(&shipped, "Gateway", "knative-local-gateway");
    let _guard = stage.guard();

    let refused = stage.rest.delete(gateway);
    assert!(refused.denial.is_some(), "{refused:#?}");
    let warnings = operator.delete(gateway).expect_admitted();
    let expected = "written by the Knative operator, so not refused";
    assert!(warnings.iter().any(|warning| warning.contains(expected)), "{warnings:?}");
    // It is heard all the same: what it broke is known to be broken.
    let warnings = stage.rest.apply(named(&shipped, "Gateway", "knative-ingress-gateway")).expect_admitted();
    assert_eq!(warnings, [""; 0], "nothing changes");
    assert_eq!(stage.rest.apply(gateway).expect_admitted(), [""; 0], "a repair");
}
