//! The `plumbline` program: arguments and exit code; everything else is in the library.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    plumbline::cli::Cli::parse().run()
}
