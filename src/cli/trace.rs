//! `plumbline trace`

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::source::{ClusterArgs, inspect_cluster};
use super::{FINDINGS, say};
use crate::engine::{JudgeSettings, Traced, walks_of};
use crate::report::trace;
use crate::settings::Settings;
use crate::view::{Need, Snapshot, View};
use crate::walk::Subject;

/// The name that is walked where a namespace has no InferenceService.
const STAND_IN: &str = "model";

#[derive(Args, Debug)]
pub(super) struct Trace {
    /// A namespace, or one InferenceService of it; a name that does not exist is walked as if it did.
    #[arg(value_name = "NAMESPACE[/NAME]")]
    subject: String,
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl Trace {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let (namespace, name) = match self.subject.split_once('/') {
            Some((namespace, name)) => (namespace, Some(name)),
            None => (self.subject.as_str(), None),
        };
        anyhow::ensure!(
            !namespace.is_empty() && name != Some(""),
            "{:?} names nothing: write NAMESPACE or NAMESPACE/NAME",
            self.subject
        );
        let walked =
            inspect_cluster(&self.cluster, settings, |snapshot, settings| walk(snapshot, settings, namespace, name))?;
        for (subject, traced) in &walked {
            say(&trace::render(subject, traced));
        }
        let broken = walked.iter().flat_map(|(_, traced)| traced).any(|traced| traced.walk.end.broken().is_some());
        Ok(if broken { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    }
}

type Walked = Vec<(Subject, Vec<Traced>)>;

fn walk(
    snapshot: &Snapshot,
    settings: &JudgeSettings,
    namespace: &str,
    name: Option<&str>,
) -> (Walked, std::collections::BTreeSet<Need>) {
    let view = View::of(snapshot);
    let mut names: Vec<Arc<str>> = if let Some(name) = name {
        vec![name.into()]
    } else {
        let shapes = snapshot.population().shapes();
        shapes.filter_map(|(_, namespaces)| namespaces.get(namespace)).flat_map(|names| names.keys().cloned()).collect()
    };
    if names.is_empty() {
        names.push(STAND_IN.into());
    }
    names.sort();
    let walked = names.iter().map(|name| walks_of(&view, settings, namespace, name)).collect();
    (walked, view.needs())
}
