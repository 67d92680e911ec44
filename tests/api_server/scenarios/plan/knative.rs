//! Knative's configuration in another form, or in other hands.

use serde_json::{Value, json};

use super::journey::{Journey, edited};
use crate::scenarios::stock::{istio_config, kserve_config, named};

const SERVICE: &str = "knative-local-gateway.istio-system.svc.cluster.local";
const ENTRY: &str = "istio-ingressgateway.istio-system.svc.cluster.local";
const RENAMED: &str = "- name: cluster-local\n  namespace: knative-serving\n  service: knative-local-gateway.istio-system.svc.cluster.local\n";

/// The keys of before the lists.
fn old_format(shipped: &[Value]) -> Value {
    istio_config(
        shipped,
        &[
            ("gateway.knative-serving.knative-ingress-gateway", ENTRY),
            ("local-gateway.knative-serving.knative-local-gateway", SERVICE),
        ],
    )
}

#[test]
fn the_old_format_becomes_lists_and_another_gateway_with_it() {
    let journey = Journey::from(|shipped| vec![old_format(shipped)]);
    let shipped = &journey.shipped;
    let to = [
        edited(named(shipped, "Gateway", "knative-local-gateway"), &[("/metadata/name", "cluster-local".into())]),
        kserve_config(shipped, &[("localGateway", "knative-serving/cluster-local")]),
        istio_config(shipped, &[("local-gateways", RENAMED)]),
    ];
    let journey = journey.refused_by_kind(&to);
    journey.travel(&to, &["Gateway/knative-serving/knative-local-gateway"]);
}

#[test]
fn the_operator_takes_over_config_istio() {
    let journey = Journey::from(|shipped| vec![old_format(shipped)]);
    let list = format!("- name: knative-local-gateway\n  namespace: knative-serving\n  service: {SERVICE}\n");
    let serving = json!({
        "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
        "metadata": {"namespace": "knative-serving", "name": "knative-serving"},
        "spec": {"ingress": {"istio": {"enabled": true}}, "config": {"istio": {"local-gateways": list}}},
    });
    // Old keys that stay would be mixed with the new ones.
    let answer = journey.stage.rest.apply(&serving);
    assert!(answer.denial.is_some(), "both formats at once: {answer:#?}");
    let to = [serving, istio_config(&journey.shipped, &[("local-gateways", &list)])];
    journey.travel(&to, &[]);
}
