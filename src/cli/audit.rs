//! `plumbline audit`

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::source::{ClusterArgs, inspect_cluster};
use super::{FINDINGS, say};
use crate::report::audit;
use crate::settings::Settings;
use crate::survey::survey;
use crate::webhook;

#[derive(Args, Debug)]
pub(super) struct Audit {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// How to print what was found.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

impl Audit {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let now = webhook::now();
        let surveyed = inspect_cluster(&self.cluster, settings, |snapshot, judge| {
            let survey = survey(snapshot, judge, &settings.transition, now);
            let needs = survey.needs.clone();
            (survey, needs)
        })?;
        match self.output {
            Output::Json => say(&format!("{:#}\n", audit::json(&surveyed))),
            Output::Text => {
                let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                say(&audit::text(&surveyed, colour));
            }
        }
        Ok(if surveyed.fails() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    }
}
