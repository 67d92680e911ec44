//! `config-istio` as net-istio's parser of three releases reads it (12.1).

use std::sync::Arc;

use plumbline::model::Meta;
use plumbline::model::config_map::ConfigMap;
use plumbline::model::istio_config::{GatewayEntry, IstioConfig};
use plumbline::model::version::{Release, Versions};

use crate::compare;

const RELEASES: [Release; 3] = [Release::new(1, 13), Release::new(1, 21), Release::new(1, 22)];

/// `external | local`, each `def`, or the gateways with their services; or the refusal.
fn read(data: &[(&str, &str)], release: Release) -> String {
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), Arc::from(*value))).collect();
    let config_map = ConfigMap { meta: Meta::default(), data };
    let versions = Versions { knative: Some(release), ..Versions::default() };
    match IstioConfig::parse(&config_map, "knative-testing", "cluster.local", versions) {
        Ok(config) => format!("{} | {}", list(&config.external), list(&config.local)),
        Err(refusal) => format!("refused: {}", refusal.message),
    }
}

fn list(entries: &[GatewayEntry]) -> String {
    let entry = |entry: &GatewayEntry| match entry.is_shipped_default {
        true => "def".to_owned(),
        false => format!("{}={}", entry.gateway, entry.service),
    };
    let entries: Vec<_> = entries.iter().map(entry).collect();
    if entries.is_empty() { "none".to_owned() } else { entries.join(",") }
}

/// Rows of data and what each release makes of it; a refusal is given by a part of its message.
fn check(rows: &[(&str, &[(&str, &str)], [&str; 3])]) {
    compare(rows.iter().flat_map(|(row, data, expected)| {
        RELEASES.into_iter().zip(expected).map(move |(release, expected)| {
            let got = read(data, release);
            let part = expected.strip_prefix("refused: ");
            let agrees = part.is_some_and(|part| got.starts_with("refused: ") && got.contains(part));
            (format!("{row} ({release})"), (*expected).to_owned(), if agrees { (*expected).to_owned() } else { got })
        })
    }));
}

const DEFAULTS: &str = "def | def";

/// What releases with lists read, and the release that does not know them ignores.
const fn lists(expected: &str) -> [&str; 3] {
    [DEFAULTS, expected, expected]
}

#[test]
fn defaults_and_lists() {
    const CUSTOM: &str = "- name: custom-local-gateway\n  namespace: istio-system\n  service: custom-local-gateway.istio-system.svc.cluster.local\n";
    const READ: &str = "def | istio-system/custom-local-gateway=custom-local-gateway.istio-system.svc.cluster.local";
    let no_local = [DEFAULTS, DEFAULTS, "def | none"];
    check(&[
        ("nothing", &[], [DEFAULTS; 3]),
        ("an unknown key", &[("enable-virtualservice-status", "x")], [DEFAULTS; 3]),
        ("the background document", &[("local-gateways", CUSTOM)], lists(READ)),
        (
            "mis-indented",
            &[("local-gateways", "- name: a\nnamespace: b\n  service: c\n")],
            lists("refused: failed to parse"),
        ),
        ("blank", &[("local-gateways", "")], [DEFAULTS; 3]),
        ("an empty list", &[("local-gateways", "[]")], no_local),
        ("null", &[("local-gateways", "null")], no_local),
        ("a comment", &[("local-gateways", "# comment")], no_local),
        ("both empty", &[("local-gateways", "[]"), ("external-gateways", "[]")], [DEFAULTS, DEFAULTS, "none | none"]),
        ("a map", &[("local-gateways", "name: a")], lists("refused: cannot unmarshal object")),
        (
            "only external",
            &[("external-gateways", "- {name: a, namespace: b, service: c.d.svc}")],
            lists("b/a=c.d.svc | def"),
        ),
    ]);
}

#[test]
fn entries() {
    let missing = |what| lists(what);
    check(&[
        (
            "keys in other cases",
            &[("local-gateways", "- {Name: a, NAMESPACE: b, Service: c.d.svc}")],
            lists("def | b/a=c.d.svc"),
        ),
        (
            "serviceURL",
            &[("local-gateways", "- {name: a, namespace: b, serviceURL: c.d.svc}")],
            missing("refused: missing service"),
        ),
        (
            "an unknown field",
            &[("local-gateways", "- {name: a, namespace: b, service: c.d.svc, x: y}")],
            lists("def | b/a=c.d.svc"),
        ),
        ("no namespace", &[("local-gateways", "- {name: a, service: c.d.svc}")], missing("refused: missing namespace")),
        ("a port", &[("local-gateways", "- {name: a, namespace: b, service: 'c.d.svc:80'}")], lists("refused: format")),
        ("upper case", &[("local-gateways", "- {name: a, namespace: b, service: C.d.svc}")], lists("refused: format")),
        ("a bare name", &[("local-gateways", "- {name: a, namespace: b, service: c}")], lists("def | b/a=c")),
        ("mesh", &[("local-gateways", "- {name: a, namespace: b, service: mesh}")], lists("def | b/a=mesh")),
        (
            "a trailing dot",
            &[("local-gateways", "- {name: a, namespace: b, service: c.d.svc.cluster.local.}")],
            lists("def | b/a=c.d.svc.cluster.local."),
        ),
    ]);
}

#[test]
fn label_selectors() {
    const A: &str = "- {name: a, namespace: b, service: c.d.svc}\n";
    const GOLD: &str = "- {name: a, namespace: b, service: c.d.svc, labelSelector: {matchLabels: {tier: gold}}}\n";
    let two = format!("{A}{A}");
    let twice = format!("{A}{GOLD}");
    let empty = "- {name: a, namespace: b, service: c.d.svc, labelSelector: {}}";
    let null = "- {name: a, namespace: b, service: c.d.svc, labelSelector: null}";
    let operator =
        "- {name: e, namespace: b, service: c.d.svc, labelSelector: {matchExpressions: [{key: a, operator: Foo}]}}";
    let bad_operator = format!("{A}{operator}");
    check(&[
        ("two defaults", &[("local-gateways", &two)], lists("refused: exactly one local gateway")),
        ("only a labelled one", &[("local-gateways", GOLD)], lists("refused: exactly one local gateway")),
        ("an empty selector", &[("local-gateways", empty)], lists("refused: exactly one local gateway")),
        ("a null selector", &[("local-gateways", null)], lists("def | b/a=c.d.svc")),
        ("the same Gateway twice", &[("local-gateways", &twice)], lists("def | b/a=c.d.svc,b/a=c.d.svc")),
        ("an unknown operator", &[("local-gateways", &bad_operator)], lists("refused: selector")),
    ]);
}

/// `sigs.k8s.io/yaml` makes strings of scalars where a string is wanted, and `labels.NewRequirement` judges keys and values.
#[test]
fn scalars_and_labels() {
    const A: &str = "- {name: a, namespace: b, service: c.d.svc}\n";
    let labelled =
        |selector: &str| format!("{A}- {{name: e, namespace: b, service: c.d.svc, labelSelector: {selector}}}");
    let both = "def | b/a=c.d.svc,b/e=c.d.svc";
    let accepted = [
        "{matchLabels: {gpu: true, tier: 1, spot: no, empty: }}",
        "{MatchLabels: {kserve.io/tier: gold}}",
        "{matchExpressions: [{key: tier, operator: In, values: [1, yes]}]}",
        "{matchExpressions: null}",
    ];
    for selector in accepted {
        check(&[(selector, &[("local-gateways", &labelled(selector))], lists(both))]);
    }
    let refused = [
        "{matchLabels: {a b: c}}",
        "{matchLabels: {a: c d}}",
        "{matchLabels: {kserve.io/: gold}}",
        "{matchExpressions: [{key: a, operator: In, values: [c d]}]}",
        "{matchExpressions: [{key: a b, operator: Exists}]}",
        "{matchLabels: [a]}",
        "{matchExpressions: {key: a}}",
        "tier=gold",
    ];
    for selector in refused {
        check(&[(selector, &[("local-gateways", &labelled(selector))], lists("refused: "))]);
    }
    check(&[("a number", &[("local-gateways", "- {name: 7, namespace: 8, service: 9}")], lists("def | 8/7=9"))]);
}

/// What an entry selects by, whatever the spelling of the field.
#[test]
fn a_selector_selects() {
    let text = "- {name: a, namespace: b, service: c}\n- {name: e, namespace: b, service: c, LABELSELECTOR: {MATCHLABELS: {gpu: true}}}";
    let data = [("local-gateways".to_owned(), Arc::from(text))].into();
    let config_map = ConfigMap { meta: Meta::default(), data };
    let config =
        IstioConfig::parse(&config_map, "knative-testing", "cluster.local", Versions::default()).expect("read");
    let chosen = |labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect();
        list(&config.local_for(&labels).into_iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(chosen(&[("gpu", "true")]), "b/e=c");
    assert_eq!(chosen(&[("gpu", "yes")]), "b/a=c");
    assert_eq!(chosen(&[]), "b/a=c");
}

#[test]
fn old_keys() {
    const LIST: (&str, &str) = ("local-gateways", "- {name: a, namespace: b, service: c.d.svc}");
    check(&[
        (
            "with a list",
            &[LIST, ("gateway.x.y", "a.b.svc")],
            ["x/y=a.b.svc | def", "refused: simultaneously", "refused: simultaneously"],
        ),
        (
            "a bare prefix with a list",
            &[LIST, ("gateway.", "a.b.svc")],
            [DEFAULTS, "refused: simultaneously", "refused: simultaneously"],
        ),
        ("mesh", &[("local-gateway.mesh", "mesh")], ["def | knative-testing/mesh=mesh"; 3]),
        ("no namespace", &[("local-gateway.foo", "a.b.svc")], ["def | knative-testing/foo=a.b.svc"; 3]),
        ("dots in the name", &[("local-gateway.ns.foo.bar", "a.b.svc")], ["def | ns/foo.bar=a.b.svc"; 3]),
        (
            "two, sorted by key",
            &[("local-gateway.z.a", "a.b.svc"), ("local-gateway.a.z", "c.d.svc")],
            ["def | a/z=c.d.svc,z/a=a.b.svc"; 3],
        ),
        ("no value", &[("local-gateway.a.b", "")], ["refused: missing service"; 3]),
        ("only external", &[("gateway.a.b", "c.d.svc")], ["a/b=c.d.svc | def"; 3]),
        ("exactly the prefix", &[("local-gateway.", "x")], [DEFAULTS; 3]),
    ]);
}
