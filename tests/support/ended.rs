//! The program as a process, in the checkout and without settings from the environment.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What it printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// Runs it with a text on standard input, to its end.
pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> Ended {
    let mut command = plumbline(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // It may have ended without reading.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let ended = child.wait_with_output().expect("it ends");
    Ended {
        code: ended.status.code().expect("no signal"),
        output: String::from_utf8(ended.stdout).expect("text"),
        errors: String::from_utf8(ended.stderr).expect("text"),
    }
}

/// The program, not started yet.
pub(crate) fn plumbline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).env_clear();
    command
}
