//! Which processors a program runs on, so that a server and its load do not take each other's.

use std::error::Error;
use std::fs;
use std::process::Command;

/// The processors that this program may use.
pub(crate) struct Processors(Vec<usize>);

impl Processors {
    /// As the kernel says.
    pub(crate) fn allowed() -> Result<Self, Box<dyn Error>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).ok_or("no allowed CPUs")?;
        let mut processors = Vec::new();
        for range in list.trim().split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            processors.extend(first.parse::<usize>()?..=last.parse()?);
        }
        Ok(Self(processors))
    }

    /// Keeps this program, and what it starts from now on, to one of them.
    pub(crate) fn confine_to_first(&self) -> Result<(), Box<dyn Error>> {
        confine(&self.0[..1])
    }

    /// Keeps this program to the others, where there are any.
    pub(crate) fn confine_to_rest(&self) -> Result<(), Box<dyn Error>> {
        confine(if self.0.len() > 1 { &self.0[1..] } else { &self.0 })
    }
}

fn confine(processors: &[usize]) -> Result<(), Box<dyn Error>> {
    let list = processors.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let output = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &list, &std::process::id().to_string()])
        .output()
        .map_err(|error| format!("cannot run taskset (Debian's util-linux): {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("taskset: {}", String::from_utf8_lossy(&output.stderr)).into())
}
