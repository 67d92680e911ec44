//! The ConfigMap `config-istio`, written past the operator that derives it.

use super::admits::{admits, admits_with};
use super::change::CONFIG_ISTIO;
use super::refuses::{Because, refuses};

const LOCAL_SERVICE: &str = "      service: custom-local-gateway.istio-system.svc.cluster.local\n";

#[test]
fn the_gateways_that_knative_names_are_kept() {
    refuses(&[
        (
            "a name with a typing error",
            CONFIG_ISTIO.with("name: custom-local-gateway", "name: custom-local-gatewey"),
            Because("PL107", "L7 route"),
        ),
        (
            "another namespace",
            CONFIG_ISTIO.with("namespace: istio-system", "namespace: istio-systems"),
            Because("PL107", "L7 route"),
        ),
        (
            "the key with a typing error",
            CONFIG_ISTIO.with("local-gateways:", "local-gateway:"),
            Because("PL130", "L7 route"),
        ),
        (
            "both formats",
            CONFIG_ISTIO.with(
                "\ndata:\n",
                concat!(
                    "\n",
                    "data:\n",
                    "  local-gateway.istio-system.custom-local-gateway: ",
                    "custom-local-gateway.istio-system.svc.cluster.local\n"
                ),
            ),
            Because("PL011", "net-istio"),
        ),
        ("an entry without a service", CONFIG_ISTIO.with(LOCAL_SERVICE, ""), Because("PL012", "net-istio")),
        (
            "two defaults",
            CONFIG_ISTIO.with(
                LOCAL_SERVICE,
                &[
                    LOCAL_SERVICE,
                    "    - name: knative-local-gateway\n",
                    "      namespace: knative-serving\n",
                    "      service: knative-local-gateway.istio-system.svc.cluster.local\n",
                ]
                .concat(),
            ),
            Because("PL013", "net-istio"),
        ),
        (
            "no default",
            CONFIG_ISTIO.with(LOCAL_SERVICE, &format!("{LOCAL_SERVICE}      labelSelector: {{}}\n")),
            Because("PL013", "net-istio"),
        ),
        (
            "no list",
            CONFIG_ISTIO.with("    - name: custom-local-gateway", "      name: custom-local-gateway"),
            Because("PL010", "net-istio"),
        ),
        ("its deletion", CONFIG_ISTIO.deleted(), Because("PL020", "L7 route")),
    ]);
}

#[test]
fn the_lists_may_say_the_same_in_other_words() {
    // It is the operator's to write, so an edit does not last.
    admits_with(
        &["PL501: "],
        &[
            ("a trailing dot", CONFIG_ISTIO.with(LOCAL_SERVICE, &LOCAL_SERVICE.replace("local\n", "local.\n"))),
            (
                "a null selector",
                CONFIG_ISTIO.with(LOCAL_SERVICE, &format!("{LOCAL_SERVICE}      labelSelector: null\n")),
            ),
            (
                "the default left out",
                CONFIG_ISTIO.with(
                    concat!(
                        "  external-gateways: |\n",
                        "    - name: knative-ingress-gateway\n",
                        "      namespace: knative-serving\n",
                        "      service: istio-ingressgateway.istio-system.svc.cluster.local\n"
                    ),
                    "",
                ),
            ),
            (
                "JSON",
                CONFIG_ISTIO.with(
                    concat!(
                        "|\n",
                        "    - name: custom-local-gateway\n",
                        "      namespace: istio-system\n",
                        "      service: custom-local-gateway.istio-system.svc.cluster.local\n"
                    ),
                    concat!(
                        r#"'[{"service": "custom-local-gateway.istio-system.svc.cluster.local", "#,
                        r#""Namespace": "istio-system", "NAME": "custom-local-gateway"}]'"#,
                        "\n"
                    ),
                ),
            ),
        ],
    );
}

#[test]
fn what_is_no_configuration_may_change() {
    let example = "\ndata:\n  _example: |\n    local-gateways: nothing like it\n";
    admits(&[("labels", CONFIG_ISTIO.with("\ndata:\n", "\n  labels: {team: platform}\ndata:\n"))]);
    admits_with(&["PL505: "], &[("the example", CONFIG_ISTIO.with("\ndata:\n", example))]);
}
