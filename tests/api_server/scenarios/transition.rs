//! Exceptions: what is declared on an object lets it through, for its time, and for whoever may declare it.

use std::time::{Duration, SystemTime};

use plumbline::exception::{Moment, Span};
use serde_json::{Value, json};

use super::stage::{Stage, grant_rights_of_chart, render};
use super::stock::{self, kserve_config, named};
use crate::control_plane::User;
use crate::rest::{Answer, Rest};
use crate::wait;

const TRANSITION: &str = "plumbline.dev/transition";
const UNTIL: &str = "plumbline.dev/transition-until";
const ALEX: &str = "alex@example.com";

/// A stock installation in use, and its local gateway in two versions.
struct Story {
    stage: Stage,
    shipped: Vec<Value>,
}

impl Story {
    fn begin() -> Self {
        let stage = Stage::enter();
        let shipped = stock::install(&stage);
        Self { stage, shipped }
    }

    fn whole(&self, annotations: Value) -> Value {
        let mut gateway = named(&self.shipped, "Gateway", "knative-local-gateway").clone();
        gateway["metadata"]["annotations"] = annotations;
        gateway
    }

    /// The gateway without the hosts that requests have.
    fn cut(&self, annotations: Value) -> Value {
        let mut gateway = self.whole(annotations);
        gateway["spec"]["servers"][0]["hosts"] = json!(["*.elsewhere.svc.cluster.local"]);
        gateway
    }

    fn apply(&self, object: &Value) -> Answer {
        self.stage.rest.apply(object)
    }
}

#[test]
fn a_transition_covers_an_update_a_delete_and_a_create() {
    let story = Story::begin();
    let guard = story.stage.guard();

    refused(&story.apply(&story.cut(json!({}))), "PL110");
    admitted_by(story.apply(&story.cut(open("narrow"))), "narrow");
    let log = guard.server.log();
    assert!(log.lines().any(|line| line.contains("excepted") && line.contains("narrow")), "{log}");
    story.apply(&story.whole(json!({}))).expect_admitted();

    // A delete carries no annotations: those that are stored count.
    refused(&story.stage.rest.delete(&story.whole(json!({}))), "PL107");
    assert_eq!(story.apply(&story.whole(open("replace"))).expect_admitted(), [""; 0], "declared, and not needed yet");
    admitted_by(story.stage.rest.delete(&story.whole(json!({}))), "replace");
    story.apply(&story.whole(json!({}))).expect_admitted();

    let serving = |annotations: Value| {
        json!({
            "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
            "metadata": {"name": "knative-serving", "namespace": "knative-serving", "annotations": annotations},
            "spec": {"config": {"istio": {"local-gateways":
                "- name: nowhere\n  namespace: istio-system\n  service: knative-local-gateway.istio-system.svc.cluster.local\n"}}},
        })
    };
    assert!(story.apply(&serving(json!({}))).denial.is_some());
    admitted_by(story.apply(&serving(open("hand-over"))), "hand-over");
}

#[test]
fn a_declaration_that_does_not_hold_is_refused_and_one_that_is_over_is_in_nobodys_way() {
    let story = Story::begin();
    let _guard = story.stage.guard();

    for (annotations, code) in [
        (json!({TRANSITION: "move", UNTIL: in_seconds(2 * 3_600)}), "PL705"),
        (json!({TRANSITION: "move", UNTIL: "soon"}), "PL703"),
        (json!({TRANSITION: "move"}), "PL701"),
        (json!({TRANSITION: "move!", UNTIL: in_seconds(60)}), "PL702"),
    ] {
        refused(&story.apply(&story.whole(annotations.clone())), code);
        refused(&story.apply(&story.cut(annotations)), code);
    }
    let over = json!({TRANSITION: "move", UNTIL: "2020-01-01T00:00:00Z"});
    refused(&story.apply(&story.cut(over.clone())), "PL704: transition move on it ended at 2020-01-01T00:00:00Z");
    let warnings = story.apply(&story.whole(over.clone())).expect_admitted();
    assert!(warnings[0].contains("PL704"), "{warnings:?}");
    let mut labelled = story.whole(over);
    labelled["metadata"]["labels"]["team"] = "platform".into();
    assert_eq!(story.apply(&labelled).expect_admitted(), [""; 0]);
}

#[test]
fn a_dry_run_is_told_the_same() {
    let story = Story::begin();
    let _guard = story.stage.guard();
    let apply = |object: &Value, args: &[&str]| {
        let args = [&["--server-side", "--force-conflicts"], args].concat();
        story.stage.control_plane.apply_as(User::Gitops, &object.to_string(), &args)
    };

    for (annotations, admitted) in [
        (open("narrow"), true),
        (json!({TRANSITION: "narrow", UNTIL: "2020-01-01T00:00:00Z"}), false),
        (json!({TRANSITION: "narrow", UNTIL: in_seconds(2 * 3_600)}), false),
        (json!({"plumbline.dev/allow.PL110": "nobody calls them so"}), true),
    ] {
        let cut = story.cut(annotations);
        for args in [&["--dry-run=server"][..], &[]] {
            let output = apply(&cut, args);
            assert_eq!(output.status.success(), admitted, "{args:?}: {output:#?}");
            assert_eq!(output.stderr.contains("Warning: PL"), admitted, "{args:?}: {output:#?}");
        }
        story.apply(&story.whole(json!({}))).expect_admitted();
    }
}

#[test]
fn a_suppression_lets_its_code_through_and_no_other() {
    let story = Story::begin();
    let _guard = story.stage.guard();
    let allow = |code: &str| json!({format!("plumbline.dev/allow.{code}"): "TLS ends in front of this gateway"});

    refused(&story.apply(&story.cut(allow("PL104"))), "PL110");
    let warnings = story.apply(&story.cut(allow("PL110"))).expect_admitted();
    let told = warnings.iter().any(|line| line.contains("since") && line.contains("TLS ends in front of this gateway"));
    assert!(told, "{warnings:?}");
    let warnings = story.apply(&story.whole(allow("PL998"))).expect_admitted();
    assert!(warnings[0].contains("PL710: allow.PL998"), "{warnings:?}");
}

#[test]
fn configuration_that_does_not_parse_is_refused_whatever_is_declared() {
    let story = Story::begin();
    let _guard = story.stage.guard();
    let mut declared = open("move");
    declared["plumbline.dev/allow.PL001"] = "we know".into();

    let mut config = kserve_config(&story.shipped, &[]);
    config["metadata"]["annotations"] = declared.clone();
    config["data"]["ingress"] = "{".into();
    let answer = story.apply(&config);
    refused(&answer, "cannot cover PL001: no exception lets configuration through");
    refused(&answer, "PL710: allow.PL001 of ConfigMap inferenceservice-config has no effect");
}

#[test]
fn declaring_needs_a_right_where_it_is_asked_for() {
    let story = Story::begin();
    let control_plane = story.stage.control_plane;
    let alex = Rest::open_as(control_plane, ALEX);
    grant(
        &story.stage,
        "writes-gateways",
        "",
        r#"{"apiGroups": ["networking.istio.io"], "resources": ["gateways"], "verbs": ["*"]}"#,
    );
    let guard = story.stage.guard_with(&["--transition-require-rbac"], &[]);
    let cut = || story.cut(open("narrow"));

    // plumbline itself may not ask so far: what is proven to cut stays refused.
    let answer = alex.apply(&cut());
    refused(&answer, "grant plumbline \"create\" on subjectaccessreviews.authorization.k8s.io");
    let rights = render(control_plane, "rbac", &["transition.requireRBAC=true"]);
    control_plane.apply(&rights, &["--server-side", "--force-conflicts"]).expect_success();

    wait::until("plumbline may ask", Duration::from_secs(20), || {
        let answer = alex.apply(&cut());
        let denial = answer.denial.unwrap_or_default();
        if denial.contains("PL706 transition-not-permitted") { Ok(()) } else { Err(denial) }
    });
    let answer = alex.apply(&cut());
    refused(&answer, "\"alex@example.com\" may not declare transitions.plumbline.dev in namespace knative-serving");
    refused(&answer, "{apiGroups: [plumbline.dev], resources: [transitions], verbs: [declare]}");
    // What needs no transition needs no right.
    assert_eq!(alex.apply(&story.whole(open("narrow"))).expect_admitted(), [""; 0]);

    let declare = r#"{"apiGroups": ["plumbline.dev"], "resources": ["transitions"], "resourceNames": ["narrow"], "verbs": ["declare"]}"#;
    grant(&story.stage, "declares-transitions", "knative-serving", declare);
    wait::until("the right to declare", Duration::from_secs(20), || {
        let answer = alex.apply(&cut());
        answer.denial.map_or(Ok(()), Err)
    });
    alex.apply(&story.whole(json!({}))).expect_admitted();
    admitted_by(alex.apply(&cut()), "narrow");
    alex.apply(&story.whole(json!({}))).expect_admitted();
    refused(&alex.apply(&story.cut(open("another-name"))), "PL706");
    // A tool that may do anything may declare.
    admitted_by(story.apply(&cut()), "narrow");

    drop(guard);
    for (kind, name) in [("rolebinding", "declares-transitions"), ("role", "declares-transitions")] {
        control_plane.kubectl(&["delete", kind, name, "--namespace", "knative-serving"]).expect_success();
    }
    grant_rights_of_chart(control_plane);
}

/// Gives Alex a right: in a namespace, or everywhere.
fn grant(stage: &Stage, name: &str, namespace: &str, rule: &str) {
    let prefix = if namespace.is_empty() { "Cluster" } else { "" };
    let metadata = json!({"name": name, "namespace": namespace});
    let rule: Value = serde_json::from_str(rule).unwrap();
    let api = "rbac.authorization.k8s.io/v1";
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": api, "kind": format!("{prefix}Role"), "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": api, "kind": format!("{prefix}RoleBinding"), "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": format!("{prefix}Role"), "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ALEX}],
        },
    ]});
    stage.control_plane.apply(&objects.to_string(), &["--server-side"]).expect_success();
}

#[track_caller]
fn refused(answer: &Answer, says: &str) {
    assert!(answer.denial.as_ref().is_some_and(|denial| denial.contains(says)), "{says}: {answer:#?}");
}

#[track_caller]
fn admitted_by(answer: Answer, transition: &str) {
    let warnings = answer.expect_admitted();
    let first = format!("PL700: transition {transition}, until ");
    assert!(warnings.first().is_some_and(|line| line.contains(&first)), "{warnings:?}");
    assert!(warnings.iter().any(|line| line.contains(": broken at ") && line.contains(" until ")), "{warnings:?}");
}

fn open(name: &str) -> Value {
    json!({TRANSITION: name, UNTIL: in_seconds(1_800)})
}

fn in_seconds(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    Moment(i64::try_from(now).unwrap()).after(Span(seconds)).to_string()
}
