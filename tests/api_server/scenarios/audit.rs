//! The audit beside a real API server: what is broken however it came about is told in time, once, and by one replica.

mod auditor;
mod browser;
mod drift;
mod report;
mod takeover;

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use plumbline::exception::{Moment, Span};
use serde_json::{Value, json};

use super::stage::{Stage, grant_rights_of_chart, render};
use super::stock::{self, kserve_config, named};
use crate::control_plane::{ControlPlane, Scope, User};
use crate::{wait, yaml};
use auditor::{Auditor, Told};

/// What two writers at once have done is told within this time of the second write.
const IN_TIME: Duration = Duration::from_secs(5);
/// Several times as long as a walk waits for quiet: what was not told by then is not told.
const A_WHILE: Duration = Duration::from_secs(4);

/// A stock installation in use, and nobody but the audit who looks at it.
struct Story {
    stage: Stage,
    shipped: Vec<Value>,
}

impl Story {
    fn begin() -> Self {
        let stage = Stage::enter();
        auditor::forget(stage.control_plane);
        grant_rights_of_chart(stage.control_plane);
        let shipped = stock::install(&stage);
        Self { stage, shipped }
    }

    fn whole(&self) -> Value {
        named(&self.shipped, "Gateway", "knative-local-gateway").clone()
    }

    /// The gateway without the hosts that requests have.
    fn cut(&self) -> Value {
        narrowed(self.whole())
    }

    fn write(&self, object: &Value) {
        let warnings = self.stage.rest.apply(object).expect_admitted();
        assert_eq!(warnings, [""; 0], "nobody is registered");
    }

    fn told(&self) -> Vec<Told> {
        auditor::told(self.stage.control_plane)
    }

    #[track_caller]
    fn wait_for(&self, reason: &str, object: &str, limit: Duration) -> Told {
        wait::until(reason, limit, || {
            let told = self.told();
            let found = told.iter().find(|event| event.reason == reason && event.object == object).cloned();
            found.ok_or_else(|| format!("{told:#?}"))
        })
    }
}

fn narrowed(mut gateway: Value) -> Value {
    gateway["spec"]["servers"][0]["hosts"] = json!(["*.elsewhere.svc.cluster.local"]);
    gateway
}

#[test]
fn what_two_writers_break_together_is_told_within_five_seconds() {
    let story = Story::begin();
    let mut spare = story.whole();
    spare["metadata"]["name"] = "spare-gateway".into();
    story.write(&spare);
    let auditor = Auditor::start(&story.stage, &[]);
    auditor.wait_until_elected();

    // One moves KServe to a gateway that is as good; the other narrows a gateway that nobody uses.
    let moved = kserve_config(&story.shipped, &[("localGateway", "knative-serving/spare-gateway")]);
    let narrow = narrowed(spare);
    let webhooks = render(story.stage.control_plane, "validatingwebhookconfiguration", &[]);
    let registered =
        story.stage.control_plane.register_webhook(&webhooks, &auditor.server.endpoint(), Scope::AsWritten);
    for object in [&moved, &narrow] {
        let args = ["--server-side", "--force-conflicts", "--dry-run=server"];
        story.stage.control_plane.apply_as(User::Gitops, &object.to_string(), &args).expect_success();
    }
    sleep(A_WHILE);
    assert_eq!(story.told(), [], "a dry run leaves nothing");

    // As when both are judged before either is stored: which of two writers at once is first cannot be told beforehand.
    drop(registered);
    story.write(&moved);
    story.write(&narrow);
    let written = Instant::now();
    let told = story.wait_for("HostsNotCovered", "Gateway knative-serving/spare-gateway", IN_TIME);
    let took = written.elapsed();
    assert!(took < IN_TIME, "{took:?}");
    assert_eq!(told.kind, "Warning");
    assert!(told.note.starts_with("PL110: ") && told.note.contains("iris in models"), "{told:#?}");
    assert!(told.note.contains("To fix: add "), "{told:#?}");
    // That is what `kubectl describe` looks for.
    assert!(told.has_uid, "{told:#?}");
    auditor.wait_for_metric(r#"plumbline_audit_findings{code="PL110",severity="error",standing="plain"} 1"#);
}

#[test]
fn a_finding_has_one_event_while_it_lasts_and_one_when_it_is_gone() {
    let story = Story::begin();
    let auditor = Auditor::start(&story.stage, &[]);
    auditor.wait_until_elected();
    let gateway = "Gateway knative-serving/knative-local-gateway";

    story.write(&story.cut());
    let first = story.wait_for("HostsNotCovered", gateway, IN_TIME);
    // Walked again and again, it is the same finding.
    for team in ["a", "b", "c"] {
        let mut labelled = story.cut();
        labelled["metadata"]["annotations"] = json!({"plumbline.dev/allow.PL107": team});
        story.write(&labelled);
        sleep(Duration::from_secs(2));
    }
    let events: Vec<_> = story.told().into_iter().filter(|event| event.reason == "HostsNotCovered").collect();
    assert_eq!(events, [first]);
    assert_eq!(events[0].count, 1);
    auditor.wait_for_metric("plumbline_audit_suppressions 1");

    story.write(&story.whole());
    let resolved = story.wait_for("Resolved", gateway, IN_TIME);
    assert_eq!((resolved.kind.as_str(), resolved.count), ("Normal", 1));
    auditor.wait_for_metric(r#"plumbline_audit_findings{code="PL110",severity="error",standing="plain"} 0"#);

    // Broken again, the old Event is told to have happened again.
    story.write(&story.cut());
    wait::until("a second time", IN_TIME, || {
        let again = story.wait_for("HostsNotCovered", gateway, IN_TIME);
        if again.count == 2 { Ok(()) } else { Err(format!("{again:#?}")) }
    });
}

#[test]
fn a_transition_is_told_of_while_it_is_open_and_is_an_error_once_overdue() {
    let story = Story::begin();
    let auditor = Auditor::start(&story.stage, &[]);
    auditor.wait_until_elected();
    let gateway = "Gateway knative-serving/knative-local-gateway";

    let mut cut = story.cut();
    let until = in_seconds(10);
    let declared = json!({"plumbline.dev/transition": "narrow", "plumbline.dev/transition-until": until});
    cut["metadata"]["annotations"] = declared;
    story.write(&cut);
    let open = story.wait_for("TransitionOpen", gateway, IN_TIME);
    assert_eq!(open.kind, "Normal");
    assert!(open.note.contains("transition narrow") && open.note.contains("excepts PL110"), "{open:#?}");
    auditor.wait_for_metric(r#"plumbline_audit_transitions{state="open"} 1"#);
    auditor.wait_for_metric(r#"plumbline_audit_findings{code="PL110",severity="error",standing="excepted"} 1"#);
    assert!(!story.told().iter().any(|event| event.reason == "HostsNotCovered"), "{:#?}", story.told());

    let overdue = story.wait_for("TransitionOver", gateway, Duration::from_secs(10) + IN_TIME);
    assert_eq!(overdue.kind, "Warning");
    assert!(overdue.note.contains("requests still fail by PL110"), "{overdue:#?}");
    story.wait_for("HostsNotCovered", gateway, IN_TIME);
    auditor.wait_for_metric(r#"plumbline_audit_transitions{state="overdue"} 1"#);
    auditor.wait_for_metric(r#"plumbline_audit_transitions{state="open"} 0"#);
    auditor.wait_for_metric(r#"plumbline_audit_findings{code="PL110",severity="error",standing="plain"} 1"#);
}

#[test]
fn a_right_that_is_missing_is_named_and_the_rest_goes_on() {
    let story = Story::begin();
    let control_plane = story.stage.control_plane;
    let rights = yaml::objects(&render(control_plane, "rbac", &[]));
    for (resource, says) in [
        ("events", "an Event cannot be written: forbidden: events.events.k8s.io is forbidden"),
        ("virtualservices", "where net-istio has put services is not known: forbidden"),
        ("leases", "the Lease plumbline/plumbline-audit cannot be kept: forbidden"),
    ] {
        let lessened: Vec<Value> = rights.iter().map(|object| without_rule(object, resource)).collect();
        grant(control_plane, &lessened);
        let auditor = Auditor::start(&story.stage, &[]);
        story.write(&story.cut());
        wait::until(resource, Duration::from_secs(30), || {
            let log = auditor.server.log();
            if log.contains(says) { Ok(()) } else { Err(log) }
        });
        if resource != "leases" {
            auditor.wait_for_metric(r#"plumbline_audit_findings{code="PL110",severity="error",standing="plain"} 1"#);
        }
        assert!(auditor.get("/audit").contains("PL110"), "the page needs none of them");
        auditor::forget(control_plane);
    }
    grant(control_plane, &rights);
}

fn grant(control_plane: &ControlPlane, rights: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": rights});
    control_plane.apply(&list.to_string(), &["--server-side", "--force-conflicts"]).expect_success();
}

fn without_rule(role: &Value, resource: &str) -> Value {
    let mut role = role.clone();
    if let Some(rules) = role.get_mut("rules").and_then(Value::as_array_mut) {
        rules.retain(|rule| !rule["resources"].as_array().unwrap().contains(&resource.into()));
    }
    role
}

#[test]
fn people_are_told_by_a_command_and_a_page() {
    let story = Story::begin();
    let auditor = Auditor::start(&story.stage, &[]);
    let audit = |args: &[&str]| super::outage::plumbline(story.stage.control_plane, &[&["audit"], args].concat());

    let sound = audit(&[]);
    assert_eq!(sound.status.code(), Some(0), "{sound:#?}");
    assert!(sound.stdout.contains("1 InferenceService: 0 errors"), "{sound:#?}");
    story.write(&story.cut());
    let broken = audit(&["--output", "json"]);
    assert_eq!(broken.status.code(), Some(1), "{broken:#?}");
    let report: Value = serde_json::from_str(&broken.stdout).unwrap();
    assert_eq!(
        (&report["findings"][0]["code"], &report["findings"][0]["standing"]),
        (&json!("PL110"), &json!("plain"))
    );

    wait::until("the page", Duration::from_secs(20), || {
        let page = auditor.get("/audit");
        if page.contains("<li class=\"broken\"><b>L4 route</b> PL110 ") { Ok(()) } else { Err(page) }
    });
    let page = auditor.get("/audit");
    assert!(page.contains("content-security-policy: default-src 'none'; style-src 'self'"), "{page}");
    assert!(page.contains("<h3 class=\"namespaces\">models (1)"), "{page}");
    assert!(!page.contains("<script") && !page.contains("style="), "{page}");
    let style = auditor.get("/audit.css");
    assert!(style.starts_with("HTTP/1.1 200") && style.contains("content-type: text/css"), "{style}");
}

fn in_seconds(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    Moment(i64::try_from(now).unwrap()).after(Span(seconds)).to_string()
}
