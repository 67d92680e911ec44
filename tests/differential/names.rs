use plumbline::model::Meta;
use plumbline::model::config_map::ConfigMap;
use plumbline::model::go_struct::Mistake;
use plumbline::model::kserve_config::KserveConfig;
use plumbline::model::names::{
    is_dns_label, is_dns_subdomain, is_label_value, is_qualified_name, virtual_service_gateway_error,
};
use plumbline::model::version::Versions;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::original::Original;
use crate::{on_generated, same};

/// Names, and texts that are nearly names.
fn names() -> impl Strategy<Value = String> {
    let long = || "a".repeat(63);
    let pieces = [
        "a",
        "b-c",
        "A",
        "1",
        "9",
        "10",
        "255",
        "256",
        "-",
        ".",
        "..",
        "/",
        "/",
        "*",
        "_",
        ":",
        ":80",
        " ",
        "",
        "é",
        "~",
        "svc",
        "cluster.local",
        "istio-system",
        "0",
        "mesh",
        ".a.b",
        "http://",
        "%",
    ];
    let pieces = vec(select(pieces.map(str::to_owned).to_vec()), 0..7).prop_map(|pieces| pieces.concat());
    let limits = (select(&["", ".", "x", ".x", "/", "-"][..]), 0..6_usize)
        .prop_map(move |(end, count)| format!("{}{end}", vec![long(); count].join(".")));
    prop_oneof![4 => pieces, 1 => limits, 1 => "[a-z0-9]{1,3}(\\.[a-z0-9]{1,3}){0,4}\\.?"]
}

#[test]
fn names_are_judged_as_kubernetes_judges_them() {
    let go = Original::start("istio");
    on_generated(&names(), |name| {
        let ours = json!({
            "label": is_dns_label(name), "subdomain": is_dns_subdomain(name),
            "key": is_qualified_name(name), "value": is_label_value(name),
        });
        same(&ours, &go.ask(&json!({"what": "names", "texts": [name]})).value())
    });
}

#[test]
fn gateway_names_are_refused_as_istiod_refuses_them() {
    let go = Original::start("istio");
    on_generated(&names(), |name| {
        let ours = virtual_service_gateway_error(name).is_none();
        same(&json!(ours), &go.ask(&json!({"what": "gateway name", "texts": [name]})).value())
    });
}

#[test]
fn destinations_are_refused_as_istiod_refuses_them() {
    let go = Original::start("istio");
    on_generated(&names().prop_filter("empty means another field", |name| !name.is_empty()), |name| {
        let ingress = json!({"ingressGateway": "a/b", "localGateway": "a/b", "knativeLocalGatewayService": name});
        let data = std::iter::once(("ingress".to_owned(), ingress.to_string().into())).collect();
        let config = KserveConfig::parse(&ConfigMap { meta: Meta::default(), data }, Versions::default()).unwrap();
        let refused = config.refused_objects();
        let ours = refused.iter().all(|refusal| refusal.mistake != Mistake::KserveVirtualService);
        same(&json!(ours), &go.ask(&json!({"what": "destination", "texts": [name]})).value())
    });
}
