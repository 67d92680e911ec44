use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::auditor::Auditor;
use super::{A_WHILE, IN_TIME, Story};
use crate::control_plane::ControlPlane;
use crate::wait;

const POLICY_REPORT: &str = "clusterpolicyreports.wgpolicyk8s.io";
const OPEN_REPORT: &str = "clusterreports.openreports.io";

/// The CRD of a kind of report, installed until this is dropped.
struct Installed<'a>(&'a ControlPlane, &'static str);

impl<'a> Installed<'a> {
    fn new(control_plane: &'a ControlPlane, crd: &'static str, file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        control_plane.apply(&text, &["--server-side"]).expect_success();
        let name = format!("crd/{crd}");
        control_plane.kubectl(&["wait", &name, "--for=condition=Established", "--timeout=60s"]).expect_success();
        wait::until(crd, Duration::from_secs(20), || {
            let listed = control_plane.kubectl(&["get", crd]);
            if listed.status.success() { Ok(()) } else { Err(listed.stderr) }
        });
        Self(control_plane, crd)
    }

    fn policy_reports(control_plane: &'a ControlPlane) -> Self {
        let file = "config/crds/policyreport/wgpolicyk8s.io_clusterpolicyreports.yaml";
        Self::new(control_plane, POLICY_REPORT, &control_plane.upstream().kyverno.join(file))
    }

    fn open_reports(control_plane: &'a ControlPlane) -> Self {
        let file = "config/crd/openreports.io_clusterreports.yaml";
        Self::new(control_plane, OPEN_REPORT, &control_plane.upstream().open_reports.join(file))
    }

    /// The audit's report, once it is as expected.
    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let Self(control_plane, crd) = self;
        wait::until(what, IN_TIME, || {
            let read =
                control_plane.kubectl(&["get", crd, "plumbline-audit", "--output=json", "--show-managed-fields"]);
            let report: Value = serde_json::from_str(&read.stdout).map_err(|_| read.stderr)?;
            if is_so(&report) { Ok(report) } else { Err(report.to_string()) }
        })
    }
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        let Self(control_plane, crd) = self;
        let _ = control_plane.kubectl(&["delete", "crd", crd]);
    }
}

#[test]
fn the_report_is_written_once_for_each_change() {
    let story = Story::begin();
    let reports = Installed::policy_reports(story.stage.control_plane);
    let auditor = Auditor::start(&story.stage, &[]);
    auditor.wait_until_elected();

    let sound = reports.wait_until("a report of nothing", |report| report["summary"]["fail"] == 0);
    assert_eq!(sound["results"], json!([]), "{sound}");
    story.write(&story.cut());
    let failing = reports.wait_until("a report of the cut", |report| report["summary"]["fail"] == 1);
    let result = &failing["results"][0];
    assert_eq!(
        (&result["policy"], &result["rule"], &result["result"], &result["severity"]),
        (&json!("PL110"), &json!("hosts-not-covered"), &json!("fail"), &json!("high"))
    );
    assert_eq!(result["resources"][0]["name"], "knative-local-gateway", "{result}");
    assert_eq!(result["properties"]["hop"], "L4 route", "{result}");
    assert!(result["properties"]["remedy"].as_str().unwrap().starts_with("add "), "{result}");

    // Walked twice more, it says the same and is not written.
    for port in [15_999, 15_998] {
        let walks = auditor.walks();
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "unrelated", "namespace": "other"},
            "spec": {"ports": [{"port": 80}], "selector": {"app": "unrelated"}},
        });
        service["spec"]["ports"][0]["port"] = port.into();
        story.write(&service);
        wait::until("another walk", IN_TIME, || if auditor.walks() > walks { Ok(()) } else { Err(String::new()) });
    }
    sleep(A_WHILE);
    let same = reports.wait_until("the same report", |report| report["summary"]["fail"] == 1);
    assert_eq!(same["metadata"]["resourceVersion"], failing["metadata"]["resourceVersion"]);
    let managers = same["metadata"]["managedFields"].as_array().unwrap();
    assert!(managers.iter().all(|field| field["manager"] == "plumbline-audit"), "{managers:?}");

    let mut suppressed = story.cut();
    suppressed["metadata"]["annotations"] = json!({"plumbline.dev/allow.PL110": "nobody calls them so"});
    story.write(&suppressed);
    let report = reports.wait_until("a suppression", |report| report["summary"]["skip"] == 1);
    let results = report["results"].as_array().unwrap();
    let suppressed = results.iter().find(|result| result["policy"] == "PL110").unwrap();
    assert_eq!(suppressed["properties"]["because"], "\"nobody calls them so\"", "{report}");
}

#[test]
fn the_newer_kind_of_report_is_taken_where_both_are_installed() {
    let story = Story::begin();
    let (old, new) =
        (Installed::policy_reports(story.stage.control_plane), Installed::open_reports(story.stage.control_plane));
    let auditor = Auditor::start(&story.stage, &[]);
    auditor.wait_until_elected();
    story.write(&story.cut());
    let report = new.wait_until("a report", |report| report["summary"]["fail"] == 1);
    assert_eq!(report["results"][0]["policy"], "PL110", "{report}");
    let Installed(control_plane, crd) = &old;
    let none = control_plane.kubectl(&["get", crd, "plumbline-audit"]).expect_failure();
    assert!(none.contains("NotFound"), "{none}");
}

#[test]
fn where_no_kind_of_report_is_installed_that_is_said_once() {
    let story = Story::begin();
    let auditor = Auditor::start(&story.stage, &["--audit-interval=1s"]);
    wait::until("some walks", Duration::from_secs(30), || {
        if auditor.walks() > 3 { Ok(()) } else { Err(auditor.server.log()) }
    });
    let log = auditor.server.log();
    assert_eq!(log.matches("no report is written").count(), 1, "{log}");
    assert!(!log.contains("cannot be written"), "{log}");
}
