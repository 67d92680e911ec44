//! The KnativeServing, whose operator would write what a change asks for.

use super::admits::admits;
use super::change::KNATIVE_SERVING;
use super::refuses::{Because, refuses};

const LOCAL_SERVICE: &str = "          service: custom-local-gateway.istio-system.svc.cluster.local\n";

#[test]
fn what_the_operator_would_write_is_judged() {
    let serving = KNATIVE_SERVING;
    let text = serving.text();
    let local_gateways = &text[text.find("      local-gateways:").unwrap()..];
    refuses(&[
        (
            "a gateway that does not exist",
            serving.with("name: custom-local-gateway", "name: custom-local-gatewey"),
            Because("PL107", "L7 route"),
        ),
        (
            "a gateway in another namespace",
            serving.with("namespace: istio-system", "namespace: knative-serving"),
            Because("PL107", "L7 route"),
        ),
        (
            "a gateway on other pods",
            serving.with(
                "name: custom-local-gateway\n          namespace: istio-system",
                "name: knative-local-gateway\n          namespace: knative-serving",
            ),
            Because("PL130", "L7 route"),
        ),
        ("the default gateway", serving.with(local_gateways, ""), Because("PL130", "L7 route")),
        ("a key with a typing error", serving.with("local-gateways:", "local-gateway:"), Because("PL130", "L7 route")),
        ("an entry without a service", serving.with(LOCAL_SERVICE, ""), Because("PL012", "net-istio")),
        (
            "both formats",
            serving.with(
                "      local-gateways:",
                concat!(
                    "      gateway.knative-serving.knative-ingress-gateway: ",
                    "istio-ingressgateway.istio-system.svc.cluster.local\n",
                    "      local-gateways:"
                ),
            ),
            Because("PL011", "net-istio"),
        ),
        (
            "without Istio",
            serving
                .with("enabled: true", "enabled: false")
                .and("    istio:", "    kourier:\n      enabled: true\n    istio:"),
            Because("PL207", "E1 entry"),
        ),
        (
            "other hosts of the shipped gateway",
            serving.with(
                "enabled: true\n",
                concat!(
                    "enabled: true\n",
                    "      knative-ingress-gateway:\n",
                    "        servers:\n",
                    "        - port: {number: 80, name: http, protocol: HTTP}\n",
                    "          hosts: [\"*.example.org\"]\n"
                ),
            ),
            Because("PL210", "E2 route"),
        ),
        (
            "other pods of the shipped gateway",
            serving.with(
                "enabled: true\n",
                concat!(
                    "enabled: true\n",
                    "      knative-ingress-gateway:\n",
                    "        selector: {istio: custom-local-gateway}\n"
                ),
            ),
            Because("PL208", "E1 entry"),
        ),
        ("its deletion", serving.deleted(), Because("PL020", "L7 route")),
    ]);
}

#[test]
fn the_operator_may_be_asked_for_the_same() {
    let serving = KNATIVE_SERVING;
    admits(&[
        ("a trailing dot", serving.with(LOCAL_SERVICE, &LOCAL_SERVICE.replace("local\n", "local.\n"))),
        (
            "another name of the section",
            serving.with("    istio:\n      external", "    config-istio:\n      external"),
        ),
        ("replicas", serving.with("spec:\n", "spec:\n  high-availability: {replicas: 3}\n")),
        (
            "another section",
            serving.with(
                "  config:\n",
                concat!("  config:\n", "    autoscaler:\n", "      container-concurrency-target-default: \"100\"\n"),
            ),
        ),
        (
            "the shipped gateway as it is shipped",
            serving.with(
                "enabled: true\n",
                concat!(
                    "enabled: true\n",
                    "      knative-ingress-gateway:\n",
                    "        selector: {istio: ingressgateway}\n"
                ),
            ),
        ),
        ("labels", serving.with("\nspec:\n", "\n  labels: {team: platform}\nspec:\n")),
    ]);
}
