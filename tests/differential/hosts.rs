use plumbline::data_plane::host::{covers, matches};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::original::Original;
use crate::{on_generated, same};

/// Names without wildcards.
fn hosts() -> impl Strategy<Value = String> {
    let labels =
        select(&["a", "A", "models", "xmodels", "svc", "svc.cluster.local", "iris-predictor", "corp.com", ""][..]);
    vec(labels, 1..5).prop_map(|labels| labels.join("."))
}

/// Hosts of servers as istiod lets them in.
fn patterns() -> impl Strategy<Value = String> {
    prop_oneof![1 => Just("*".to_owned()), 3 => hosts(), 3 => hosts().prop_map(|host| format!("*.{host}"))]
}

/// A host, and a pattern that is often made of its end.
fn pairs() -> impl Strategy<Value = (String, String)> {
    let independent = (patterns(), hosts());
    let akin = (hosts(), 0..5_usize, select(&["", "*", "*.", "*.x", "x."][..])).prop_map(|(host, skipped, start)| {
        let end: Vec<_> = host.split('.').skip(skipped).collect();
        (format!("{start}{}", end.join(".")), host)
    });
    prop_oneof![independent, akin]
}

#[test]
fn hosts_match_as_istio_matches_them() {
    let go = Original::start("istio");
    on_generated(&pairs(), |(pattern, host)| {
        let ours = matches(pattern, host);
        let original = go.ask(&json!({"what": "host", "texts": [pattern, host]})).value();
        same(&json!({"matches": ours, "subset": ours}), &original)
    });
}

#[test]
fn prefixes_let_in_the_namespaces_that_istio_lets_in() {
    let go = Original::start("istio");
    let namespaces = || select(&["models", "a", "istio-system", "*"][..]);
    let prefixed = (pairs(), prop::option::of(namespaces()), select(&["models", "a", "istio-system"][..]));
    on_generated(&prefixed, |((pattern, host), prefix, namespace)| {
        let server_host = prefix.map_or(pattern.clone(), |prefix| format!("{prefix}/{pattern}"));
        let ours = covers(&server_host, "gateways", host, namespace);
        let question = json!({"what": "hosts for namespace", "texts": [server_host, namespace, host]});
        same(&json!(ours), &go.ask(&question).value())
    });
}
