//! `plumbline check`

mod live;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::source::snapshot;
use super::{FINDINGS, complain, say};
use crate::engine::{Warning, inspect};
use crate::finding::{Finding, Severity};
use crate::manifests::Manifests;
use crate::object::Site;
use crate::report::{json, snippet};
use crate::settings::Settings;

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Files or folders of manifests; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Judge the manifests as changes of the live cluster, not as a whole cluster: all at once, and one by one in the order
    /// given, as the webhook would.
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
        if self.live {
            return self.rehearse(&manifests, settings);
        }
        let findings = inspect(&snapshot(&manifests)?, &settings.judge).findings;
        match self.output {
            Output::Json => say(&format!("{:#}\n", json::report(&findings, &[]))),
            Output::Text => print(&manifests, read, &findings, &[]),
        }
        let fails = findings.iter().any(|finding| finding.severity == Severity::Error);
        Ok(if fails { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    }
}

fn print(manifests: &Manifests, read: usize, findings: &[Finding], warnings: &[Warning]) {
    print_findings(manifests, findings);
    print_warnings(warnings);
    print_sum(read, findings, warnings.len());
}

fn print_findings(manifests: &Manifests, findings: &[Finding]) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for finding in findings {
        let primary = excerpt(manifests, &finding.site, "");
        let related: Vec<_> =
            finding.related.iter().filter_map(|(site, says)| excerpt(manifests, site, says)).collect();
        say(&snippet::render(finding, primary.as_ref(), &related, colour));
        say("\n");
    }
}

fn print_warnings(warnings: &[Warning]) {
    for warning in warnings {
        say(&format!("warning[{}]: {}\n", warning.code, warning.text));
    }
}

fn print_sum(read: usize, findings: &[Finding], warnings: usize) {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let others = findings.len() - errors + warnings;
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
