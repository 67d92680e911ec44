//! What goes with its namespace is gone already, and nobody is asked.

use serde_json::{Value, json};

use super::stage::{NAMESPACE_CONTROLLER, Stage};
use super::stock::{self, kserve_config, named};
use crate::rest::Rest;
use crate::wait;

#[test]
fn a_namespace_can_be_deleted_with_the_gateway_that_all_depends_on() {
    let stage = Stage::enter();
    let gateway = set_up(&stage);
    let _guard = stage.guard();

    let refused = stage.rest.delete(&gateway);
    assert!(refused.denial.is_some(), "{refused:#?}");

    stage.control_plane.kubectl(&["delete", "namespace", "custom", "--wait=false"]).expect_success();
    let answer = stage.rest.delete(&gateway);
    stage.control_plane.finalize_namespace("custom");
    assert_eq!(answer.expect_admitted(), [""; 0]);
}

#[test]
fn the_namespace_controller_is_not_held_up() {
    let stage = Stage::enter();
    let gateway = set_up(&stage);
    let controller = Rest::open_as(stage.control_plane, NAMESPACE_CONTROLLER);
    let guard = stage.guard();

    assert_eq!(controller.delete(&gateway).expect_admitted(), [""; 0]);
    let seen = format!("user={NAMESPACE_CONTROLLER:?}");
    wait::until("the verdict", std::time::Duration::from_secs(5), || {
        let log = guard.server.log();
        if log.contains(&seen) || log.contains(&seen.replace('"', "")) { Ok(()) } else { Err(log) }
    });

    // It deletes what is there, and does not change it.
    let mut narrowed =
        named(&stock::objects(stage.control_plane.upstream()), "Gateway", "knative-ingress-gateway").clone();
    narrowed["spec"]["selector"] = json!({"istio": "nobody"});
    let refused = stage.rest.apply(&narrowed);
    assert!(refused.denial.is_some(), "{refused:#?}");
}

/// A stock installation whose KServe uses a Gateway in namespace `custom`.
fn set_up(stage: &Stage) -> Value {
    let shipped = stock::install(stage);
    let mut gateway = named(&shipped, "Gateway", "knative-local-gateway").clone();
    gateway["metadata"] = json!({"name": "local", "namespace": "custom"});
    stage.rest.apply(&gateway).expect_admitted();
    stage.rest.apply(&kserve_config(&shipped, &[("localGateway", "custom/local")])).expect_admitted();
    gateway
}
