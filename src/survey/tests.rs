use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::exception::{Span, TRANSITION, TRANSITION_UNTIL};
use crate::manifests::Manifests;
use crate::model::Object;
use crate::object::Kind;

const NOON: Moment = Moment(1_780_315_200);
const NARROW: &[&str] = &["*.online-serving"];

/// The example's cluster, its local gateway changed.
pub(super) fn cluster(hosts: &[&str], annotations: &Value) -> Snapshot {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-local-gateway"));
    let mut snapshot = Snapshot::default();
    for manifest in Manifests::load(&[folder]).unwrap().in_order() {
        let mut value = manifest.to_json();
        if manifest.key == gateway() {
            if !hosts.is_empty() {
                value["spec"]["servers"][0]["hosts"] = json!(hosts);
            }
            value["metadata"]["annotations"] = annotations.clone();
        }
        let (_, object) = Object::from_value(manifest.key.kind, value).unwrap();
        snapshot.insert(manifest.key.clone(), object);
    }
    snapshot
}

pub(super) fn gateway() -> ObjectKey {
    ObjectKey::new(Kind::IstioGateway, "istio-system", "custom-local-gateway")
}

fn until(seconds: i64) -> Value {
    json!({TRANSITION: "narrow", TRANSITION_UNTIL: NOON.after(Span(seconds)).to_string()})
}

fn look(hosts: &[&str], annotations: &Value) -> Survey {
    survey(&cluster(hosts, annotations), &JudgeSettings::default(), &Policy::default(), NOON, None)
}

fn told(survey: &Survey) -> Vec<(String, &str, &str)> {
    let told = survey
        .entries
        .iter()
        .map(|Entry { finding, standing }| (finding.code.to_string(), finding.severity.name(), standing.name()));
    told.collect()
}

fn row<'a>(code: &str, severity: &'a str, standing: &'a str) -> (String, &'a str, &'a str) {
    (code.to_owned(), severity, standing)
}

#[test]
fn a_sound_cluster_has_walks_and_gateways_and_nothing_else() {
    let survey = look(&[], &json!({}));
    assert_eq!(told(&survey), []);
    assert!(!survey.fails() && survey.unknown.is_empty());
    assert!(survey.walks.iter().all(|walked| walked.traced.walk.end.broken().is_none()));
    assert!(survey.walks.iter().any(|walked| walked.traced.walk.end.is_reached()));
    let local = survey.gateways.iter().find(|listed| listed.key == gateway()).unwrap();
    assert!(local.roles.contains(&Role::KserveLocal) && local.roles.contains(&Role::KnativeLocal), "{local:?}");
}

#[test]
fn what_is_broken_counts_and_has_its_walk() {
    let survey = look(NARROW, &json!({}));
    assert_eq!(told(&survey), [row("PL110", "error", "plain")]);
    assert!(survey.fails());
    let broken = survey.walks.iter().filter_map(|walked| walked.traced.finding.as_ref());
    assert!(broken.clone().count() > 0 && broken.into_iter().all(|finding| finding.code == Code(110)));
}

#[test]
fn an_open_transition_excepts_what_points_at_its_object_and_an_overdue_one_is_an_error() {
    let open = look(NARROW, &until(600));
    assert_eq!(told(&open), [row("PL700", "warning", "plain"), row("PL110", "error", "excepted")]);
    assert!(!open.fails());
    assert_eq!((open.transitions[0].state, open.transitions_that_are(State::Open)), (State::Open, 1));
    assert_eq!(open.transitions[0].broken, [Code(110)].into());

    // To the second.
    let overdue = look(NARROW, &until(0));
    assert_eq!(told(&overdue), [row("PL110", "error", "plain"), row("PL704", "error", "plain")]);
    assert!(overdue.fails());
    assert_eq!((overdue.transitions_that_are(State::Open), overdue.transitions_that_are(State::Overdue)), (0, 1));
    assert!(overdue.entries[1].finding.message.contains("requests still fail by PL110"), "{overdue:?}");
}

#[test]
fn a_transition_that_is_over_and_broke_nothing_is_worth_a_note() {
    let done = look(&[], &until(-600));
    assert_eq!(told(&done), [row("PL704", "note", "plain")]);
    assert_eq!(done.transitions[0].state, State::Done);
    assert_eq!(told(&look(&[], &until(600))), [row("PL700", "note", "plain")]);
}

#[test]
fn a_transition_elsewhere_excepts_nothing() {
    let mut snapshot = cluster(NARROW, &json!({}));
    let elsewhere = json!({
        "metadata": {"name": "elsewhere", "namespace": "istio-system", "annotations": until(600)},
        "spec": {"selector": {"istio": "nothing"}, "servers": []},
    });
    let (key, object) = Object::from_value(Kind::IstioGateway, elsewhere).unwrap();
    snapshot.insert(key, object);
    let survey = survey(&snapshot, &JudgeSettings::default(), &Policy::default(), NOON, None);
    assert!(survey.fails());
    assert_eq!(told(&survey), [row("PL110", "error", "plain"), row("PL700", "note", "plain")]);
}

#[test]
fn a_declaration_that_does_not_hold_excepts_nothing_and_is_warned_of() {
    let too_long = look(NARROW, &until(7_200));
    assert_eq!(told(&too_long), [row("PL110", "error", "plain"), row("PL705", "warning", "plain")]);
    assert!(too_long.transitions.is_empty() && too_long.fails());
}

#[test]
fn a_suppression_takes_out_its_code_on_its_object_and_is_listed_in_any_case() {
    let survey = look(NARROW, &json!({"plumbline.dev/allow.PL110": "nobody calls them so"}));
    assert_eq!(told(&survey), [row("PL110", "error", "suppressed")]);
    assert!(!survey.fails());
    let [in_force] = survey.suppressions.as_slice() else { panic!("{survey:?}") };
    assert_eq!((in_force.code, &*in_force.reason, in_force.findings), (Code(110), "nobody calls them so", 1));

    let other = look(NARROW, &json!({"plumbline.dev/allow.PL107": "why not"}));
    assert_eq!(told(&other), [row("PL110", "error", "plain")]);
    assert_eq!((other.suppressions.len(), other.suppressions[0].findings), (1, 0));

    let futile = look(&[], &json!({"plumbline.dev/allow.PL001": "we know"}));
    assert_eq!(told(&futile), [row("PL710", "warning", "plain")]);
    assert!(futile.suppressions.is_empty());
}

#[test]
fn configuration_that_is_refused_is_beyond_exceptions() {
    let mut snapshot = cluster(&[], &json!({}));
    let mut annotations = until(600);
    annotations["plumbline.dev/allow.PL001"] = "we know".into();
    let config = json!({
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve", "annotations": annotations},
        "data": {"ingress": "{"},
    });
    let (key, object) = Object::from_value(Kind::ConfigMap, config).unwrap();
    snapshot.insert(key, object);
    let survey = survey(&snapshot, &JudgeSettings::default(), &Policy::default(), NOON, None);
    assert!(survey.fails(), "{survey:?}");
    assert!(survey.plain(Severity::Error).any(|finding| finding.code == Code(1)));
}

#[test]
fn ten_thousand_services_that_cannot_differ_are_walked_as_few() {
    let mut snapshot = cluster(NARROW, &json!({}));
    let few = survey(&snapshot, &JudgeSettings::default(), &Policy::default(), NOON, None);
    for index in 0..10_000 {
        let metadata = json!({"name": format!("model-{index}"), "namespace": format!("team-{}", index % 500)});
        let service = json!({"metadata": metadata, "spec": {"predictor": {"model": {}}}});
        let (key, object) = Object::from_value(Kind::InferenceService, service).unwrap();
        snapshot.insert(key, object);
        let service = json!({"metadata": metadata, "spec": {"ports": [{"port": 80}], "selector": {"app": "model"}}});
        let (key, object) = Object::from_value(Kind::Service, service).unwrap();
        snapshot.insert(key, object);
    }
    let many = survey(&snapshot, &JudgeSettings::default(), &Policy::default(), NOON, None);
    assert_eq!(many.inference_services, few.inference_services + 10_000);
    assert!(many.walks.len() <= few.walks.len() + 4, "{} walks instead of {}", many.walks.len(), few.walks.len());
}
