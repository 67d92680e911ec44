//! Requests through gateways, as istiod's own code routes them (12.3): where each of three requests ends.

use plumbline::model::version::Release;
use plumbline::object::Kind::{ConfigMap, IstioGateway, Service};
use plumbline::walk::RequestKind::{Direct, External, Local};

use crate::cluster::Cluster;
use crate::outcome::outcome;
use crate::{compare, pilot, settings};

const KSERVE: &str = "kserve/inferenceservice-config";
const LOCAL: &str = "knative-serving/knative-local-gateway";
const INGRESS: &str = "knative-serving/knative-ingress-gateway";
const KNATIVE_SERVICE: &str = "knative-local-gateway.istio-system.svc.cluster.local";
const CUSTOM_SERVICE: &str = "custom-local-gateway.istio-system.svc.cluster.local";

/// KServe's configuration with one field of its JSON replaced.
fn kserve(cluster: Cluster, field: &str, value: &str) -> Cluster {
    cluster.edited(ConfigMap, KSERVE, |manifest| {
        let text = manifest["data"]["ingress"].as_str().expect("text");
        let mut ingress: serde_json::Value = serde_json::from_str(text).expect("JSON");
        ingress[field] = value.into();
        manifest["data"]["ingress"] = ingress.to_string().into();
    })
}

fn kserve_moved(cluster: Cluster) -> Cluster {
    kserve(kserve(cluster, "localGateway", "istio-system/custom-local-gateway"), "localGatewayService", CUSTOM_SERVICE)
}

fn local_gateways(cluster: Cluster, list: &str) -> Cluster {
    cluster.edited(ConfigMap, "knative-serving/config-istio", |manifest| {
        manifest["data"]["local-gateways"] = list.into();
    })
}

fn knative_moved(cluster: Cluster) -> Cluster {
    let list = format!("- name: custom-local-gateway\n  namespace: istio-system\n  service: {CUSTOM_SERVICE}\n");
    local_gateways(cluster, &list)
}

fn hosts(cluster: Cluster, hosts: &[&str]) -> Cluster {
    cluster.edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"][0]["hosts"] = hosts.into())
}

fn protocol(cluster: Cluster, protocol: &str) -> Cluster {
    cluster.edited(IstioGateway, LOCAL, |manifest| {
        manifest["spec"]["servers"][0]["port"]["protocol"] = protocol.into();
    })
}

fn redirects(cluster: Cluster, gateway: &str) -> Cluster {
    cluster.edited(IstioGateway, gateway, |manifest| {
        manifest["spec"]["servers"][0]["tls"]["httpsRedirect"] = true.into();
    })
}

fn local_port(cluster: Cluster, number: u16) -> Cluster {
    cluster.edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"][0]["port"]["number"] = number.into())
}

/// A Gateway of somebody else on the ingress pods.
fn newcomer(cluster: Cluster, created: &str, protocol: &str, tls: &str) -> Cluster {
    cluster.with(&format!(
        r#"
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: newcomer, namespace: other, creationTimestamp: "{created}"}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: 8081, name: x, protocol: {protocol}}}, hosts: ["*"], tls: {tls}}}]
"#
    ))
}

fn labelled_list(gateway: &str) -> String {
    let shipped =
        format!("- name: knative-local-gateway\n  namespace: knative-serving\n  service: {KNATIVE_SERVICE}\n");
    let gold = format!("- name: {gateway}\n  namespace: istio-system\n  service: {CUSTOM_SERVICE}\n");
    format!("{shipped}{gold}  labelSelector: {{matchLabels: {{tier: gold}}}}\n")
}

fn gold(cluster: Cluster) -> Cluster {
    cluster.edited(plumbline::object::Kind::InferenceService, "online-serving/iris", |manifest| {
        manifest["metadata"]["labels"]["tier"] = "gold".into();
    })
}

/// The docs' "non-default gateway": the shipped local Gateway moved to other pods, with KServe left as it is.
fn moved_selector(cluster: Cluster) -> Cluster {
    let list = format!("- name: knative-local-gateway\n  namespace: knative-serving\n  service: {CUSTOM_SERVICE}\n");
    let cluster = cluster.without(IstioGateway, "istio-system/custom-local-gateway");
    local_gateways(cluster, &list).edited(IstioGateway, LOCAL, |manifest| {
        manifest["spec"]["selector"]["istio"] = "custom-local-gateway".into();
    })
}

fn check(rows: Vec<(&str, Cluster, [&str; 3])>) {
    let settings = settings(Release::new(1, 22));
    compare(rows.into_iter().flat_map(|(id, cluster, expected)| {
        let settings = settings.clone();
        [Local, Direct, External].into_iter().zip(expected).filter(|(_, expected)| !expected.is_empty()).map(
            move |(kind, expected)| {
                let got = outcome(&cluster, &settings, "online-serving/iris", &kind);
                (format!("{id} {kind}"), expected.to_owned(), got)
            },
        )
    }));
}

const OK: &str = "reached";

#[test]
fn names_and_destinations() {
    let mut rows = vec![
        ("S00 stock", pilot(), [OK, OK, OK]),
        ("T03 ingress 80 to 80", pilot().replaced(Service, "istio-system/istio-ingressgateway", "8080", "80"), [OK; 3]),
        ("S01 localGateway missing", kserve(pilot(), "localGateway", "a/b"), ["L4 no virtual host", OK, OK]),
        (
            "S01b bare localGateway",
            kserve(pilot(), "localGateway", "knative-local-gateway"),
            ["L4 no virtual host", OK, OK],
        ),
        (
            "S01c old form",
            kserve(pilot(), "localGateway", "knative-local-gateway.knative-serving.svc.cluster.local"),
            [OK; 3],
        ),
        ("S02 only Knative moved", knative_moved(pilot()), ["L7 no virtual host", "", "L7 no virtual host"]),
        ("S03 only KServe moved", kserve_moved(pilot()), ["L7 no virtual host", OK, "L7 no virtual host"]),
        (
            "S03b KServe moved, destination kept",
            kserve(kserve_moved(pilot()), "knativeLocalGatewayService", KNATIVE_SERVICE),
            [OK; 3],
        ),
        ("S04 both moved", kserve_moved(knative_moved(pilot())), [OK; 3]),
        ("S14 a Gateway of KServe's own", own_gateway(), [OK; 3]),
        (
            "S16 localGateway is the ingress gateway",
            kserve(pilot(), "localGateway", INGRESS),
            ["L4 no virtual host", OK, OK],
        ),
    ];
    for destination in ["knative-local-gateway.istio-system", "knative-local-gateway.istio-system.svc"] {
        let cluster = kserve(pilot(), "knativeLocalGatewayService", destination);
        rows.push(("S08 short", cluster, ["L5 unknown destination", OK, "L5 unknown destination"]));
    }
    let upper = KNATIVE_SERVICE.to_uppercase();
    for destination in ["knative-local-gateway", &format!("{KNATIVE_SERVICE}."), &upper] {
        let cluster = kserve(pilot(), "knativeLocalGatewayService", destination);
        let bare = !destination.contains('.');
        let expected = if bare { "L5 no such service" } else { "L5 unknown destination" };
        rows.push(("S08 bare, dotted or upper case", cluster, [expected, OK, expected]));
    }
    let unknown = kserve(pilot(), "knativeLocalGatewayService", "nope.istio-system.svc.cluster.local");
    rows.push(("S08 unknown", unknown, ["L5 no such service", OK, "L5 no such service"]));
    check(rows);
}

fn own_gateway() -> Cluster {
    let cluster = pilot().with(
        r#"
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: own, namespace: kserve, creationTimestamp: "2025-01-01T00:00:00Z"}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8081, name: http, protocol: HTTP}, hosts: ["*"]}]
"#,
    );
    kserve(cluster, "localGateway", "kserve/own")
}

#[test]
fn pods_and_ports() {
    const NOTHING: [&str; 3] = ["L3 no listener", "L6 no listener", "L6 no listener"];
    let nowhere = |manifest: &mut serde_json::Value| manifest["spec"]["selector"]["istio"] = "nowhere".into();
    let mut scoped = settings(Release::new(1, 22));
    scoped.facts.scope_gateways_to_namespace = true;
    let target_8081 = moved_selector(pilot()).edited(Service, "istio-system/custom-local-gateway", |manifest| {
        manifest["spec"]["ports"][0]["targetPort"] = 8081.into();
    });
    check(vec![
        ("S05 moved to other pods", moved_selector(pilot()), ["L3 no listener", "L6 no listener", "L6 no listener"]),
        ("S05b with the target port", target_8081, ["L3 no listener", OK, "L6 no listener"]),
        ("S06 local port 80 on shared pods", local_port(pilot(), 80), NOTHING),
        (
            "S10 no selector",
            pilot().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["selector"] = serde_json::json!({})),
            [OK; 3],
        ),
        ("S10b selector matches nothing", pilot().edited(IstioGateway, LOCAL, nowhere), NOTHING),
        ("S17 Gateway deleted", pilot().without(IstioGateway, LOCAL), NOTHING),
        (
            "S12 no local gateways",
            local_gateways(pilot(), "[]"),
            ["L7 no virtual host", "L7 no gateway configured", "L7 no virtual host"],
        ),
        (
            "T05 labelled, other pods",
            gold(local_gateways(pilot(), &labelled_list("custom-local-gateway"))),
            ["L7 no virtual host", OK, "L7 no virtual host"],
        ),
        ("T06 labelled, same pods", gold(local_gateways(same_pods(), &labelled_list("shared"))), [OK, "", OK]),
        ("T08 two old keys", two_old_keys(), [OK, "", OK]),
    ]);
    compare([Local, External].into_iter().zip(["L3 no listener", "E1 no listener"]).map(|(kind, expected)| {
        let got = outcome(&pilot(), &scoped, "online-serving/iris", &kind);
        (format!("T07 scoped to namespaces {kind}"), expected.to_owned(), got)
    }));
}

fn same_pods() -> Cluster {
    pilot().with(
        r#"
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shared, namespace: istio-system, creationTimestamp: "2025-01-01T00:00:00Z"}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8081, name: http, protocol: HTTP}, hosts: ["*"]}]
"#,
    )
}

fn two_old_keys() -> Cluster {
    pilot().edited(ConfigMap, "knative-serving/config-istio", |manifest| {
        manifest["data"]["local-gateway.istio-system.custom-local-gateway"] = CUSTOM_SERVICE.into();
        manifest["data"]["local-gateway.knative-serving.knative-local-gateway"] = KNATIVE_SERVICE.into();
    })
}

#[test]
fn server_hosts() {
    let full = [OK, "L7 no virtual host", OK];
    check(vec![
        ("S07 short", hosts(pilot(), &["*.online-serving"]), ["L4 no virtual host", OK, "L7 no virtual host"]),
        ("S07 suffix", hosts(pilot(), &["*.svc.cluster.local"]), full),
        ("S07 namespace", hosts(pilot(), &["*.online-serving.svc.cluster.local"]), full),
        ("S07 local", hosts(pilot(), &["*.local"]), full),
        ("S07 cluster.local", hosts(pilot(), &["*.cluster.local"]), full),
        (
            "S07 other prefix",
            hosts(pilot(), &["istio-system/*"]),
            ["L4 no virtual host", "L7 no virtual host", "L7 no virtual host"],
        ),
        (
            "S07 dot prefix",
            hosts(pilot(), &["./*"]),
            ["L4 no virtual host", "L7 no virtual host", "L7 no virtual host"],
        ),
        (
            "S07 other namespace",
            hosts(pilot(), &["*.other.svc.cluster.local"]),
            ["L4 no virtual host", "L7 no virtual host", "L7 no virtual host"],
        ),
        ("S07 own prefix", hosts(pilot(), &["online-serving/*"]), [OK; 3]),
        ("S07 any prefix", hosts(pilot(), &["*/*"]), [OK; 3]),
        ("S07 exact", hosts(pilot(), &["iris.online-serving.svc.cluster.local"]), ["L7 no virtual host"; 3]),
        (
            "S15 ingress hosts",
            pilot().edited(IstioGateway, INGRESS, |manifest| {
                manifest["spec"]["servers"][0]["hosts"] = serde_json::json!(["*.apps.corp.com"]);
            }),
            [OK, OK, "E2 no virtual host"],
        ),
    ]);
}

#[test]
fn protocols_and_redirects() {
    const NOTHING: [&str; 3] = ["L3 no listener", "L6 no listener", "L6 no listener"];
    let same_port = |cluster: Cluster| {
        let to_8080 = cluster.replaced(Service, "istio-system/knative-local-gateway", "8081", "8080");
        local_port(to_8080, 80)
    };
    let istio_mutual = protocol(pilot(), "HTTPS").edited(IstioGateway, LOCAL, |manifest| {
        manifest["spec"]["servers"][0]["tls"]["mode"] = "ISTIO_MUTUAL".into();
    });
    let passthrough = protocol(pilot(), "TLS").edited(IstioGateway, LOCAL, |manifest| {
        manifest["spec"]["servers"][0]["tls"]["mode"] = "PASSTHROUGH".into();
    });
    let (old, new) = ("2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
    check(vec![
        ("S09 ingress redirects", redirects(pilot(), INGRESS), [OK, OK, "E2 redirect"]),
        (
            "S09b on the local port",
            redirects(same_port(pilot()), INGRESS),
            ["L4 redirect", "L7 redirect", "E2 redirect"],
        ),
        ("S09c local redirects", redirects(pilot(), LOCAL), ["L4 redirect", "L7 redirect", "L7 redirect"]),
        ("S11 older TCP", newcomer(pilot(), old, "TCP", "null"), NOTHING),
        ("S11b newer TCP", newcomer(pilot(), new, "TCP", "null"), [OK; 3]),
        ("S13 ISTIO_MUTUAL", istio_mutual, ["unknown"; 3]),
        ("T04 a foreign redirect", newcomer(pilot(), old, "HTTP", "{httpsRedirect: true}"), [OK; 3]),
        ("T10 HTTP2", protocol(pilot(), "HTTP2"), [OK; 3]),
        ("T10 GRPC", protocol(pilot(), "GRPC"), [OK; 3]),
        ("T10 http", protocol(pilot(), "http"), [OK; 3]),
        ("T10 TCP", protocol(pilot(), "TCP"), NOTHING),
        ("T10 TLS", passthrough, NOTHING),
    ]);
}
