//! Istio's Gateways.

use super::admits::{admits, admits_with};
use super::change::{Change, INGRESS_GATEWAY, LOCAL_GATEWAY, SHIPPED_LOCAL_GATEWAY};
use super::refuses::{Because, refuses};

#[test]
fn the_local_gateway_is_kept() {
    let hosts = concat!(
        "    - \"*.online-serving\"\n",
        "    - \"*.online-serving.svc\"\n",
        "    - \"*.online-serving.svc.cluster.local\"\n"
    );
    refuses(&[
        (
            "hosts of another namespace",
            LOCAL_GATEWAY.with("*.online-serving.svc.cluster.local", "*.other.svc.cluster.local"),
            Because("PL110", "L4 route"),
        ),
        (
            "the short hosts alone",
            LOCAL_GATEWAY.with("    - \"*.online-serving.svc.cluster.local\"\n", ""),
            Because("PL110", "L4 route"),
        ),
        (
            "the short host, by which a transformer calls its predictor",
            LOCAL_GATEWAY.with("    - \"*.online-serving\"\n", ""),
            Because("PL110", "L7 route"),
        ),
        ("one namespace of two", LOCAL_GATEWAY.with(hosts, ""), Because("PL110", "L4 route")),
        (
            "hosts for routes of another namespace",
            LOCAL_GATEWAY.with("*.online-serving.svc.cluster.local", "istio-system/*.online-serving.svc.cluster.local"),
            Because("PL111", "L4 route"),
        ),
        (
            "hosts in upper case",
            LOCAL_GATEWAY.with("*.risk.svc.cluster.local", "*.RISK.svc.cluster.local"),
            Because("PL110", "L4 route"),
        ),
        (
            "a selector with a typing error",
            LOCAL_GATEWAY.with("app: custom-local-gateway", "app: custom-local-gatewey"),
            Because("PL108", "L3 listener"),
        ),
        (
            "a selector of other pods",
            LOCAL_GATEWAY.with("app: custom-local-gateway", "istio: ingressgateway"),
            Because("PL108", "L3 listener"),
        ),
        ("another port", LOCAL_GATEWAY.with("number: 80", "number: 8081"), Because("PL109", "L3 listener")),
        ("TCP", LOCAL_GATEWAY.with("protocol: HTTP", "protocol: TCP"), Because("PL106", "L3 listener")),
        (
            "TLS",
            LOCAL_GATEWAY
                .with("protocol: HTTP", "protocol: HTTPS")
                .and("    hosts:", "    tls: {mode: SIMPLE, credentialName: local}\n    hosts:"),
            Because("PL106", "L3 listener"),
        ),
        (
            "a redirect to HTTPS",
            LOCAL_GATEWAY.with("    hosts:", "    tls: {httpsRedirect: true}\n    hosts:"),
            Because("PL113", "L4 route"),
        ),
        ("its deletion", LOCAL_GATEWAY.deleted(), Because("PL107", "L3 listener")),
    ]);
}

#[test]
fn the_gateway_to_the_outside_is_kept() {
    refuses(&[
        (
            "hosts of the cluster alone",
            INGRESS_GATEWAY.with("\"*\"", "\"*.svc.cluster.local\""),
            Because("PL210", "E2 route"),
        ),
        ("hosts of another domain", INGRESS_GATEWAY.with("\"*\"", "\"*.example.org\""), Because("PL210", "E2 route")),
        (
            "hosts for routes of its own namespace",
            INGRESS_GATEWAY.with("\"*\"", "\"./*\""),
            Because("PL211", "E2 route"),
        ),
        (
            "a selector with a label that the pods lack",
            INGRESS_GATEWAY.with("istio: ingressgateway", "istio: ingressgateway\n    team: platform"),
            Because("PL208", "E1 entry"),
        ),
        ("another port", INGRESS_GATEWAY.with("number: 80", "number: 9080"), Because("PL209", "E1 entry")),
        (
            "a redirect to HTTPS",
            INGRESS_GATEWAY.with("    hosts:", "    tls: {httpsRedirect: true}\n    hosts:"),
            Because("PL213", "E2 route"),
        ),
        ("its deletion", INGRESS_GATEWAY.deleted(), Because("PL207", "E1 entry")),
    ]);
}

#[test]
fn a_gateway_may_say_the_same_in_other_words() {
    let all_hosts = concat!(
        "    - \"*.online-serving\"\n",
        "    - \"*.online-serving.svc\"\n",
        "    - \"*.online-serving.svc.cluster.local\"\n",
        "    - \"*.risk\"\n",
        "    - \"*.risk.svc\"\n",
        "    - \"*.risk.svc.cluster.local\"\n"
    );
    admits(&[
        (
            "v1beta1",
            LOCAL_GATEWAY.with("istio.io/v1", "istio.io/v1beta1").and("spec:", "  labels: {team: platform}\nspec:"),
        ),
        (
            "v1alpha3",
            LOCAL_GATEWAY.with("istio.io/v1", "istio.io/v1alpha3").and("spec:", "  labels: {team: platform}\nspec:"),
        ),
        ("any host", LOCAL_GATEWAY.with(all_hosts, "    - \"*\"\n")),
        ("any host of any namespace", LOCAL_GATEWAY.with(all_hosts, "    - \"*/*\"\n")),
        (
            "a namespace in front of a host",
            LOCAL_GATEWAY.with("*.risk.svc.cluster.local", "risk/*.risk.svc.cluster.local"),
        ),
        (
            "any namespace in front of a host",
            LOCAL_GATEWAY.with("*.risk.svc.cluster.local", "*/*.risk.svc.cluster.local"),
        ),
        ("more hosts", LOCAL_GATEWAY.with("    hosts:\n", "    hosts:\n    - models.example.org\n")),
        (
            "hosts in another order",
            LOCAL_GATEWAY
                .with("*.risk.svc.cluster.local", "*.swapped")
                .and("\"*.risk\"", "\"*.risk.svc.cluster.local\"")
                .and("*.swapped", "*.risk"),
        ),
        ("a host that nobody needs", LOCAL_GATEWAY.with("    - \"*.risk.svc\"\n", "")),
        ("GRPC", LOCAL_GATEWAY.with("protocol: HTTP", "protocol: GRPC")),
        ("http", LOCAL_GATEWAY.with("protocol: HTTP", "protocol: http")),
        ("another name of the port", LOCAL_GATEWAY.with("name: http\n", "name: http-models\n")),
        (
            "another label of the same pods",
            LOCAL_GATEWAY.with("app: custom-local-gateway", "istio: custom-local-gateway"),
        ),
        (
            "labels and annotations",
            LOCAL_GATEWAY.with(
                "  namespace:",
                concat!(
                    "  labels: {team: platform}\n",
                    "  annotations: {example.com/owner: platform}\n",
                    "  namespace:"
                ),
            ),
        ),
        (
            "one more server",
            LOCAL_GATEWAY.with(
                "  servers:\n",
                concat!(
                    "  servers:\n",
                    "  - port: {number: 8443, name: tls, protocol: TLS}\n",
                    "    tls: {mode: PASSTHROUGH}\n",
                    "    hosts: [secure.example.org]\n"
                ),
            ),
        ),
    ]);
}

#[test]
fn a_shipped_gateway_may_be_edited_until_its_operator_undoes_it() {
    admits_with(
        &["PL501: "],
        &[
            ("the port of the pods instead of the Service's", INGRESS_GATEWAY.with("number: 80", "number: 8080")),
            (
                "hosts by domain and cluster",
                INGRESS_GATEWAY.with("\"*\"", "\"*.example.com\"\n    - \"*.svc.cluster.local\""),
            ),
            ("one that nobody uses, in other words", SHIPPED_LOCAL_GATEWAY.with("*", "*.example.org")),
            ("one that nobody uses, deleted", SHIPPED_LOCAL_GATEWAY.deleted()),
        ],
    );
}

#[test]
fn other_gateways_may_come_and_go() {
    let equivalent = LOCAL_GATEWAY.text().replacen("name: custom-local-gateway", "name: models", 1);
    let elsewhere = equivalent.replacen("namespace: istio-system", "namespace: risk", 1);
    let of_other_pods = equivalent.replace("app: custom-local-gateway", "istio: eastwestgateway");
    let of_the_gateway_api = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: custom-local-gateway, namespace: istio-system}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP}
";
    admits(&[
        ("the same once more", Change::Create(equivalent)),
        ("the same in another namespace", Change::Create(elsewhere)),
        ("a Gateway of other pods", Change::Create(of_other_pods)),
        ("a Gateway of the Gateway API", Change::Create(of_the_gateway_api.to_owned())),
    ]);
}
