//! How istiod merges servers that meet on one port, and translates ports, beyond the rows of the design notes: each row
//! was run through istiod's own code.

use plumbline::model::version::Release;
use plumbline::object::Kind::{IstioGateway, Service};
use plumbline::walk::RequestKind::{External, Local};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::outcome::outcome;
use crate::{compare, pilot, settings};

const LOCAL: &str = "knative-serving/knative-local-gateway";
const KNATIVE_SERVICE: &str = "istio-system/knative-local-gateway";
const INGRESS_SERVICE: &str = "istio-system/istio-ingressgateway";

/// A Gateway beside the others on the ingress pods, with one server.
fn beside(created: &str, name: &str, server: &Value) -> Cluster {
    let manifest = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": "other", "creationTimestamp": created},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    });
    pilot().with(&manifest.to_string())
}

fn check(rows: Vec<(&str, Cluster, [&str; 2])>) {
    let settings = settings(Release::new(1, 22));
    compare(rows.into_iter().flat_map(|(row, cluster, expected)| {
        let settings = settings.clone();
        [Local, External].into_iter().zip(expected).map(move |(kind, expected)| {
            let got = outcome(&cluster, &settings, "online-serving/iris", &kind);
            (format!("{row} {kind}"), expected.to_owned(), got)
        })
    }));
}

const OK: [&str; 2] = ["reached", "reached"];
const NOTHING: [&str; 2] = ["L3 no listener", "L6 no listener"];
const OLD: &str = "2024-01-01T00:00:00Z";
const SAME: &str = "2025-01-01T00:00:00Z";
const NEW: &str = "2026-01-01T00:00:00Z";

#[test]
fn servers_of_other_protocols() {
    let port = |protocol: &str| json!({"number": 8081, "name": "x", "protocol": protocol});
    let tcp = json!({"port": port("TCP"), "hosts": ["*"]});
    let https =
        |host: &str| json!({"port": port("HTTPS"), "hosts": [host], "tls": {"mode": "SIMPLE", "credentialName": "c"}});
    let passthrough = json!({"port": port("TLS"), "hosts": ["*"], "tls": {"mode": "PASSTHROUGH"}});
    check(vec![
        ("TCP of the same age, an earlier name", beside(SAME, "aaa", &tcp), NOTHING),
        ("TCP of the same age, a later name", beside(SAME, "zzz", &tcp), OK),
        ("older HTTPS for every host", beside(OLD, "x", &https("*")), NOTHING),
        ("older HTTPS for one host", beside(OLD, "x", &https("x.example.net")), OK),
        ("newer HTTPS", beside(NEW, "x", &https("*")), OK),
        ("older pass-through", beside(OLD, "x", &passthrough), OK),
    ]);
}

#[test]
fn addresses() {
    let bound = |protocol: &str, bind: &str| json!({"port": {"number": 8081, "name": "x", "protocol": protocol}, "hosts": ["*"], "bind": bind});
    let own = |bind: &str| {
        pilot().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"][0]["bind"] = bind.into())
    };
    let servers = |protocols: [&str; 3]| {
        let binds = ["", "127.0.0.1", ""];
        let servers: Vec<_> = protocols.iter().zip(binds).map(|(protocol, bind)| bound(protocol, bind)).collect();
        pilot().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"] = servers.into())
    };
    check(vec![
        ("one on another address between two of HTTP", servers(["HTTP", "HTTP", "HTTP"]), OK),
        ("one on another address keeps HTTP from HTTP2", servers(["HTTP", "HTTP", "HTTP2"]), NOTHING),
        ("bound to the loopback address", own("127.0.0.1"), NOTHING),
        ("bound to every address", own("0.0.0.0"), OK),
        ("older TCP on another address", beside(OLD, "x", &bound("TCP", "127.0.0.1")), OK),
        ("older TCP on every address, spelled out", beside(OLD, "x", &bound("TCP", "0.0.0.0")), OK),
        ("HTTP on every address, spelled out", beside(NEW, "x", &bound("HTTP", "0.0.0.0")), NOTHING),
        ("HTTP on another address", beside(NEW, "x", &bound("HTTP", "127.0.0.1")), OK),
    ]);
}

#[test]
fn redirects_of_others() {
    let redirect = |host: &str| json!({"port": {"number": 8081, "name": "x", "protocol": "HTTP"}, "hosts": [host], "tls": {"httpsRedirect": true}});
    let redirected = ["L4 redirect", "reached"];
    check(vec![
        ("every host", beside(NEW, "x", &redirect("*")), OK),
        ("the very host", beside(NEW, "x", &redirect("iris.online-serving.svc.cluster.local")), redirected),
        (
            "the very host of any namespace",
            beside(OLD, "x", &redirect("*/iris.online-serving.svc.cluster.local")),
            redirected,
        ),
        (
            "the very host of one namespace",
            beside(OLD, "x", &redirect("online-serving/iris.online-serving.svc.cluster.local")),
            OK,
        ),
    ]);
}

#[test]
fn ports_of_services() {
    let ports =
        |service: &str, ports: Value| pilot().edited(Service, service, |manifest| manifest["spec"]["ports"] = ports);
    let second = |ports: &Value| {
        let manifest = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "second", "namespace": "istio-system", "creationTimestamp": OLD},
            "spec": {"selector": {"istio": "ingressgateway"}, "ports": ports},
        });
        pilot().with(&manifest.to_string())
    };
    let entry_dead = ["reached", "E1 no listener"];
    check(vec![
        ("a target by name", ports(INGRESS_SERVICE, json!([{"port": 80, "targetPort": "http2"}])), OK),
        (
            "a target by an unknown name",
            ports(INGRESS_SERVICE, json!([{"port": 80, "targetPort": "nope"}])),
            ["reached", "E1 no pods"],
        ),
        (
            "UDP",
            ports(KNATIVE_SERVICE, json!([{"port": 80, "targetPort": 8081, "protocol": "UDP"}])),
            ["L2 no such port", "L5 no such port"],
        ),
        (
            "UDP by name alone",
            ports(KNATIVE_SERVICE, json!([{"name": "udp-x", "port": 80, "targetPort": 8081}])),
            ["L5 no such port"; 2],
        ),
        (
            "two ports to one target: the first alone translates",
            ports(
                INGRESS_SERVICE,
                json!([{"name": "http-a", "port": 8088, "targetPort": 8080}, {"name": "http-b", "port": 80, "targetPort": 8080}]),
            ),
            entry_dead,
        ),
        ("an older Service with another target", second(&json!([{"port": 80, "targetPort": 9090}])), entry_dead),
        (
            "an older Service with UDP",
            second(&json!([{"port": 80, "targetPort": 9090, "protocol": "UDP"}])),
            entry_dead,
        ),
        (
            "an older Service that translates the local port",
            second(&json!([{"port": 8081, "targetPort": 9090}])),
            NOTHING,
        ),
        ("an older Service with an unknown name", second(&json!([{"port": 80, "targetPort": "nope"}])), OK),
    ]);
}

#[test]
fn names_of_services() {
    let service = |edit: &dyn Fn(&mut Value)| pilot().edited(Service, KNATIVE_SERVICE, edit);
    let headless = service(&|manifest| manifest["spec"]["clusterIP"] = "None".into());
    let alias = |target: &str| {
        let spec = json!({"type": "ExternalName", "externalName": target});
        service(&move |manifest| manifest["spec"] = spec.clone())
    };
    let export = |value: &str| {
        service(&move |manifest| manifest["metadata"]["annotations"]["networking.istio.io/exportTo"] = value.into())
    };
    let copy = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "copy", "namespace": "istio-system"},
        "spec": {"selector": {"istio": "ingressgateway"}, "ports": [{"port": 80, "targetPort": 8081}]},
    });
    let aliased = alias("copy.istio-system.svc.cluster.local").with(&copy.to_string());
    let hidden = ["L5 hidden"; 2];
    check(vec![
        ("headless: a client's port is the pods'", headless, ["L3 no listener", "reached"]),
        ("an alias of another Service", aliased, OK),
        (
            "an alias of nothing",
            alias("nope.istio-system.svc.cluster.local"),
            ["L2 no such service", "L5 no such service"],
        ),
        (
            "an alias of itself",
            alias("knative-local-gateway.istio-system.svc.cluster.local"),
            ["L2 no such name", "L5 no such name"],
        ),
        ("exported to nobody", export("~"), hidden),
        ("nobody beats a namespace", export("~,istio-system"), hidden),
        ("everybody beats nobody", export("~,*"), OK),
        ("an empty namespace", export(","), hidden),
        ("its own namespace", export("."), OK),
        ("another namespace", export("models"), hidden),
    ]);
}
