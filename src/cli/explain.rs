//! `plumbline explain`

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::say;
use crate::finding::Code;
use crate::report;
use crate::rules::{RULES, rule};

#[derive(Args, Debug)]
pub(super) struct Explain {
    /// A code, such as PL110; without one all codes are listed.
    code: Option<Code>,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.code {
            Some(code) => {
                let rule =
                    rule(code).with_context(|| format!("there is no {code}; `plumbline explain` lists the codes"))?;
                say(&report::explain::render(rule));
            }
            None => {
                for rule in RULES {
                    say(&format!("{}  {:<36}  {}\n", rule.code, rule.name, rule.summary));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
