//! Distributions and healthy layouts: what is found in each, and what changes of each are admitted.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]
#![allow(
    clippy::match_bool,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "tables, not interfaces"
)]

#[path = "support/change.rs"]
mod change;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "variants/distributions.rs"]
mod distributions;
#[path = "support/edit.rs"]
mod edit;
#[path = "variants/healthy.rs"]
mod healthy;
#[path = "variants/surprising.rs"]
mod surprising;

use cluster::Cluster;
use plumbline::engine::{JudgeSettings, Judgement, Verdict, inspect, judge};
use plumbline::finding::Severity;
use plumbline::walk::RequestKind;

/// KServe, Knative Serving and Istio as their own manifests install them, with one InferenceService.
fn stock() -> Cluster {
    Cluster::of(include_str!("variants/stock.yaml"))
}

/// The errors and warnings of a cluster as it stands, without repetitions.
fn found(cluster: &Cluster, settings: &JudgeSettings) -> Vec<String> {
    let findings = inspect(&cluster.snapshot(), settings).findings;
    let told = findings.iter().filter(|finding| finding.severity != Severity::Note).map(|finding| {
        let hop = finding.hop.map(plumbline::walk::Hop::label).unwrap_or_default();
        format!("{:?} {} {hop}", finding.severity, finding.reason).trim_end().to_owned()
    });
    let told: std::collections::BTreeSet<_> = told.collect();
    told.into_iter().collect()
}

/// Judges the write that makes a cluster another.
fn judged(before: &Cluster, after: &Cluster, settings: &JudgeSettings) -> Judgement {
    judge(&before.snapshot(), &change::change(before, after).expect("a change"), settings)
}

/// Asserts that a write is admitted and cuts nothing; losing a short name that only its own callers use is a warning.
fn assert_admitted(what: &str, before: &Cluster, after: &Cluster, settings: &JudgeSettings) {
    let judgement = judged(before, after, settings);
    let why: Vec<_> = judgement.findings.iter().map(|finding| &finding.message).collect();
    assert_eq!(judgement.verdict, Verdict::Allow, "{what}: {why:?}");
    let cut = judgement.turned.iter().filter(|turned| !turned.reached && turned.kind != RequestKind::Direct);
    assert_eq!(cut.count(), 0, "{what}: {:?}", judgement.turned);
}

/// Asserts that a write is refused, for a reason and at a hop.
fn assert_refused(what: &str, before: &Cluster, after: &Cluster, settings: &JudgeSettings, expected: &str) {
    let judgement = judged(before, after, settings);
    let reasons: Vec<_> = judgement
        .findings
        .iter()
        .map(|finding| match finding.hop {
            Some(hop) => format!("{} at {}", finding.reason, hop.label().split(' ').next().unwrap_or_default()),
            None => finding.reason.to_owned(),
        })
        .collect();
    assert_eq!(judgement.verdict, Verdict::Deny, "{what}");
    assert!(reasons.iter().any(|reason| reason == expected), "{what}: expected {expected}, got {reasons:?}");
}
