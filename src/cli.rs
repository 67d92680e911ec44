//! The command line: arguments are parsed here, one command a file below.

mod audit;
mod check;
mod config;
mod doctor;
mod explain;
mod plan;
mod serve;
mod source;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::settings::{JudgeOptions, ServeOptions, Settings};

/// The exit code of a command that found something.
const FINDINGS: u8 = 1;
/// The exit code of a command that could not do its work.
const UNUSABLE: u8 = 2;

/// Refuses the write that would cut a working inference request.
///
/// plumbline walks requests hop by hop through the configuration of KServe, Knative Serving and Istio, and says where one
/// ends, which field of which object says so, and what to do.
#[derive(Parser, Debug)]
#[command(name = "plumbline", version, max_term_width = 120)]
pub struct Cli {
    /// A settings file (TOML; its keys are the names of flags).
    #[arg(long, env = "PLUMBLINE_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// What to log, as in "info,plumbline=debug".
    #[arg(long, env = "PLUMBLINE_LOG", value_name = "FILTER", default_value = "info,kube=warn", global = true)]
    log: String,
    /// How to log: text or json.
    #[arg(long, env = "PLUMBLINE_LOG_FORMAT", value_name = "FORMAT", default_value = "text", global = true)]
    log_format: String,
    #[command(flatten)]
    judge: JudgeOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve the admission webhook.
    Serve(serve::Serve),
    /// Judge manifests: as a whole cluster, or (--live) as changes to the live one.
    ///
    /// Exit code 0: nothing breaks. 1: something does. 2: the arguments or the input could not be used.
    Check(check::Check),
    /// Walk the requests of an InferenceService hop by hop, with the field that decided each.
    Trace(trace::Trace),
    /// Find the order of single writes in which a change of several objects cuts no request.
    ///
    /// Exit code 0: a safe order. 1: none was found. 2: the arguments or the input could not be used.
    Plan(plan::Plan),
    /// Look at a cluster as it stands: what is broken, which transitions are open or overdue, which suppressions are in force.
    ///
    /// Exit code 0: no request is cut that nothing excepts. 1: one is. 2: the arguments or the cluster could not be used.
    Audit(audit::Audit),
    /// Explain a code: what breaks, why, and how to mend it.
    Explain(explain::Explain),
    /// Look at a live installation from outside, and send a dry run that must be refused. Nothing is written.
    ///
    /// Exit code 0: no problem. 1: there is one. 2: the arguments or the cluster could not be used.
    Doctor(doctor::Doctor),
    /// Print the settings in force, as a settings file.
    Config(config::Config),
}

impl Cli {
    /// Runs the command.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Self { config, log, log_format, judge, command } = self;
        let settings = |serve: ServeOptions| Settings::resolve(judge.clone(), serve, config.as_deref());
        let outcome = match command {
            Command::Serve(serve) => {
                let settings = settings(serve.options.clone());
                settings.map_err(Into::into).and_then(|settings| serve.run(settings, &log, &log_format))
            }
            Command::Check(check) => {
                settings(ServeOptions::default()).map_err(Into::into).and_then(|settings| check.run(&settings))
            }
            Command::Trace(trace) => {
                settings(ServeOptions::default()).map_err(Into::into).and_then(|settings| trace.run(&settings))
            }
            Command::Plan(plan) => {
                settings(ServeOptions::default()).map_err(Into::into).and_then(|settings| plan.run(&settings))
            }
            Command::Audit(audit) => {
                settings(ServeOptions::default()).map_err(Into::into).and_then(|settings| audit.run(&settings))
            }
            Command::Explain(explain) => explain.run(),
            Command::Doctor(doctor) => {
                settings(ServeOptions::default()).map_err(Into::into).and_then(|settings| doctor.run(&settings))
            }
            Command::Config(config) => {
                settings(config.options.clone()).map_err(Into::into).and_then(|settings| config.run(&settings))
            }
        };
        outcome.unwrap_or_else(|error| {
            complain(&format!("error: {error:#}"));
            ExitCode::from(UNUSABLE)
        })
    }
}

/// Writes to standard output; a reader that went away (`| head`) is no error.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Writes a line to standard error.
fn complain(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
