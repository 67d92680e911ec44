//! To a local gateway of one's own, and back.

use serde_json::Value;

use super::journey::Journey;
use crate::scenarios::stage::example;
use crate::scenarios::stock::{istio_config, kserve_config, named};
use crate::yaml;

const OLD_SERVICE: &str = "knative-local-gateway.istio-system.svc.cluster.local";
const NEW_SERVICE: &str = "custom-local-gateway.istio-system.svc.cluster.local";

/// Pods, Service and Gateway of the example that the README serves.
fn new_gateway() -> Vec<Value> {
    let text = [example("10-gateway-pods.yaml"), example("20-gateways.yaml")].join("\n---\n");
    let objects = yaml::objects(&text).into_iter();
    objects.filter(|object| object["metadata"]["name"] == "custom-local-gateway").collect()
}

fn new_list() -> String {
    format!("- name: custom-local-gateway\n  namespace: istio-system\n  service: {NEW_SERVICE}\n")
}

#[test]
fn stock_becomes_the_custom_gateway_of_the_article_and_stock_again() {
    let journey = Journey::from(|_| Vec::new());
    let shipped = journey.shipped.clone();
    let kserve = kserve_config(
        &shipped,
        &[("localGateway", "istio-system/custom-local-gateway"), ("localGatewayService", NEW_SERVICE)],
    );
    let mut to = new_gateway();
    to.extend([kserve, istio_config(&shipped, &[("local-gateways", &new_list())])]);

    let journey = journey.refused_by_kind(&to);
    let plan = journey.travel(&to, &[]);
    assert!(Journey::intermediate(&plan) > 0, "no order of these writes alone is safe: {plan:#}");

    let stock = [
        named(&shipped, "ConfigMap", "inferenceservice-config").clone(),
        named(&shipped, "ConfigMap", "config-istio").clone(),
    ];
    let gone = ["Gateway", "Service", "Deployment"].map(|kind| format!("{kind}/istio-system/custom-local-gateway"));
    journey.travel(&stock, &gone.each_ref().map(String::as_str));
}

#[test]
fn kserve_gets_a_gateway_of_its_own_and_leaves_the_shared_one_to_knative() {
    let journey = Journey::from(|_| Vec::new());
    let kserve = kserve_config(
        &journey.shipped,
        &[
            ("localGateway", "istio-system/custom-local-gateway"),
            ("localGatewayService", NEW_SERVICE),
            ("knativeLocalGatewayService", OLD_SERVICE),
        ],
    );
    let mut to = new_gateway();
    to.push(kserve);
    let journey = journey.refused_by_kind(&to);
    let plan = journey.travel(&to, &[]);
    assert_eq!(Journey::intermediate(&plan), 0, "what is new first is enough: {plan:#}");
}

#[test]
fn the_custom_gateway_comes_with_a_knative_serving() {
    let serving = |local_gateways: &str| {
        let mut serving: Value = serde_json::json!({
            "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
            "metadata": {"namespace": "knative-serving", "name": "knative-serving"},
            "spec": {"ingress": {"istio": {"enabled": true}}, "config": {"istio": {}}},
        });
        serving["spec"]["config"]["istio"]["local-gateways"] = local_gateways.into();
        serving
    };
    let old_list = format!("- name: knative-local-gateway\n  namespace: knative-serving\n  service: {OLD_SERVICE}\n");
    let journey =
        Journey::from(|shipped| vec![serving(&old_list), istio_config(shipped, &[("local-gateways", &old_list)])]);
    let kserve = kserve_config(
        &journey.shipped,
        &[("localGateway", "istio-system/custom-local-gateway"), ("localGatewayService", NEW_SERVICE)],
    );
    let mut to = new_gateway();
    // The ConfigMap as the operator will write it may be among the files.
    to.extend([kserve, serving(&new_list()), istio_config(&journey.shipped, &[("local-gateways", &new_list())])]);
    let journey = journey.refused_by_kind(&to);
    let plan = journey.travel(&to, &[]);
    let steps = plan["waves"].as_array().unwrap().iter().flat_map(|wave| wave["steps"].as_array().unwrap());
    let by_hand: Vec<_> = steps.filter(|step| step["object"]["name"] == "config-istio").collect();
    assert_eq!(by_hand, [&Value::Null; 0], "the operator writes it");
}
