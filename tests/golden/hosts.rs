//! Host names and gateway names as Istio matches and validates them (12.4).

use plumbline::data_plane::host::{covers, matches};
use plumbline::model::names::{GatewayRef, virtual_service_gateway_error};

use crate::compare;

#[test]
fn server_hosts_cover_names() {
    const ROWS: [(&str, &str, bool); 12] = [
        ("*.online-serving", "a.online-serving", true),
        ("*.online-serving", "a.b.online-serving", true),
        ("*.online-serving", "online-serving", false),
        ("*.online-serving", "a.online-serving.svc", false),
        ("*", "any.thing", true),
        ("*.foo", "a.bar.foo", true),
        ("*.SVC.cluster.local", "a.b.svc.cluster.local", false),
        ("*.ns.svc.cluster.local", "a.xns.svc.cluster.local", false),
        ("*.ns.svc.cluster.local", "a.ns.svc.cluster.local", true),
        ("a.b.", "a.b", false),
        ("A.B", "a.b", false),
        ("a.b", "a.b", true),
    ];
    compare(ROWS.map(|(pattern, host, expected)| {
        (format!("{pattern} over {host}"), expected.to_string(), matches(pattern, host).to_string())
    }));
}

#[test]
fn prefixes_let_namespaces_in() {
    const ROWS: [(&str, bool); 8] = [
        ("*", true),
        ("*/*", true),
        ("*/*.models", true),
        ("models/*", true),
        ("models/*.other", false),
        ("./*", false),
        ("istio-system/*", false),
        ("other/*", false),
    ];
    compare(ROWS.map(|(pattern, expected)| {
        let got = covers(pattern, "istio-system", "a.models", "models");
        (format!("{pattern} for namespace models"), expected.to_string(), got.to_string())
    }));
    assert!(covers("./*", "istio-system", "a.b", "istio-system"), "a Gateway lets its own namespace in");
}

#[test]
fn gateway_names_of_a_virtual_service() {
    let rows = ["", "a/", "/b", "a/b/c", " a/b", "./b", "a/b.c"].map(|name| (name, "refused"));
    let accepted = [
        ("b", "models/b"),
        ("gw.ns", "ns/gw"),
        ("gw.ns.svc.cluster.local", "ns/gw"),
        ("A/B", "A/B"),
        ("ns/gw", "ns/gw"),
    ];
    compare(rows.into_iter().chain(accepted).map(|(name, expected)| {
        let got = match virtual_service_gateway_error(name) {
            Some(_) => "refused".to_owned(),
            None => GatewayRef::resolve(name, "models").to_string(),
        };
        (format!("{name:?}"), expected.to_owned(), got)
    }));
}
