//! `plumbline audit`

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::source::{ClusterArgs, inspect_cluster};
use super::{FINDINGS, say};
use crate::audit;
use crate::cluster::Connection;
use crate::report::audit as report;
use crate::settings::Settings;
use crate::survey::{Placement, survey};
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
        let placements = self.placements()?;
        let surveyed = inspect_cluster(&self.cluster, settings, |snapshot, judge| {
            let survey = survey(
                snapshot,
                judge,
                &settings.transition,
                now,
                placements.as_ref().map(|placements| placements.as_slice()),
            );
            let needs = survey.needs.clone();
            (survey, needs)
        })?;
        match self.output {
            Output::Json => say(&format!("{:#}\n", report::json(&surveyed))),
            Output::Text => {
                let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                say(&report::text(&surveyed, colour));
            }
        }
        Ok(if surveyed.fails() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    }

    /// Where a live cluster's services are; a directory holds nothing that net-istio has made.
    fn placements(&self) -> anyhow::Result<Option<Arc<Vec<Placement>>>> {
        if self.cluster.manifests.is_some() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let connection = Connection::open(&self.cluster.options()).await?;
            Ok(audit::placements(connection.client).await)
        })
    }
}
