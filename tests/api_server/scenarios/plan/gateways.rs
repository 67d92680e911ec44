//! Gateways that change their name, their namespace, their pods, their port, or become two.

use serde_json::{Value, json};

use super::journey::{Journey, edited};
use crate::scenarios::stock::{istio_config, kserve_config, named};

const SERVICE: &str = "knative-local-gateway.istio-system.svc.cluster.local";

fn list(namespace: &str, name: &str, service: &str) -> String {
    format!("- name: {name}\n  namespace: {namespace}\n  service: {service}\n")
}

/// The shipped local Gateway at another place, and the configuration that names it.
fn moved(shipped: &[Value], namespace: &str, name: &str) -> Vec<Value> {
    let gateway = named(shipped, "Gateway", "knative-local-gateway");
    vec![
        edited(gateway, &[("/metadata/namespace", namespace.into()), ("/metadata/name", name.into())]),
        kserve_config(shipped, &[("localGateway", &format!("{namespace}/{name}"))]),
        istio_config(shipped, &[("local-gateways", &list(namespace, name, SERVICE))]),
    ]
}

#[test]
fn a_gateway_gets_another_name() {
    let journey = Journey::from(|_| Vec::new());
    let to = moved(&journey.shipped, "knative-serving", "cluster-local");
    let journey = journey.refused_by_kind(&to);
    journey.travel(&to, &["Gateway/knative-serving/knative-local-gateway"]);
}

#[test]
fn a_gateway_moves_to_another_namespace() {
    let journey = Journey::from(|_| Vec::new());
    let to = moved(&journey.shipped, "istio-system", "knative-local-gateway");
    let journey = journey.refused_by_kind(&to);
    journey.travel(&to, &["Gateway/knative-serving/knative-local-gateway"]);
}

#[test]
fn a_gateway_moves_to_pods_that_share_no_label_with_the_old_ones() {
    let journey = Journey::from(|_| Vec::new());
    let labels = json!({"istio": "local-gateway"});
    let shipped = &journey.shipped;
    let pods = edited(
        named(shipped, "Deployment", "istio-ingressgateway"),
        &[
            ("/metadata/name", "local-gateway".into()),
            ("/spec/selector/matchLabels", labels.clone()),
            ("/spec/template/metadata/labels", labels.clone()),
        ],
    );
    let to = [
        pods,
        edited(named(shipped, "Gateway", "knative-local-gateway"), &[("/spec/selector", labels.clone())]),
        edited(named(shipped, "Service", "knative-local-gateway"), &[("/spec/selector", labels)]),
    ];
    let journey = journey.refused_by_kind(&to);
    let plan = journey.travel(&to, &[]);
    let text = plan.to_string();
    assert!(text.contains("knative-local-gateway-detour"), "{plan:#}");
}

#[test]
fn a_gateway_listens_on_another_port() {
    let journey = Journey::from(|_| Vec::new());
    let shipped = &journey.shipped;
    let to = [
        edited(named(shipped, "Gateway", "knative-local-gateway"), &[("/spec/servers/0/port/number", 8082.into())]),
        edited(named(shipped, "Service", "knative-local-gateway"), &[("/spec/ports/0/targetPort", 8082.into())]),
    ];
    let journey = journey.refused_by_kind(&to);
    let plan = journey.travel(&to, &[]);
    assert_eq!(Journey::intermediate(&plan), 1, "it listens on both for a while: {plan:#}");
}

#[test]
fn one_gateway_becomes_two() {
    let entry = "istio-ingressgateway.istio-system.svc.cluster.local";
    // One Gateway takes what comes from outside and what comes from inside.
    let journey = Journey::from(|shipped| {
        let both = "knative-serving/knative-ingress-gateway";
        vec![
            kserve_config(shipped, &[("localGateway", both), ("localGatewayService", entry)]),
            istio_config(shipped, &[("local-gateways", &list("knative-serving", "knative-ingress-gateway", entry))]),
        ]
    });
    let shipped = &journey.shipped;
    let to = [
        edited(
            named(shipped, "Gateway", "knative-ingress-gateway"),
            &[("/spec/servers/0/hosts", json!(["*.example.com"]))],
        ),
        named(shipped, "ConfigMap", "inferenceservice-config").clone(),
        named(shipped, "ConfigMap", "config-istio").clone(),
    ];
    let journey = journey.refused_by_kind(&to);
    journey.travel(&to, &[]);
}

#[test]
fn a_second_gateway_serves_those_with_a_label() {
    let journey = Journey::from(|_| Vec::new());
    let gateway = named(&journey.shipped, "Gateway", "knative-local-gateway");
    let gold = edited(gateway, &[("/metadata/name", "gold".into())]);
    let labelled = "  labelSelector:\n    matchLabels:\n      serving.kserve.io/inferenceservice: sklearn-iris\n";
    let both = list("knative-serving", "knative-local-gateway", SERVICE) + &list("knative-serving", "gold", SERVICE);
    let to = [gold, istio_config(&journey.shipped, &[("local-gateways", &format!("{both}{labelled}"))])];
    let journey = journey.refused_by_kind(&to);
    let plan = journey.travel(&to, &[]);
    assert_eq!(plan["waves"][0]["steps"][0]["object"]["kind"], "Gateway", "{plan:#}");
}
