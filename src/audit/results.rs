//! One report in the form that policy dashboards read: of the `OpenReports` group where it is installed, else of the policy
//! working group's.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::api::{Api, ApiError};
use super::events::reference;
use crate::finding::{Remedy, Severity};
use crate::object::ObjectKey;
use crate::report::audit;
use crate::rules;
use crate::survey::{Entry, InForce, Standing, Survey};
use crate::telemetry::Throttle;

/// How many results are reported, lest the report outgrow what the API server stores.
const MOST: usize = 500;
/// How often it is looked whether a report's kind is installed.
const RECHECK: Duration = Duration::from_mins(5);

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReportKind {
    pub(super) group: &'static str,
    version: &'static str,
    kind: &'static str,
    pub(super) plural: &'static str,
}

/// `OpenReports`.
pub(super) const OPEN_REPORTS: ReportKind =
    ReportKind { group: "openreports.io", version: "v1alpha1", kind: "ClusterReport", plural: "clusterreports" };
/// The policy working group's.
pub(super) const POLICY_REPORTS: ReportKind = ReportKind {
    group: "wgpolicyk8s.io",
    version: "v1alpha2",
    kind: "ClusterPolicyReport",
    plural: "clusterpolicyreports",
};

pub(super) struct Results {
    api: Api,
    name: String,
    kind: Option<ReportKind>,
    looked: Option<Instant>,
    written: Option<Value>,
    throttle: Throttle,
}

impl Results {
    /// Writes a report of this name.
    pub(super) fn new(api: Api, name: String) -> Self {
        Self { api, name, kind: None, looked: None, written: None, throttle: Throttle::default() }
    }

    /// Forgets what was written: another replica goes on.
    pub(super) fn forget(&mut self) {
        self.written = None;
    }

    /// Writes the report, where it says something new and its kind is installed.
    pub(super) async fn write(&mut self, survey: &Survey) {
        self.look().await;
        let Some(kind) = self.kind else { return };
        let report = report(survey, kind, &self.name);
        if self.written.as_ref() == Some(&report) {
            return;
        }
        let path = format!("/apis/{}/{}/{}/{}", kind.group, kind.version, kind.plural, self.name);
        match self.api.apply(&path, &report).await {
            Ok(_) => self.written = Some(report),
            Err(ApiError::NotFound) => self.looked = None,
            Err(error) => {
                if let Some(withheld) = self.throttle.pass("report") {
                    tracing::warn!(withheld, "the {} cannot be written: {error}", kind.kind);
                }
            }
        }
    }

    /// Finds out which kind of report is installed.
    async fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < RECHECK) {
            return;
        }
        let is_first = self.looked.is_none();
        let mut found = None;
        for kind in [OPEN_REPORTS, POLICY_REPORTS] {
            match self.api.get(&format!("/apis/{}/{}", kind.group, kind.version)).await {
                Ok(resources) if serves(&resources, kind) => {
                    found = Some(kind);
                    break;
                }
                Ok(_) | Err(ApiError::NotFound) => {}
                // Nothing is known; the next walk looks again.
                Err(_) => return,
            }
        }
        self.looked = Some(Instant::now());
        if found.is_none() && is_first {
            tracing::info!(
                "no report is written: neither ClusterReport.openreports.io nor ClusterPolicyReport.wgpolicyk8s.io is installed"
            );
        }
        if found != self.kind {
            self.written = None;
        }
        self.kind = found;
    }
}

fn serves(resources: &Value, kind: ReportKind) -> bool {
    resources["resources"].as_array().into_iter().flatten().any(|resource| resource["name"] == kind.plural)
}

/// The report. It holds no time, so that it changes only when something is found or gone.
fn report(survey: &Survey, kind: ReportKind, name: &str) -> Value {
    let entries = survey.entries.iter().map(entry);
    let idle = survey.suppressions.iter().filter(|suppression| suppression.findings == 0).map(suppression);
    let results: Vec<Value> = entries.chain(idle).collect();
    let mut summary: Map<String, Value> =
        ["pass", "fail", "warn", "error", "skip"].iter().map(|name| ((*name).to_owned(), 0.into())).collect();
    for result in &results {
        if let Some(name) = result["result"].as_str() {
            let count = summary.get(name).and_then(Value::as_u64).unwrap_or_default();
            summary.insert(name.to_owned(), (count + 1).into());
        }
    }
    json!({
        "apiVersion": format!("{}/{}", kind.group, kind.version),
        "kind": kind.kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "plumbline"}},
        "summary": summary,
        "results": results.into_iter().take(MOST).collect::<Vec<_>>(),
    })
}

fn entry(Entry { finding, standing }: &Entry) -> Value {
    let result = match (standing, finding.severity) {
        (Standing::Suppressed(_), _) | (_, Severity::Note) => "skip",
        (Standing::Plain, Severity::Error) => "fail",
        (Standing::Excepted(_), _) | (Standing::Plain, Severity::Warning) => "warn",
    };
    let severity = match finding.severity {
        Severity::Error => "high",
        Severity::Warning => "medium",
        Severity::Note => "info",
    };
    let mut value = result_of(finding.code, &finding.site.object, result, &finding.message);
    value["severity"] = severity.into();
    let mut properties = json!({"field": finding.site.path.to_string(), "standing": standing.name()});
    let mut tell = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            properties[name] = text.into();
        }
    };
    tell("hop", finding.hop.map(|hop| hop.label().to_owned()));
    tell("affected", audit::affected(finding));
    tell("remedy", finding.remedies.first().map(Remedy::text));
    tell(
        "transition",
        match standing {
            Standing::Excepted(transition) => Some(transition.name.to_string()),
            Standing::Plain | Standing::Suppressed(_) => None,
        },
    );
    tell(
        "because",
        match standing {
            Standing::Suppressed(reason) => Some(audit::reason(reason)),
            Standing::Plain | Standing::Excepted(_) => None,
        },
    );
    value["properties"] = properties;
    value
}

/// A suppression that takes out nothing at present is in force all the same.
fn suppression(suppression: &InForce) -> Value {
    let mut value = result_of(suppression.code, &suppression.object, "skip", &audit::suppression(suppression));
    value["severity"] = "info".into();
    value["properties"] = json!({"standing": "suppressed", "because": audit::reason(&suppression.reason)});
    value
}

fn result_of(code: crate::finding::Code, object: &ObjectKey, result: &str, message: &str) -> Value {
    let rule = rules::rule(code);
    json!({
        "source": "plumbline",
        "policy": code.to_string(),
        "rule": rule.map(|rule| rule.name),
        "category": rule.map(|rule| rule.family().summary()),
        "result": result,
        "scored": true,
        "message": crate::quote::printable(message),
        "resources": [reference(object, object.kind.versions()[0])],
    })
}
