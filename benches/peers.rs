//! `plumbline check` beside `istioctl analyze` and a Gatekeeper policy, on the same files: how fast, and which faults each finds.
//!
//! Prints two tables and writes them to `target/bench/peers.json` and `target/bench/faults.json`. `BENCH_PEERS` names the folder
//! that `benches/peers/build.sh` prints. Asserts nothing about time.

#![allow(dead_code, reason = "the clusters have more to them than is used here")]

mod cluster;
#[path = "peers/faults.rs"]
mod faults;
mod table;
#[path = "peers/tools.rs"]
mod tools;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cluster::{Cluster, Variant};
use faults::Fault;
use serde_json::{Value, json};
use table::{Mark, Measure, Ratio, Row};
use tools::Tool;

/// Ten thousand files, stock layout and namespaces among them.
const LARGE: Cluster = of(8_000, 744, 744);
/// What Gatekeeper's policy is timed on as well.
const SMALL: Cluster = of(400, 50, 50);
/// What a fault is looked for in.
const FAULTY: Cluster = of(20, 4, 4);
/// How often a run is timed; the median counts.
const RUNS: usize = 3;

const fn of(inference_services: usize, gateways: usize, services: usize) -> Cluster {
    Cluster { inference_services, gateways, services, variant: Variant::Plain }
}

fn main() -> Result<(), Box<dyn Error>> {
    let peers = std::env::var_os("BENCH_PEERS")
        .ok_or("BENCH_PEERS is not set: run `make bench-peers`, or set it to what benches/peers/build.sh prints")?;
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let tools = Tool::all(Path::new(&peers));
    let mut rows = Vec::new();
    for (cluster, compared) in [(LARGE, &tools[..2]), (SMALL, &tools[..])] {
        let folder = write(&scratch, cluster.manifests())?;
        let files = fs::read_dir(&folder)?.count();
        let plumbline = time(&compared[0], &folder)?;
        for tool in compared {
            let is_us = tool.name() == compared[0].name();
            let seconds = if is_us { plumbline } else { time(tool, &folder)? };
            let ratio = if is_us {
                (cluster == LARGE).then(|| Ratio {
                    to: "1 s".to_owned(),
                    value: seconds,
                    mark: Some(Mark::AtMost(1.0)),
                })
            } else {
                Some(Ratio { to: "plumbline check".to_owned(), value: seconds / plumbline, mark: None })
            };
            let measured = Measure { value: seconds * 1e3, unit: "ms" };
            rows.push(Row { what: tool.name().to_owned(), setting: format!("{files} files"), measured, ratio });
        }
        if let (true, Some(gator)) = (cluster == SMALL, tools.last()) {
            let setting = format!("{files} files, the mean of one review over all objects");
            let measured = Measure { value: gator.review_milliseconds(&folder)?, unit: "ms" };
            rows.push(Row { what: "gator bench".to_owned(), setting, measured, ratio: None });
        }
    }
    table::print(&rows);
    table::write("peers", &rows)?;
    find_faults(&tools, &scratch)
}

/// The median time of one run, in seconds.
fn time(tool: &Tool, folder: &Path) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        tool.findings(folder)?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Which tool says something of a cluster with a fault that it does not say of the same cluster without.
#[expect(clippy::print_stdout, reason = "a benchmark talks to people")]
fn find_faults(tools: &[Tool], scratch: &Path) -> Result<(), Box<dyn Error>> {
    let sound = write(scratch, FAULTY.manifests())?;
    let usual = tools.iter().map(|tool| tool.findings(&sound)).collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    println!("\n{:44}{}", "fault", tools.iter().map(|tool| format!("{:22}", tool.name())).collect::<Vec<_>>().concat());
    for fault in Fault::ALL {
        let folder = write(scratch, fault.inject(FAULTY.manifests()).into_iter())?;
        let mut line = json!({"fault": fault.name()});
        let mut cells = String::new();
        for (tool, usual) in tools.iter().zip(&usual) {
            let is_found = tool.findings(&folder)?.difference(usual).next().is_some();
            line[tool.name()] = json!(is_found);
            cells += &format!("{:22}", if is_found { "found" } else { "-" });
        }
        println!("{:44}{cells}", fault.name());
        found.push(line);
    }
    let count = |tool: &Tool| found.iter().filter(|line| line[tool.name()] == true).count();
    let sums = tools.iter().map(|tool| format!("{:22}", count(tool))).collect::<Vec<_>>().concat();
    println!("{:44}{sums}", format!("of {}", found.len()));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("."));
    fs::write(target.join("bench/faults.json"), serde_json::to_vec_pretty(&found)?)?;
    Ok(())
}

/// Writes objects as one file each.
fn write(scratch: &Path, manifests: impl Iterator<Item = Value>) -> Result<PathBuf, Box<dyn Error>> {
    let folder = scratch.join("cluster");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (index, mut manifest) in manifests.enumerate() {
        // istioctl compares every pair of Gateways that share a certificate's name: a cost that says nothing of the rest.
        if let Some(tls) = manifest.pointer_mut("/spec/servers/0/tls/credentialName") {
            *tls = json!(format!("certificate-{index}"));
        }
        fs::write(folder.join(format!("{index:05}.yaml")), tools::yaml(&manifest))?;
    }
    Ok(folder)
}
