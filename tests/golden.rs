//! What upstream's own code answers, as tables: each row has a name, and is run through plumbline's functions or walks.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]
#![allow(
    clippy::match_bool,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "tables, not interfaces"
)]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "golden/config_istio.rs"]
mod config_istio;
#[path = "support/edit.rs"]
mod edit;
#[path = "golden/hosts.rs"]
mod hosts;
#[path = "golden/ingress_json.rs"]
mod ingress_json;
#[path = "golden/listeners.rs"]
mod listeners;
#[path = "golden/operator.rs"]
mod operator;
#[path = "support/outcome.rs"]
mod outcome;
#[path = "golden/probe.rs"]
mod probe;
#[path = "golden/simulation.rs"]
mod simulation;

use cluster::Cluster;
use plumbline::engine::JudgeSettings;
use plumbline::model::version::Release;

/// The cluster of the simulations.
fn pilot() -> Cluster {
    Cluster::of(include_str!("golden/pilot.yaml"))
}

/// Settings with the releases of Knative and KServe known.
fn settings(knative: Release) -> JudgeSettings {
    let mut settings = JudgeSettings::default();
    settings.facts.versions.knative = Some(knative);
    settings.facts.versions.kserve = Some(Release::new(0, 20));
    settings
}

/// Compares every row and tells of all that differ.
fn compare(rows: impl IntoIterator<Item = (String, String, String)>) {
    let rows: Vec<_> = rows.into_iter().collect();
    assert!(!rows.is_empty(), "a table without rows");
    let wrong: Vec<_> = rows
        .iter()
        .filter(|(_, expected, got)| expected != got)
        .map(|(row, expected, got)| format!("{row}\n    expected {expected}\n    got      {got}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
