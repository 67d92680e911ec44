//! The instructions that parsing, a verdict and its message take, counted under valgrind's callgrind and compared with what is
//! recorded in `benches/instructions.toml`.
//!
//! Time depends on the machine and its neighbours; instructions are the same under load, so that a change which makes the
//! judgement slower is seen where it is made. `make instructions` compares, `make instructions-record` records anew.

#![allow(dead_code, reason = "the clusters have more to them than is used here")]

mod changes;
mod cluster;
#[path = "instructions/operation.rs"]
mod operation;
#[path = "instructions/record.rs"]
mod record;

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use operation::Operation;
use record::{Counts, Record};

/// The argument by which this program has itself carry out one operation.
const OPERATION: &str = "--operation";
/// Set, the counts are recorded instead of compared.
const UPDATE: &str = "UPDATE_INSTRUCTIONS";
/// How often an operation is carried out: tables are seeded at random, and their layouts even out.
const TIMES: u64 = 20;

#[expect(clippy::print_stderr, reason = "what failed, for people")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let done = match arguments.iter().position(|argument| argument == OPERATION) {
        Some(place) => carry_out(arguments.get(place + 1).map_or("", String::as_str)),
        None => compare(),
    };
    done.map_or_else(
        |error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Carries out an operation, the first time so that whatever is made once has been made.
fn carry_out(name: &str) -> Result<(), Box<dyn Error>> {
    let operation = Operation::named(name).ok_or_else(|| format!("no operation is called {name:?}"))?;
    let mut act = operation.prepare()?;
    act();
    counted_by_callgrind(&mut *act);
    Ok(())
}

/// What callgrind counts: it is told this function's name.
#[inline(never)]
fn counted_by_callgrind(act: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        act();
    }
}

#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn compare() -> Result<(), Box<dyn Error>> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    fs::create_dir_all(&scratch)?;
    let mut counts = Counts::new();
    for operation in Operation::all() {
        let name = operation.name();
        counts.insert(name.clone(), count(&name, &scratch).map_err(|error| format!("{name}: {error}"))?);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml");
    let mut record = Record::read(&path)?;
    print!("{}", record.table(&counts));
    if std::env::var_os(UPDATE).is_some() {
        record.update(counts);
        return Ok(record.write(&path)?);
    }
    Ok(record.compare(&counts)?)
}

/// The instructions of one time.
fn count(operation: &str, scratch: &Path) -> Result<u64, Box<dyn Error>> {
    let counted = scratch.join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted_by_callgrind*"])
        .arg(format!("--callgrind-out-file={}", counted.display()))
        .arg(std::env::current_exe()?)
        .args([OPERATION, operation])
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "valgrind is not installed, and instructions are counted under it: apt-get install valgrind".into()
            }
            _ => format!("cannot run valgrind: {error}"),
        })?;
    if !output.status.success() {
        return Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = fs::read_to_string(&counted)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("callgrind gave no totals")?;
    match total.trim().parse::<u64>()? {
        0 => Err("callgrind did not meet the function that it was to count".into()),
        total => Ok(total / TIMES),
    }
}
