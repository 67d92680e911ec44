//! The Services in front of gateway pods.

use super::admits::{admits, admits_with};
use super::change::{Change, INGRESS_SERVICE, LOCAL_SERVICE, SHIPPED_LOCAL_SERVICE};
use super::refuses::{Because, refuses};

const NO_TRANSLATION: &str =
    concat!("  labels:\n", "    experimental.istio.io/disable-gateway-port-translation: \"true\"\n");

#[test]
fn the_service_of_the_local_gateway_is_kept() {
    let http = "  - name: http2\n    port: 80\n    targetPort: 8080\n";
    refuses(&[
        ("without its port", LOCAL_SERVICE.with(http, ""), Because("PL103", "L2 service")),
        ("another port", LOCAL_SERVICE.with("port: 80\n", "port: 8000\n"), Because("PL103", "L2 service")),
        ("UDP", LOCAL_SERVICE.with("port: 80\n", "port: 80\n    protocol: UDP\n"), Because("PL103", "L2 service")),
        (
            "a selector with a typing error",
            LOCAL_SERVICE.with("selector:\n    app: custom-local-gateway", "selector:\n    app: custom-local-gatewey"),
            Because("PL104", "L2 service"),
        ),
        (
            "a selector of other pods",
            LOCAL_SERVICE.with(
                "selector:\n    app: custom-local-gateway\n    istio: custom-local-gateway",
                "selector:\n    app: istio-ingressgateway\n    istio: ingressgateway",
            ),
            Because("PL108", "L4 route"),
        ),
        (
            "hidden from the gateway",
            LOCAL_SERVICE.with("  labels:", "  annotations: {networking.istio.io/exportTo: \"~\"}\n  labels:"),
            Because("PL124", "L5 destination"),
        ),
        (
            "a port that is not translated",
            LOCAL_SERVICE.with("  labels:\n", NO_TRANSLATION),
            Because("PL109", "L3 listener"),
        ),
        (
            "a target port that no pod names",
            LOCAL_SERVICE.with("targetPort: 8080", "targetPort: web"),
            Because("PL104", "L2 service"),
        ),
        ("its deletion", LOCAL_SERVICE.deleted(), Because("PL102", "L2 service")),
    ]);
}

#[test]
fn the_service_to_the_outside_is_kept() {
    let http = "  - name: http2\n    port: 80\n    targetPort: 8080\n";
    refuses(&[
        ("without its port", INGRESS_SERVICE.with(http, ""), Because("PL203", "E1 entry")),
        (
            "a selector with a typing error",
            INGRESS_SERVICE.with("selector:\n    app: istio-ingressgateway", "selector:\n    app: istio-ingresgateway"),
            Because("PL204", "E1 entry"),
        ),
        (
            "a port that is not translated",
            INGRESS_SERVICE.with("  labels:\n", NO_TRANSLATION),
            Because("PL209", "E1 entry"),
        ),
        ("its deletion", INGRESS_SERVICE.deleted(), Because("PL201", "E1 entry")),
    ]);
}

#[test]
fn a_service_may_lead_there_another_way() {
    let another = LOCAL_SERVICE.text().replacen("name: custom-local-gateway", "name: models", 1);
    let unrelated = another.replace(": custom-local-gateway", ": something-else");
    admits(&[
        ("another target port, which istiod follows", LOCAL_SERVICE.with("targetPort: 8080", "targetPort: 8085")),
        (
            "fewer labels of the same pods",
            LOCAL_SERVICE.with("selector:\n    app: custom-local-gateway\n", "selector:\n"),
        ),
        ("another name of the port", LOCAL_SERVICE.with("http2", "web")),
        (
            "one more port",
            LOCAL_SERVICE.with("  ports:\n", "  ports:\n  - {name: https, port: 443, targetPort: 8443}\n"),
        ),
        (
            "without the port for health",
            LOCAL_SERVICE.with("  - name: status\n    port: 15021\n    targetPort: 15021\n", ""),
        ),
        ("a NodePort", LOCAL_SERVICE.with("  selector:", "  type: NodePort\n  selector:")),
        (
            "labels and annotations",
            LOCAL_SERVICE
                .with("  labels:\n", "  annotations: {example.com/owner: platform}\n  labels:\n    team: platform\n"),
        ),
        (
            "visible everywhere",
            LOCAL_SERVICE.with("  labels:\n", "  annotations: {networking.istio.io/exportTo: \"*\"}\n  labels:\n"),
        ),
        ("a second Service of the same pods", Change::Create(another)),
        ("a Service of other pods", Change::Create(unrelated)),
        ("another type", INGRESS_SERVICE.with("type: LoadBalancer", "type: ClusterIP")),
    ]);
}

#[test]
fn a_shipped_service_may_go_until_its_operator_undoes_it() {
    admits_with(&["PL501: "], &[("one that nobody uses, deleted", SHIPPED_LOCAL_SERVICE.deleted())]);
}
