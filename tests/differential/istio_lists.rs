use std::sync::Arc;

use plumbline::model::config_map::ConfigMap;
use plumbline::model::go_struct::{Mistake, Refusal};
use plumbline::model::istio_config::IstioConfig;
use plumbline::model::names::is_dns_subdomain;
use plumbline::model::version::{Release, Versions};
use plumbline::model::{Labels, Meta};
use plumbline::syntax::yaml;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::json::tagged;
use crate::original::Original;
use crate::texts::{damaged, of_corpus};
use crate::yaml::{has_odd_text_behind, refuses_more};
use crate::{on_generated, same};

const VERSIONS: Versions = Versions { kserve: None, knative: Some(Release::new(1, 22)) };
const LABELS: [(&str, &str); 2] = [("tier", "gold"), ("yes", "true")];

fn parse(text: &str) -> Result<IstioConfig, Refusal> {
    let data = std::iter::once(("local-gateways".to_owned(), Arc::from(text))).collect();
    IstioConfig::parse(&ConfigMap { meta: Meta::default(), data }, "knative-serving", "cluster.local", VERSIONS)
}

/// Lists of gateways, in YAML's styles and in JSON.
fn lists() -> impl Strategy<Value = String> {
    let scalars = select(
        &[
            "gw",
            "knative-serving",
            "gw.istio-system.svc.cluster.local",
            "gw.a.svc.cluster.local.",
            "'gw'",
            "\"gw\"",
            "yes",
            "1.0",
            "0x10",
            "~",
            "",
            "gw:80",
            "Gw",
            "null",
            "'yes'",
            "1e3",
            "true",
        ][..],
    );
    let selectors = select(
        &[
            "{matchLabels: {tier: gold}}",
            "{matchLabels: {tier: 1}}",
            "{}",
            "null",
            "{matchLabels: {yes: true}}",
            "{matchExpressions: [{key: tier, operator: In, values: [gold, silver]}]}",
            "{matchLabels: {\"a b\": c}}",
            "{matchExpressions: [{key: tier, operator: Exists, values: [a]}]}",
            "{matchExpressions: [{key: tier, operator: exists}]}",
            "{matchExpressions: [{key: yes, operator: DoesNotExist}]}",
            "{matchlabels: {tier: gold}}",
            "[]",
            "gold",
            "{matchExpressions: [{key: tier, operator: NotIn, values: [gold]}, null]}",
            "{matchLabels: null}",
        ][..],
    );
    let keys = select(&["name", "namespace", "service", "Name", "\"service\"", "unknown"][..]);
    let entry = (
        prop::option::weighted(0.9, Just(())),
        prop::option::weighted(0.4, selectors),
        vec((keys, scalars), 0..3),
        any::<bool>(),
    );
    let entry = entry.prop_map(|(whole, selector, extra, flow)| {
        let whole = whole.map(|()| [("name", "gw"), ("namespace", "ns"), ("service", "gw.ns.svc.cluster.local")]);
        let fields = whole.into_iter().flatten().chain(selector.map(|text| ("labelSelector", text))).chain(extra);
        let fields: Vec<_> = fields.map(|(key, value)| format!("{key}: {value}")).collect();
        if flow { format!("- {{{}}}\n", fields.join(", ")) } else { format!("- {}\n", fields.join("\n  ")) }
    });
    let yaml = vec(entry, 0..4).prop_map(|entries| entries.concat());
    let json = select(
        &[
            "[{\"name\": \"gw\", \"namespace\": \"ns\", \"service\": \"gw.ns.svc\"}]",
            "[]",
            "{}",
            "null",
            "[null]",
            "[1]",
            "gw",
            "[{\"name\": 1, \"namespace\": true, \"service\": \"a\"}]",
            "[{\"name\": \"a\", \"NAME\": \"b\", \"namespace\": \"c\"}]",
        ][..],
    );
    prop_oneof![5 => yaml, 1 => json.prop_map(str::to_owned)]
}

const PIECES: &[&str] = &[
    "- ", " ", "\n", ":", "\"", "'", "{", "}", "[", "]", ",", "# c", "|", "x", "1", "\t", "---\n", "a: b\n", "\t# c\n",
    "|\n",
];

#[test]
fn gateway_lists_are_read_as_sigs_yaml_reads_them() {
    let go = Original::start("istio");
    let labels = serde_json::to_string(&LABELS.into_iter().collect::<std::collections::BTreeMap<_, _>>()).unwrap();
    let check = |text: &String| {
        if text.trim().is_empty() {
            // net-istio asks nobody about a blank list.
            return parse(text).map(drop).map_err(|refusal| refusal.message);
        }
        let original = go.ask(&json!({"what": "gateways", "texts": [text, labels]}));
        match (parse(text), &original.error) {
            (Err(refusal), Some(_)) if refusal.mistake == Mistake::IstioYaml => Ok(()),
            (Err(refusal), None)
                if refusal.mistake == Mistake::IstioYaml
                    && refuses_more_lists(text, &go.ask(&json!({"what": "yaml", "texts": [text]})).value()) =>
            {
                Ok(())
            }
            (ours, None) => compare(ours, &entries(&original.value)),
            (_, Some(_)) if yaml::parse(text).is_ok_and(|node| has_odd_text_behind(text, &tagged(&node))) => Ok(()),
            (ours, Some(error)) => Err(format!("plumbline: {ours:?}\nGo: {error}")),
        }
    };
    for text in ["local-gateways", "external-gateways"].map(of_corpus).concat() {
        check(&text).unwrap();
    }
    on_generated(&damaged(lists(), PIECES), check);
}

/// As in the comparison of YAML alone.
fn refuses_more_lists(text: &str, original: &Value) -> bool {
    // A null is no list, and no mistake either.
    yaml::parse(text)
        .is_err_and(|error| original["is"].is_null() || refuses_more(text, &error.message, &original["is"]))
}

fn entries(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// Compares with the entries that Go read, whatever net-istio then says of them.
fn compare(ours: Result<IstioConfig, Refusal>, original: &[Value]) -> Result<(), String> {
    let is_valid = |entry: &Value| {
        let service = entry["service"].as_str().unwrap();
        ["namespace", "name", "service"].iter().all(|field| entry[field] != "")
            && is_dns_subdomain(service.strip_suffix('.').unwrap_or(service))
            && (entry["selects"] == false || entry["selector"] == "<nil>")
    };
    let defaults = original.iter().filter(|entry| entry["selects"] == false).count();
    let expected = if original.is_empty() {
        None
    } else if defaults != 1 {
        Some(Mistake::IstioDefault)
    } else {
        (!original.iter().all(is_valid)).then_some(Mistake::IstioEntry)
    };
    let config = match ours {
        Ok(config) => config,
        Err(refusal) => return same(&Some(refusal.mistake), &expected),
    };
    same(&None, &expected)?;
    let labels: Labels = LABELS.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    let told = config.local.iter().map(|entry| {
        let selector = entry.selector.as_ref();
        let mut told = json!({
            "namespace": entry.gateway.namespace, "name": entry.gateway.name, "service": entry.service,
            "selects": selector.is_some(),
        });
        if let Some(selector) = selector {
            told["selector"] = json!("<nil>");
            told["matches"] = json!(selector.matches(&labels));
        }
        told
    });
    same(&told.collect::<Vec<_>>(), &original.to_vec())
}
