//! `plumbline config`

use std::process::ExitCode;

use clap::Args;

use super::say;
use crate::settings::{ServeOptions, Settings};

#[derive(Args, Debug)]
pub(super) struct Config {
    #[command(flatten)]
    pub(super) options: ServeOptions,
}

impl Config {
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        say(&settings.to_toml());
        Ok(ExitCode::SUCCESS)
    }
}
