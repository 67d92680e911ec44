//! `plumbline check`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::source::{ClusterArgs, inspect_cluster, objects, snapshot};
use super::{FINDINGS, complain, say};
use crate::engine::{Actor, Change, Warning, inspect, judge_set};
use crate::finding::{Finding, Severity};
use crate::manifests::Manifests;
use crate::model::Object;
use crate::object::{ObjectKey, Site};
use crate::report::{json, snippet};
use crate::settings::Settings;
use crate::view::Snapshot;

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Files or folders of manifests; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Judge the manifests as changes laid over the live cluster, not as a whole cluster.
    #[arg(long)]
    live: bool,
    /// A kubeconfig file, with --live.
    #[arg(long, value_name = "FILE", requires = "live")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, with --live.
    #[arg(long, value_name = "NAME", requires = "live")]
    context: Option<String>,
    /// How to print what was found.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// As a compiler prints it.
    Text,
    /// One JSON document.
    Json,
}

impl Check {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let manifests = Manifests::load(&self.paths)?;
        for note in &manifests.notes {
            complain(&format!("note: {note}"));
        }
        let read = manifests.objects().count();
        anyhow::ensure!(
            read > 0,
            "no object in {} is of a kind that plumbline reads ({} of other kinds)",
            self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
            manifests.skipped
        );
        let (findings, warnings) = if self.live {
            self.judge_live(&manifests, settings)?
        } else {
            (inspect(&snapshot(&manifests)?, &settings.judge).findings, Vec::new())
        };
        match self.output {
            Output::Json => say(&format!("{:#}\n", json::report(&findings, &warnings))),
            Output::Text => print(&manifests, read, &findings, &warnings),
        }
        let fails = findings.iter().any(|finding| finding.severity == Severity::Error);
        Ok(if fails { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    }

    /// Lays the manifests over the live cluster, all at once.
    fn judge_live(&self, manifests: &Manifests, settings: &Settings) -> anyhow::Result<(Vec<Finding>, Vec<Warning>)> {
        let cluster =
            ClusterArgs { manifests: None, kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        let objects = objects(manifests).collect::<anyhow::Result<Vec<_>>>()?;
        inspect_cluster(&cluster, settings, |snapshot, settings| {
            let judgement = judge_set(snapshot, &changes(snapshot, &objects), settings);
            // What is there already has to be known, and known afresh.
            let own = objects.iter().map(|(key, _)| crate::view::Need::Object(key.clone()));
            let needs = judgement.needs.iter().cloned().chain(own).collect();
            ((judgement.findings, judgement.warnings), needs)
        })
    }
}

/// What applying the objects would change.
fn changes(snapshot: &Snapshot, objects: &[(ObjectKey, Object)]) -> Vec<Change> {
    let change = |(key, object): &(ObjectKey, Object)| {
        let before = snapshot.object(key).present();
        let created = before.as_ref().and_then(|before| before.meta().created);
        Change { key: key.clone(), before, after: Some(object.clone().created(created)), actor: Actor::Anybody }
    };
    objects.iter().map(change).collect()
}

fn print(manifests: &Manifests, read: usize, findings: &[Finding], warnings: &[Warning]) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for finding in findings {
        let primary = excerpt(manifests, &finding.site, "");
        let related: Vec<_> =
            finding.related.iter().filter_map(|(site, says)| excerpt(manifests, site, says)).collect();
        say(&snippet::render(finding, primary.as_ref(), &related, colour));
        say("\n");
    }
    for warning in warnings {
        say(&format!("warning[{}]: {}\n", warning.code, warning.text));
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let others = findings.len() - errors + warnings.len();
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let (objects, errors, others) = (count(read, "object"), count(errors, "error"), count(others, "warning"));
    say(&format!("{objects} read: {errors}, {others}\n"));
    if let Some(finding) = findings.first() {
        say(&format!("`plumbline explain {}` says more.\n", finding.code));
    }
}

/// Where a site stands in a file.
fn excerpt(manifests: &Manifests, site: &Site, label: &str) -> Option<snippet::Excerpt> {
    let manifest = manifests.object(&site.object)?;
    let place = manifest.locate(&site.path);
    Some(snippet::Excerpt {
        file: manifest.file.to_string(),
        text: manifest.text.to_string(),
        span: place.span.start..place.span.end,
        label: label.to_owned(),
    })
}
