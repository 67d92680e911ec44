//! What a cluster is made to be before it is written to at random: arrangements that take several writes, and that chance
//! alone would seldom find.

use serde_json::{Value, json};

use super::further::{ALIAS, HEADLESS, NAMED};
use super::{DOMAINS, GATEWAYS, ISTIO, KSERVE, NETWORK, Random, SERVICES, SERVING, STATUS, Write, entry, put, whole};

/// The writes that begin a sequence: none in one of four, those of up to two arrangements in the others.
pub(super) fn theme(random: &mut Random) -> Vec<Write> {
    let count = random.pick(&[0, 1, 1, 2]);
    (0..count).flat_map(|_| random.pick(&every())).map(Write).collect()
}

fn every() -> Vec<Vec<Value>> {
    let kserve = |field: &str, value: Value| put(KSERVE, &format!("ingress/{field}"), value);
    let service = |name: &str| format!("Service istio-system/{name}");
    let plain = |number: u16| json!([{"name": "http", "port": number, "protocol": "TCP", "targetPort": number}]);
    let destination = kserve("knativeLocalGatewayService", whole(SERVICES[1]).into());
    let (local, external) = (format!("Gateway {}", GATEWAYS[1]), format!("Gateway {}", GATEWAYS[0]));
    let old = json!({
        STATUS: "false",
        "local-gateway.knative-serving.knative-local-gateway": whole(SERVICES[1]),
        "gateway.knative-serving.knative-ingress-gateway": whole(SERVICES[0]),
    });
    let gold =
        json!(
            [entry(GATEWAYS[1], SERVICES[1], Value::Null), entry(GATEWAYS[1], SERVICES[1], json!({"tier": "gold"})),]
        );
    let names = json!({"external-dns.alpha.kubernetes.io/hostname": "*.example.com"});
    vec![
        vec![kserve("knativeLocalGatewayService", whole(ALIAS).into())],
        vec![destination.clone(), kserve("localGatewayService", whole(ALIAS).into())],
        vec![kserve("knativeLocalGatewayService", whole(NAMED).into())],
        vec![destination.clone(), kserve("localGatewayService", whole(NAMED).into())],
        // A gateway of KServe's own in front, by itself or without an address.
        vec![
            destination.clone(),
            kserve("localGatewayService", whole(SERVICES[2]).into()),
            kserve("localGateway", GATEWAYS[2].into()),
        ],
        vec![
            destination,
            put(&service(SERVICES[2]), "/spec/ports", plain(80)),
            json!({"object": KSERVE, "set": {
                "ingress/localGateway": GATEWAYS[2], "ingress/localGatewayService": whole(HEADLESS),
            }}),
        ],
        vec![kserve("urlScheme", "https".into())],
        vec![kserve("urlScheme", "https".into()), kserve("disableIstioVirtualHost", true.into())],
        vec![kserve("additionalIngressDomains", json!(["corp.example.org"]))],
        vec![json!({"object": KSERVE, "set": {
            "ingress/ingressDomain": "models.example.com",
            "ingress/pathTemplate": "/serving/{{ .Namespace }}/{{ .Name }}",
        }})],
        vec![kserve("disableIstioVirtualHost", true.into())],
        vec![json!({"object": KSERVE, "set": {
            "ingress/enableGatewayApi": true, "ingress/kserveIngressGateway": "kserve/kserve-ingress-gateway",
        }})],
        vec![put(ISTIO, "/data", old)],
        vec![put(ISTIO, "/data/local-gateways", gold.to_string().into())],
        vec![put(SERVING, "/spec/config", json!({"istio": {"local-gateways": gold.to_string()}}))],
        vec![put(SERVING, "/spec/ingress", json!({"istio": {"enabled": true}}))],
        vec![put(&local, "/spec/servers/0/bind", "0.0.0.0".into())],
        vec![
            put(&external, "/spec/servers/0/bind", "0.0.0.0".into()),
            put(&external, "/spec/servers/1/bind", "0.0.0.0".into()),
        ],
        vec![put(&service(SERVICES[0]), "/metadata/annotations", names)],
        vec![put(NETWORK, "/data/domain-template", "{{.Name}}-{{.Namespace}}.{{.Domain}}".into())],
        vec![put(
            DOMAINS,
            "/data",
            json!({"example.com": "", "gold.example.com": json!({"selector": {"tier": "gold"}}).to_string()}),
        )],
        vec![put(
            "InferenceService other/iris",
            "/metadata/annotations",
            json!({"serving.kserve.io/deploymentMode": "Serverless"}),
        )],
    ]
}
