//! Declared transitions and suppressions, as an API server sees them: `serve --manifests` over real TLS.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]
#![allow(clippy::needless_pass_by_value, reason = "objects are written where they are used")]

use std::path::Path;
use std::time::SystemTime;

use plumbline::exception::{Moment, Span};
use serde_json::{Value, json};
use serving::{Serving, review};

#[path = "support/serving.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod serving;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-local-gateway");
const HOSTS: [&str; 3] = ["*.online-serving", "*.online-serving.svc", "*.online-serving.svc.cluster.local"];
const NARROW: [&str; 1] = ["*.online-serving"];
const TRANSITION: &str = "plumbline.dev/transition";
const UNTIL: &str = "plumbline.dev/transition-until";

#[test]
fn a_transition_lets_a_cutting_write_through_until_it_ends() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let (sound, until) = (gateway(&HOSTS, json!({})), in_seconds(1_800));

    let refused = serving.review(Some(&sound), Some(&gateway(&NARROW, json!({}))));
    assert_eq!(refused["allowed"], false, "{refused}");
    let admitted = serving.review(Some(&sound), Some(&gateway(&NARROW, json!({TRANSITION: "narrow", UNTIL: until}))));
    assert_eq!(admitted["allowed"], true, "{admitted}");
    let warnings = texts(&admitted["warnings"]);
    let clock = &until[11..19];
    assert!(warnings[0].starts_with("PL700: transition narrow, until "), "{warnings:?}");
    assert!(warnings[0].contains(clock) || clock.ends_with(":00"), "{warnings:?}");
    assert!(warnings[1].starts_with("PL110: broken at L4"), "{warnings:?}");
    assert!(warnings.iter().all(|line| line.chars().count() <= 120), "{warnings:?}");
    let audit = &admitted["auditAnnotations"];
    assert_eq!(audit["verdict"], "excepted", "{audit}");
    assert_eq!(audit["transition"], "narrow", "{audit}");
    assert_eq!(audit["transition-until"], until, "{audit}");
    assert_eq!(audit["codes"], "PL700,PL110", "{audit}");
}

#[test]
fn a_dry_run_gets_the_same_answer() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let sound = gateway(&HOSTS, json!({}));
    for annotations in [
        json!({TRANSITION: "narrow", UNTIL: in_seconds(1_800)}),
        json!({TRANSITION: "narrow", UNTIL: in_seconds(-1_800)}),
        json!({"plumbline.dev/allow.PL110": "nobody calls them so"}),
        json!({TRANSITION: "narrow"}),
    ] {
        let narrow = gateway(&NARROW, annotations);
        let answer = |dry_run| {
            let (status, body) = serving.post(review(Some(&sound), Some(&narrow), dry_run).to_string().as_bytes());
            assert_eq!(status, 200, "{body}");
            let mut response = serde_json::from_str::<Value>(&body).expect("JSON")["response"].take();
            response["auditAnnotations"]["milliseconds"].take();
            response
        };
        assert_eq!(answer(true), answer(false));
    }
}

#[test]
fn a_transition_covers_a_create_and_a_delete() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let open = || json!({TRANSITION: "move", UNTIL: in_seconds(1_800)});

    // What is deleted is stored already: its own annotations count, and nobody writes any with a delete.
    let refused = serving.review(Some(&gateway(&HOSTS, json!({}))), None);
    assert_eq!(refused["allowed"], false, "{refused}");
    let admitted = serving.review(Some(&gateway(&HOSTS, open())), None);
    assert_eq!(admitted["allowed"], true, "{admitted}");
    assert_eq!(admitted["auditAnnotations"]["transition"], "move", "{admitted}");

    // An older Gateway of another protocol on the same port takes it over.
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let conflict = |annotations: Value| {
        let mut object = gateway(&["*"], annotations);
        object["metadata"]["name"] = "earlier".into();
        object["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z".into();
        object["spec"]["servers"][0]["port"]["protocol"] = "TCP".into();
        object
    };
    let refused = serving.review(None, Some(&conflict(json!({}))));
    assert_eq!(refused["allowed"], false, "{refused}");
    let admitted = serving.review(None, Some(&conflict(open())));
    assert_eq!(admitted["allowed"], true, "{admitted}");
}

#[test]
fn a_mistake_is_refused_where_a_write_brings_it() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let sound = gateway(&HOSTS, json!({}));
    for (annotations, code, says) in [
        (json!({TRANSITION: "move"}), "PL701", "has no plumbline.dev/transition-until"),
        (json!({UNTIL: in_seconds(60)}), "PL701", "has no plumbline.dev/transition"),
        (json!({TRANSITION: "", UNTIL: in_seconds(60)}), "PL702", "is empty"),
        (
            json!({TRANSITION: "move it", UNTIL: in_seconds(60)}),
            "PL702",
            "letters, digits, '-', '_' and '.', at most 63",
        ),
        (json!({TRANSITION: "move", UNTIL: "in an hour"}), "PL703", "\"in an hour\", which is no RFC 3339 time"),
        (json!({TRANSITION: "move", UNTIL: in_seconds(3_700)}), "PL705", "more than 1h ahead of now"),
    ] {
        let declared = gateway(&HOSTS, annotations.clone());
        let narrow = gateway(&NARROW, annotations);
        for (before, after) in [(Some(&sound), &declared), (None, &declared), (Some(&sound), &narrow)] {
            let answer = serving.review(before, Some(after));
            assert_eq!(answer["allowed"], false, "{answer}");
            assert_eq!(answer["status"]["code"], 403, "{answer}");
            let message = answer["status"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(code) && message.contains(says), "{message}");
            let codes: Vec<_> = answer["status"]["details"]["causes"].as_array().unwrap().iter().collect();
            assert!(codes.iter().any(|cause| cause["reason"] == code), "{answer}");
        }
        // It is there already: nothing is made worse, whatever else changes.
        let mut labelled = declared.clone();
        labelled["metadata"]["labels"] = json!({"team": "platform"});
        for after in [&labelled, &sound] {
            let answer = serving.review(Some(&declared), Some(after));
            assert_eq!(answer["allowed"], true, "{answer}");
            assert_eq!(answer["warnings"], Value::Null, "{answer}");
        }
        // Until it is needed.
        let answer = serving.review(Some(&declared), Some(&narrow));
        assert_eq!(answer["allowed"], false, "{answer}");
        let message = answer["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("PL110") && message.contains(code), "{message}");
    }
}

#[test]
fn a_transition_that_is_over_covers_nothing_and_is_in_nobodys_way() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let over = json!({TRANSITION: "move", UNTIL: "2020-01-01T00:00:00Z"});
    let (sound, kept, narrow) =
        (gateway(&HOSTS, json!({})), gateway(&HOSTS, over.clone()), gateway(&NARROW, over.clone()));

    for before in [&sound, &kept] {
        let refused = serving.review(Some(before), Some(&narrow));
        assert_eq!(refused["allowed"], false, "{refused}");
        let message = refused["status"]["message"].as_str().unwrap_or_default();
        let line = "PL704: transition move on it ended at 2020-01-01T00:00:00Z; to declare it again";
        assert!(message.contains(line) && message.contains("PL110"), "{message}");
    }
    // Self-healing, a rollback, a restore: what they write carries it.
    for before in [Some(&sound), None] {
        let admitted = serving.review(before, Some(&kept));
        assert_eq!(admitted["allowed"], true, "{admitted}");
        let warnings = texts(&admitted["warnings"]);
        assert!(warnings[0].starts_with("PL704: transition move on it ended at"), "{warnings:?}");
    }
    let mut labelled = kept.clone();
    labelled["metadata"]["labels"] = json!({"team": "platform"});
    let admitted = serving.review(Some(&kept), Some(&labelled));
    assert_eq!((&admitted["allowed"], &admitted["warnings"]), (&json!(true), &Value::Null), "{admitted}");
}

#[test]
fn the_longest_transition_is_a_setting() {
    let sound = gateway(&HOSTS, json!({}));
    let narrow = |seconds| gateway(&NARROW, json!({TRANSITION: "move", UNTIL: in_seconds(seconds)}));
    let serving = Serving::start(Path::new(EXAMPLE), &["--transition-max-duration", "3h"]);
    assert_eq!(serving.review(Some(&sound), Some(&narrow(11_000)))["allowed"], false);
    assert_eq!(serving.review(Some(&sound), Some(&narrow(10_000)))["allowed"], true);
    let serving = Serving::start(Path::new(EXAMPLE), &["--transition-max-duration", "0s"]);
    let refused = serving.review(Some(&sound), Some(&narrow(60)));
    assert!(refused["status"]["message"].as_str().is_some_and(|text| text.contains("switched off")), "{refused}");
}

#[test]
fn nothing_lets_configuration_through_that_its_controller_refuses() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let config = |ingress: &str, annotations: Value| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "inferenceservice-config", "namespace": "kserve", "annotations": annotations},
            "data": {"deploy": "{\"defaultDeploymentMode\": \"Serverless\"}", "ingress": ingress},
        })
    };
    let ingress = json!({
        "ingressGateway": "knative-serving/knative-ingress-gateway",
        "localGateway": "istio-system/custom-local-gateway",
        "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local",
    });
    let sound = config(&ingress.to_string(), json!({}));
    for annotations in [
        json!({TRANSITION: "move", UNTIL: in_seconds(600)}),
        json!({"plumbline.dev/allow.PL001": "we know", "plumbline.dev/allow.PL003": "we know"}),
    ] {
        let answer = serving.review(Some(&sound), Some(&config("{", annotations)));
        assert_eq!(answer["allowed"], false, "{answer}");
        let message = answer["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("PL001"), "{message}");
        let says =
            ["cannot cover PL001: no exception lets", "allow.PL001 of ConfigMap inferenceservice-config has no effect"];
        assert!(says.iter().any(|text| message.contains(text)), "{message}");
    }
}

#[test]
fn a_suppression_admits_its_code_alone_and_says_why() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let sound = gateway(&HOSTS, json!({}));
    let allow = |code: &str, reason: &str| json!({format!("plumbline.dev/allow.{code}"): reason});

    let refused = serving.review(Some(&sound), Some(&gateway(&NARROW, allow("PL107", "another code"))));
    assert_eq!(refused["allowed"], false, "{refused}");
    let suppressed = gateway(&NARROW, allow("PL110", "nobody calls them so:\n\u{7} \"really\""));
    let admitted = serving.review(Some(&sound), Some(&suppressed));
    assert_eq!(admitted["allowed"], true, "{admitted}");
    let warnings = texts(&admitted["warnings"]);
    assert_eq!(warnings[0], r#"PL110: suppressed on this object, since "nobody calls them so:\n\u{7} \"really\"""#);
    assert!(warnings[1].starts_with("PL110: broken for "), "{warnings:?}");
    let audit = &admitted["auditAnnotations"];
    assert_eq!((&audit["verdict"], &audit["codes"]), (&json!("excepted"), &json!("PL110")), "{audit}");
    assert!(audit["suppressed"].as_str().is_some_and(|text| text.starts_with("PL110: \"nobody")), "{audit}");
    // It goes on to hold, and on this object alone.
    let again = gateway(&HOSTS, allow("PL110", "still nobody"));
    assert_eq!(serving.review(Some(&again), Some(&gateway(&NARROW, allow("PL110", "still nobody"))))["allowed"], true);
    let refused = serving.review(Some(&again), Some(&gateway(&NARROW, json!({}))));
    assert_eq!(refused["allowed"], false, "taken away by this very write: {refused}");
}

#[test]
fn a_suppression_without_effect_is_warned_of() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let sound = gateway(&HOSTS, json!({}));
    for (key, reason, says) in [
        ("PL999", "?", "no such code"),
        ("everything", "?", "no such code"),
        ("PL110", "", "give the reason"),
        ("PL110", "  ", "give the reason"),
        ("PL001", "we know", "cannot be suppressed"),
        ("PL703", "no time", "cannot be suppressed"),
    ] {
        let annotations = json!({format!("plumbline.dev/allow.{key}"): reason});
        let admitted = serving.review(Some(&sound), Some(&gateway(&HOSTS, annotations.clone())));
        assert_eq!(admitted["allowed"], true, "{admitted}");
        let warnings = texts(&admitted["warnings"]);
        let expected = format!("PL710: allow.{key} of Gateway custom-local-gateway has no effect: ");
        assert!(warnings[0].starts_with(&expected) && warnings[0].contains(says), "{warnings:?}");
        let refused = serving.review(Some(&sound), Some(&gateway(&NARROW, annotations)));
        assert_eq!(refused["allowed"], false, "{refused}");
    }
}

/// The local gateway of the example.
fn gateway(hosts: &[&str], annotations: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "custom-local-gateway", "namespace": "istio-system", "annotations": annotations},
        "spec": {
            "selector": {"app": "custom-local-gateway"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}],
        },
    })
}

fn in_seconds(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
    Moment(i64::try_from(now).expect("a clock")).after(Span(seconds)).to_string()
}

#[track_caller]
fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter();
    texts.map(|text| text.as_str().expect("text").to_owned()).collect()
}
