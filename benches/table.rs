//! The one table of a benchmark, for people and as JSON.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One measured thing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// Under which circumstances.
    pub(crate) setting: String,
    /// What came out, with its unit.
    pub(crate) measured: Measure,
    /// The ratio to something measured in the same run, or to a mark; `None` for a row that others refer to.
    pub(crate) ratio: Option<Ratio>,
}

/// A quantity.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Measure {
    /// How much.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: &'static str,
}

/// A ratio, and what it is meant to be.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratio {
    /// What the measured value was divided by.
    pub(crate) to: String,
    /// The quotient.
    pub(crate) value: f64,
    /// What it is meant to be, where something is.
    pub(crate) mark: Option<Mark>,
}

/// What a ratio is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "not every benchmark has marks of both kinds")]
pub(crate) enum Mark {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// Prints rows as one table.
#[expect(clippy::print_stdout, reason = "a benchmark talks to people")]
pub(crate) fn print(rows: &[Row]) {
    let headings = ["what", "setting", "measured", "ratio", "to", "mark"].map(str::to_owned);
    let mut lines = vec![headings];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    for cells in &lines {
        let [what, setting, measured, ratio, to, mark] = cells;
        println!(
            "{what:0$}  {setting:1$}  {measured:>2$}  {ratio:>3$}  {to:4$}  {mark:>5$}",
            widths[0], widths[1], widths[2], widths[3], widths[4], widths[5]
        );
    }
}

/// Writes rows as JSON to the target folder, and says where.
pub(crate) fn write(name: &str, rows: &[Row]) -> io::Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("."));
    let path = target.join("bench").join(format!("{name}.json"));
    fs::create_dir_all(target.join("bench"))?;
    fs::write(&path, serde_json::to_vec_pretty(rows)?)?;
    Ok(path)
}

impl Row {
    fn cells(&self) -> [String; 6] {
        let Measure { value, unit } = self.measured;
        let ratio = self.ratio.as_ref();
        [
            self.what.clone(),
            self.setting.clone(),
            format!("{value:.3} {unit}"),
            ratio.map(|ratio| format!("{:.2}", ratio.value)).unwrap_or_default(),
            ratio.map(|ratio| ratio.to.clone()).unwrap_or_default(),
            ratio.and_then(|ratio| ratio.mark).map(Mark::cell).unwrap_or_default(),
        ]
    }
}

impl Mark {
    fn cell(self) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {most}"),
            Self::AtLeast(least) => format!("≥ {least}"),
        }
    }
}
