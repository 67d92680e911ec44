//! The counts that were recorded, and what differs from them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// Instructions, by operation.
pub(crate) type Counts = BTreeMap<String, u64>;

/// How far a count may be from what is recorded, in percent. Two runs differ by a hundredth of one; two machines by more, since the
/// C library picks its string functions by processor.
const TOLERANCE: f64 = 3.0;
const HEAD: &str = "\
# Instructions of one operation, counted by `make instructions` and recorded by `make instructions-record`. They depend on the
# compiler too: record them anew with a new toolchain.
";

/// What is recorded, by architecture.
#[derive(Debug, Default)]
pub(crate) struct Record(BTreeMap<String, Counts>);

/// Why a comparison fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// The file cannot be read.
    #[error("benches/instructions.toml: {0}")]
    Unreadable(String),
    /// Something differs; the whole of it.
    #[error("{0}")]
    Differs(String),
}

impl Record {
    /// Reads the file; nothing is recorded where there is none.
    pub(crate) fn read(path: &Path) -> Result<Self, RecordError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| RecordError::Unreadable(error.to_string()))?,
        };
        toml::from_str(&text).map(Self).map_err(|error| RecordError::Unreadable(error.to_string()))
    }

    /// Takes these counts for those of this architecture.
    pub(crate) fn update(&mut self, counts: Counts) {
        self.0.insert(std::env::consts::ARCH.to_owned(), counts);
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = HEAD.to_owned();
        for (architecture, counts) in &self.0 {
            text += &format!("\n[{architecture}]\n");
            text.extend(counts.iter().map(|(operation, count)| format!("{operation:?} = {count}\n")));
        }
        fs::write(path, text)
    }

    /// What was counted beside what is recorded.
    pub(crate) fn table(&self, counts: &Counts) -> String {
        let mut table = format!("{:<44} {:>12} {:>12} {:>9}\n", "instructions of", "counted", "recorded", "change");
        for (operation, counted) in counts {
            let recorded = self.of(operation);
            let (shown, change) =
                recorded.map_or_else(Default::default, |recorded| (recorded.to_string(), signed(*counted, recorded)));
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{operation:<44} {counted:>12} {shown:>12} {change:>9}");
        }
        table
    }

    /// Says what is not as recorded, in either direction: an improvement that nobody records can be lost unseen.
    pub(crate) fn compare(&self, counts: &Counts) -> Result<(), RecordError> {
        let mut lines = Vec::new();
        for (operation, counted) in counts {
            match self.of(operation) {
                None => lines.push(format!("{operation}: nothing is recorded for {}", std::env::consts::ARCH)),
                Some(recorded) if change(*counted, recorded).abs() > TOLERANCE => {
                    let word = if *counted > recorded { "more" } else { "fewer" };
                    let change = signed(*counted, recorded);
                    lines.push(format!(
                        "{operation}: {counted}, which is {word} than the recorded {recorded} ({change})"
                    ));
                }
                Some(_) => {}
            }
        }
        let recorded = self.0.get(std::env::consts::ARCH);
        let stale = recorded.into_iter().flatten().filter(|(operation, _)| !counts.contains_key(*operation));
        lines.extend(stale.map(|(operation, _)| format!("{operation}: recorded, and counted no more")));
        if lines.is_empty() {
            return Ok(());
        }
        Err(RecordError::Differs(format!(
            "instruction counts are not within {TOLERANCE} % of benches/instructions.toml:\n  {}\n\
             More of them is a slower review: `valgrind --tool=callgrind` says where they are. If the change is worth them, or \
             saves some,\nrecord the counts with it: make instructions-record",
            lines.join("\n  ")
        )))
    }

    fn of(&self, operation: &str) -> Option<u64> {
        self.0.get(std::env::consts::ARCH)?.get(operation).copied()
    }
}

/// In percent of what is recorded.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn change(counted: u64, recorded: u64) -> f64 {
    (counted as f64 / recorded.max(1) as f64 - 1.0) * 100.0
}

fn signed(counted: u64, recorded: u64) -> String {
    format!("{:+.1} %", change(counted, recorded))
}
