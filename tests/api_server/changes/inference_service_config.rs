//! The ConfigMap `inferenceservice-config`.

use super::admits::admits;
use super::change::INFERENCE_SERVICE_CONFIG;
use super::refuses::{Because, refuses};

const INGRESS_GATEWAY: &str = "      \"ingressGateway\": \"knative-serving/knative-ingress-gateway\",\n";
const LOCAL_GATEWAY: &str = "\"localGateway\": \"istio-system/custom-local-gateway\"";
const LOCAL_GATEWAY_SERVICE: &str = "\"localGatewayService\": \"custom-local-gateway.istio-system.svc.cluster.local\"";
const KNATIVE_LOCAL_GATEWAY_SERVICE: &str =
    "\"knativeLocalGatewayService\": \"custom-local-gateway.istio-system.svc.cluster.local\"";

#[test]
fn what_kserve_sends_to_is_kept() {
    let config = INFERENCE_SERVICE_CONFIG;
    refuses(&[
        ("no JSON", config.with("\"urlScheme\": \"http\"", "urlScheme: http"), Because("PL001", "KServe")),
        (
            "a trailing comma",
            config.with("\"urlScheme\": \"http\"", "\"urlScheme\": \"http\","),
            Because("PL001", "KServe"),
        ),
        ("a comment", config.with("\"urlScheme\"", "// the scheme\n      \"urlScheme\""), Because("PL001", "KServe")),
        ("without ingressGateway", config.with(INGRESS_GATEWAY, ""), Because("PL003", "KServe")),
        ("without the whole key", config.with("  ingress: |-", "  ingres: |-"), Because("PL007", "KServe")),
        (
            "a truth in quotes",
            config.with("\"urlScheme\"", "\"disableIstioVirtualHost\": \"false\",\n      \"urlScheme\""),
            Because("PL002", "KServe"),
        ),
        ("an unknown mode", config.with("\"Serverless\"", "\"Serverles\""), Because("PL006", "KServe")),
        (
            "a local gateway that does not exist",
            config.with(LOCAL_GATEWAY, "\"localGateway\": \"istio-system/custom-local-gatewey\""),
            Because("PL107", "L4 route"),
        ),
        (
            "a local gateway without a namespace",
            config.with(LOCAL_GATEWAY, "\"localGateway\": \"custom-local-gateway\""),
            Because("PL107", "L4 route"),
        ),
        (
            "a local gateway on other pods",
            config.with(LOCAL_GATEWAY, "\"localGateway\": \"knative-serving/knative-local-gateway\""),
            Because("PL108", "L4 route"),
        ),
        (
            "a gateway to the outside that does not exist",
            config.with("knative-ingress-gateway", "knative-ingres-gateway"),
            Because("PL207", "E2 route"),
        ),
        (
            "a short name",
            config.with(LOCAL_GATEWAY_SERVICE, "\"localGatewayService\": \"custom-local-gateway.istio-system\""),
            Because("PL101", "L2 service"),
        ),
        (
            "a name with a port",
            config.with(
                LOCAL_GATEWAY_SERVICE,
                "\"localGatewayService\": \"custom-local-gateway.istio-system.svc.cluster.local:80\"",
            ),
            Because("PL007", "KServe"),
        ),
        (
            "a Service of other pods",
            config.with(
                LOCAL_GATEWAY_SERVICE,
                "\"localGatewayService\": \"istio-ingressgateway.istio-system.svc.cluster.local\"",
            ),
            Because("PL108", "L4 route"),
        ),
        (
            "a destination whose pods Knative does not use",
            config.with(
                KNATIVE_LOCAL_GATEWAY_SERVICE,
                "\"knativeLocalGatewayService\": \"knative-local-gateway.istio-system.svc.cluster.local\"",
            ),
            Because("PL130", "L7 route"),
        ),
        (
            "a destination that does not exist",
            config.with(
                KNATIVE_LOCAL_GATEWAY_SERVICE,
                "\"knativeLocalGatewayService\": \"custom-local.istio-system.svc.cluster.local\"",
            ),
            Because("PL121", "L5 destination"),
        ),
        ("its deletion", config.deleted(), Because("PL020", "L1 name")),
    ]);
}

#[test]
fn the_same_may_be_written_another_way() {
    let config = INFERENCE_SERVICE_CONFIG;
    let text = config.text();
    let json = text.split_once("  ingress: |-\n").unwrap().1;
    let minified = format!("      {}\n", json.lines().map(str::trim).collect::<String>().replace("\": ", "\":"));
    admits(&[
        ("on one line", config.with(json, &minified)),
        (
            "in another order",
            config.with(INGRESS_GATEWAY, "").and(
                "\"urlScheme\": \"http\"\n",
                &format!("\"urlScheme\": \"http\",\n{}\n", INGRESS_GATEWAY.trim_end().trim_end_matches(',')),
            ),
        ),
        ("a key in another case", config.with("\"localGateway\"", "\"LOCALGATEWAY\"")),
        (
            "a key twice, the last as before",
            config.with(LOCAL_GATEWAY, &format!("\"localGateway\": \"istio-system/nothing\",\n      {LOCAL_GATEWAY}")),
        ),
        ("escapes", config.with(LOCAL_GATEWAY, r#""localGateway": "istio-system\u002fcustom-local-gateway""#)),
        ("an unknown key", config.with("\"urlScheme\"", "\"team\": \"platform\",\n      \"urlScheme\"")),
        (
            "the old form of a gateway's name",
            config.with(LOCAL_GATEWAY, "\"localGateway\": \"custom-local-gateway.istio-system.svc.cluster.local\""),
        ),
        (
            "the destination left out, which is then the same",
            config.with(&format!("      {KNATIVE_LOCAL_GATEWAY_SERVICE},\n"), ""),
        ),
        (
            "more domains",
            config.with("\"urlScheme\"", "\"additionalIngressDomains\": [\"example.com\"],\n      \"urlScheme\""),
        ),
        (
            "the class of Ingresses that nobody makes",
            config.with("\"ingressClassName\": \"istio\"", "\"ingressClassName\": \"nginx\""),
        ),
        (
            "one more key",
            config.with("\ndata:\n", "\ndata:\n  logger: |-\n    {\"image\": \"kserve/agent:v0.15.2\"}\n"),
        ),
        ("labels", config.with("\ndata:\n", "\n  labels: {team: platform}\ndata:\n")),
    ]);
}
