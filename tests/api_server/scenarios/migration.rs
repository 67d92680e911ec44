//! From the shipped local gateway to one's own: the right order passes, and the wrong one stops at the step that cuts.

use serde_json::Value;

use super::stage::{Stage, example};
use super::stock::{self, istio_config, kserve_config, named};
use crate::yaml;

const OLD_SERVICE: &str = "knative-local-gateway.istio-system.svc.cluster.local";
const NEW_SERVICE: &str = "custom-local-gateway.istio-system.svc.cluster.local";
const OLD_KEY: &str = "local-gateway.knative-serving.knative-local-gateway";
const NEW_KEY: &str = "local-gateway.istio-system.custom-local-gateway";
/// The gateway that KServe itself uses, in `localGateway` and `localGatewayService`.
const NEW_LOCAL: [(&str, &str); 2] =
    [("localGateway", "istio-system/custom-local-gateway"), ("localGatewayService", NEW_SERVICE)];

#[test]
fn a_custom_local_gateway_is_introduced_in_the_right_order() {
    let story = Story::begin();
    let _guard = story.stage.guard();

    for object in Story::new_gateway() {
        story.admitted("nothing refers to it yet", &object);
    }
    story.admitted("KServe uses it, and still calls Knative where it was", &story.kserve(OLD_SERVICE));
    story.admitted("Knative serves both", &story.istio(&[(OLD_KEY, OLD_SERVICE), (NEW_KEY, NEW_SERVICE)]));
    story.admitted("KServe calls Knative where it will be", &story.kserve(NEW_SERVICE));
    story.admitted("Knative serves the new one", &story.istio(&[(NEW_KEY, NEW_SERVICE)]));
    for (kind, name) in [("Gateway", "knative-local-gateway"), ("Service", "knative-local-gateway")] {
        let old = named(&story.shipped, kind, name);
        assert_eq!(story.stage.rest.delete(old).expect_admitted(), [""; 0], "nobody needs {kind} {name} any more");
    }

    for object in Story::new_gateway().iter().filter(|object| object["kind"] != "Deployment") {
        let answer = story.stage.rest.delete(object);
        assert!(answer.denial.is_some(), "all depends on {}: {answer:#?}", object["kind"]);
    }
}

#[test]
fn every_step_in_the_wrong_order_is_refused_where_it_cuts() {
    let story = Story::begin();
    let _guard = story.stage.guard();
    let new_only = story.istio(&[(NEW_KEY, NEW_SERVICE)]);
    let old_only = story.istio(&[(OLD_KEY, OLD_SERVICE)]);
    let new_format = {
        let list = format!("- name: custom-local-gateway\n  namespace: istio-system\n  service: {NEW_SERVICE}\n");
        story.istio(&[("local-gateways", &list)])
    };

    story.refused("KServe would use a gateway that is not there", &story.kserve(OLD_SERVICE));
    story.refused("Knative would use one", &new_only);
    for object in Story::new_gateway() {
        story.admitted("nothing refers to it yet", &object);
    }
    story.refused("KServe would call Knative where it is not", &kserve_config(&story.shipped, &NEW_LOCAL));
    story.refused("said explicitly", &story.kserve(NEW_SERVICE));
    story.refused("Knative would move alone", &new_only);
    story.refused("in the other format", &new_format);
    story.admitted("KServe uses it, and still calls Knative where it was", &story.kserve(OLD_SERVICE));
    story.refused("Knative would still move alone", &new_only);
    story.refused("KServe would still move alone", &story.kserve(NEW_SERVICE));
    story.admitted("Knative serves both", &story.istio(&[(OLD_KEY, OLD_SERVICE), (NEW_KEY, NEW_SERVICE)]));
    story.refused("Knative would leave first", &new_only);
    story.admitted("KServe calls Knative where it will be", &story.kserve(NEW_SERVICE));
    story.refused("Knative would go back alone", &old_only);
    story.admitted("Knative serves the new one", &new_format);
    story.refused("KServe would go back alone", &story.kserve(OLD_SERVICE));
}

/// A stock installation in use, without a guard so far.
struct Story {
    stage: Stage,
    shipped: Vec<Value>,
}

impl Story {
    fn begin() -> Self {
        let stage = Stage::enter();
        let shipped = stock::install(&stage);
        stage.rest.delete(&stock::inference_service("models", "iris")).expect_admitted();
        stage.rest.apply(&stock::inference_service("online-serving", "sklearn-iris")).expect_admitted();
        Self { stage, shipped }
    }

    /// Pods, Service and Gateway of its own.
    fn new_gateway() -> Vec<Value> {
        let text = [example("10-gateway-pods.yaml"), example("20-gateways.yaml")].join("\n---\n");
        let objects = yaml::objects(&text).into_iter();
        objects.filter(|object| object["metadata"]["name"] == "custom-local-gateway").collect()
    }

    /// KServe's configuration with the new gateway, and where it calls Knative's.
    fn kserve(&self, knative: &str) -> Value {
        let [gateway, service] = NEW_LOCAL;
        kserve_config(&self.shipped, &[gateway, service, ("knativeLocalGatewayService", knative)])
    }

    fn istio(&self, data: &[(&str, &str)]) -> Value {
        istio_config(&self.shipped, data)
    }

    #[track_caller]
    fn admitted(&self, step: &str, object: &Value) {
        let answer = self.stage.rest.apply(object);
        assert!(answer.denial.is_none(), "{step}: {answer:#?}");
        // What is deployed already follows at its next reconciliation, and that is worth a word.
        assert!(answer.warnings.iter().all(|warning| warning.contains("PL504")), "{step}: {answer:#?}");
    }

    #[track_caller]
    fn refused(&self, step: &str, object: &Value) {
        let answer = self.stage.rest.apply(object);
        assert!(answer.denial.as_ref().is_some_and(|denial| denial.contains("PL")), "{step}: {answer:#?}");
    }
}
