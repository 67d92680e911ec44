//! The ConfigMap `config-istio`, written past the operator that derives it.

use super::admits::admits_with_warnings;
use super::change::{CONFIG_ISTIO, Change};
use super::refuses::{Because, refuses};

const LOCAL_SERVICE: &str = "      service: custom-local-gateway.istio-system.svc.cluster.local\n";
const OVERWRITTEN: &[&str] = &["PL501"];

#[test]
fn the_gateways_that_knative_names_are_kept() {
    let no_such = |from, to| CONFIG_ISTIO.with(from, to);
    refuses(&[
        ("a name with a typing error", no_such("name: custom-local-gateway", "name: custom-local-gatewey"), Because("PL1", "L7")),
        ("another namespace", no_such("namespace: istio-system", "namespace: istio-systems"), Because("PL1", "L7")),
        ("the key with a typing error", CONFIG_ISTIO.with("local-gateways:", "local-gateway:"), Because("PL1", "L7")),
        (
            "both formats",
            CONFIG_ISTIO.with("\ndata:\n", "\ndata:\n  local-gateway.istio-system.custom-local-gateway: custom-local-gateway.istio-system.svc.cluster.local\n"),
            Because("PL0", ""),
        ),
        ("an entry without a service", CONFIG_ISTIO.with(LOCAL_SERVICE, ""), Because("PL0", "")),
        (
            "two defaults",
            CONFIG_ISTIO.with(LOCAL_SERVICE, &format!("{LOCAL_SERVICE}    - name: knative-local-gateway\n      namespace: knative-serving\n      service: knative-local-gateway.istio-system.svc.cluster.local\n")),
            Because("PL0", ""),
        ),
        ("no default", CONFIG_ISTIO.with(LOCAL_SERVICE, &format!("{LOCAL_SERVICE}      labelSelector: {{}}\n")), Because("PL0", "")),
        ("no list", CONFIG_ISTIO.with("    - name: custom-local-gateway", "      name: custom-local-gateway"), Because("PL0", "")),
        ("its deletion", CONFIG_ISTIO.deleted(), Because("PL", "")),
    ]);
}

#[test]
fn the_lists_may_say_the_same_in_other_words() {
    let cases = [
        ("a trailing dot", CONFIG_ISTIO.with(LOCAL_SERVICE, &LOCAL_SERVICE.replace("local\n", "local.\n"))),
        ("a null selector", CONFIG_ISTIO.with(LOCAL_SERVICE, &format!("{LOCAL_SERVICE}      labelSelector: null\n"))),
        ("the default left out", CONFIG_ISTIO.with("  external-gateways: |\n    - name: knative-ingress-gateway\n      namespace: knative-serving\n      service: istio-ingressgateway.istio-system.svc.cluster.local\n", "")),
        ("JSON", CONFIG_ISTIO.with(
            "|\n    - name: custom-local-gateway\n      namespace: istio-system\n      service: custom-local-gateway.istio-system.svc.cluster.local\n",
            "'[{\"service\": \"custom-local-gateway.istio-system.svc.cluster.local\", \"Namespace\": \"istio-system\", \"NAME\": \"custom-local-gateway\"}]'\n",
        )),
    ];
    let cases: Vec<_> = cases.into_iter().map(|(what, change)| (what, change, OVERWRITTEN)).collect();
    admits_with_warnings(&cases);
}

#[test]
fn what_is_no_configuration_may_change() {
    let example: Change =
        CONFIG_ISTIO.with("\ndata:\n", "\ndata:\n  _example: |\n    local-gateways: nothing like it\n");
    let labels = CONFIG_ISTIO.with("\ndata:\n", "\n  labels: {team: platform}\ndata:\n");
    admits_with_warnings(&[("the example", example, &["PL505"]), ("labels", labels, &[])]);
}
