//! The engine's time per verdict and its memory, and how both grow with the cluster.
//!
//! Prints one table and writes it to `target/bench/verdict.json`. All ratios come from one run on one machine: every size
//! is timed in turn, round by round, so that a busy moment meets all of them. Asserts verdicts, and nothing about time.

mod changes;
mod cluster;
mod plans;
mod table;

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use plumbline::engine::{Change, JudgeSettings, judge};
use plumbline::view::Snapshot;

use changes::Written;
use cluster::{Cluster, Variant};
use table::{Mark, Measure, Ratio, Row};

/// The argument by which this program asks itself for one resident size.
const RESIDENT: &str = "--resident";
/// What every ratio of time is taken to.
const BASE: Cluster = plain(10_000, 1_000, 1_000);
/// How long one verdict may take at [`BASE`], in milliseconds.
const MARK_MILLISECONDS: f64 = 1.0;
/// How much longer it may take with ten times as many InferenceServices.
const MARK_GROWTH: f64 = 1.5;
/// How much memory a hundred thousand InferenceServices may take, in MiB.
const MARK_RESIDENT: f64 = 40.0;
/// How long the clusters of one kind of change are timed, and how often at least.
const TIMED: (Duration, usize) = (Duration::from_secs(4), 15);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == RESIDENT) {
        return print_resident(&arguments[place + 1..]);
    }
    let mut rows = time_verdicts()?;
    rows.extend(time_after_gateway_writes()?);
    rows.push(plans::time(plain(100, 100, 100))?);
    rows.extend(weigh_snapshots()?);
    table::print(&rows);
    table::write("verdict", &rows)?;
    Ok(())
}

const fn plain(inference_services: usize, gateways: usize, services: usize) -> Cluster {
    Cluster { inference_services, gateways, services, variant: Variant::Plain }
}

/// The clusters that are timed; [`BASE`] is among them.
fn timed_clusters() -> Vec<Cluster> {
    let by_inference_services = [0, 100, 1_000, 10_000, 100_000].map(|count| plain(count, 1_000, 1_000));
    let by_gateways = [100, 10_000].map(|count| plain(10_000, count, 1_000));
    let by_services = [100, 10_000].map(|count| plain(10_000, 1_000, count));
    let variants = [Variant::GatewaysElsewhere, Variant::HostsByName, Variant::OwnLabels, Variant::Selecting];
    let variants = variants.into_iter().flat_map(|variant| {
        [10_000, 100_000].map(|inference_services| Cluster { inference_services, variant, ..BASE })
    });
    by_inference_services.into_iter().chain(by_gateways).chain(by_services).chain(variants).collect()
}

fn time_verdicts() -> Result<Vec<Row>, Box<dyn Error>> {
    let clusters = timed_clusters();
    let snapshots = clusters.iter().map(|cluster| cluster.snapshot()).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for written in Written::ALL {
        let changes = snapshots.iter().map(|snapshot| written.change(snapshot)).collect::<Result<Vec<_>, _>>()?;
        for ((snapshot, change), cluster) in snapshots.iter().zip(&changes).zip(&clusters) {
            let verdict = judge(snapshot, change, &JudgeSettings::default()).verdict;
            if verdict != written.verdict(*cluster) {
                return Err(format!("{} got the verdict {verdict:?} at {cluster:?}", written.name()).into());
            }
        }
        let medians = time_in_turn(&snapshots, &changes);
        let median_of =
            |wanted: &Cluster| clusters.iter().zip(&medians).find(|(at, _)| *at == wanted).map(|(_, time)| *time);
        for (cluster, median) in clusters.iter().zip(&medians) {
            rows.push(verdict_row(written, *cluster, *median, median_of(&base_of(*cluster)).unwrap_or(f64::NAN)));
        }
    }
    Ok(rows)
}

/// What a cluster's time is compared with: the same kind of cluster with ten thousand InferenceServices.
fn base_of(cluster: Cluster) -> Cluster {
    Cluster { variant: cluster.variant, ..BASE }
}

/// The median time of one verdict at each snapshot, in milliseconds.
fn time_in_turn(snapshots: &[Snapshot], changes: &[Change]) -> Vec<f64> {
    let settings = JudgeSettings::default();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); snapshots.len()];
    let begun = Instant::now();
    while begun.elapsed() < TIMED.0 || times[0].len() < TIMED.1 {
        for ((snapshot, change), times) in snapshots.iter().zip(changes).zip(&mut times) {
            let start = Instant::now();
            drop(black_box(judge(black_box(snapshot), black_box(change), &settings)));
            times.push(start.elapsed());
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}

/// The first verdict after some Gateway was written: what was known of the listeners is forgotten then.
fn time_after_gateway_writes() -> Result<Vec<Row>, Box<dyn Error>> {
    let mut snapshot = BASE.snapshot()?;
    let mut rows = Vec::new();
    for written in Written::ALL {
        let change = written.change(&snapshot)?;
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < TIMED.0 / 8 || times.len() < TIMED.1 {
            let (key, gateway) = BASE.rewritten_gateway(times.len())?;
            snapshot.insert(key, gateway);
            let start = Instant::now();
            drop(black_box(judge(&snapshot, &change, &JudgeSettings::default())));
            times.push(start.elapsed());
        }
        let mut row = verdict_row(written, BASE, median(&mut times), f64::NAN);
        row.setting.push_str(", just after a Gateway was written");
        rows.push(row);
    }
    Ok(rows)
}

/// In milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn verdict_row(written: Written, cluster: Cluster, median: f64, base: f64) -> Row {
    let ratio = if cluster == base_of(cluster) {
        Ratio { to: "1 ms".to_owned(), value: median / MARK_MILLISECONDS, mark: Some(Mark::AtMost(1.0)) }
    } else {
        let mark = (cluster.inference_services == 100_000).then_some(Mark::AtMost(MARK_GROWTH));
        Ratio { to: "10000 InferenceServices, 1000 Gateways".to_owned(), value: median / base, mark }
    };
    let measured = Measure { value: median, unit: "ms" };
    Row { what: written.name().to_owned(), setting: setting(cluster), measured, ratio: Some(ratio) }
}

fn setting(cluster: Cluster) -> String {
    let Cluster { inference_services, gateways, services, variant } = cluster;
    let variant = match variant {
        Variant::Plain => "",
        Variant::GatewaysElsewhere => ", half of the Gateways elsewhere",
        Variant::HostsByName => ", hosts by namespace",
        Variant::OwnLabels => ", labels of their own",
        Variant::Selecting => ", chosen by label",
    };
    format!("{inference_services} InferenceServices, {gateways} Gateways, {services} Services{variant}")
}

/// Weighs each size in a process of its own, so that none sits in memory that another left.
fn weigh_snapshots() -> Result<Vec<Row>, Box<dyn Error>> {
    let sizes = [0, 100, 1_000, 10_000, 100_000].map(|count| plain(count, 1_000, 1_000));
    let own_labels = Cluster { variant: Variant::OwnLabels, ..plain(100_000, 1_000, 1_000) };
    let mut rows = Vec::new();
    for cluster in sizes.into_iter().chain([own_labels]) {
        let variant = if cluster.variant == Variant::OwnLabels { "own" } else { "shared" };
        let output = Command::new(std::env::current_exe()?)
            .args([RESIDENT, &cluster.inference_services.to_string(), variant])
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let resident: f64 = text.trim().parse()?;
        let mark = (cluster.inference_services == 100_000).then_some(Mark::AtMost(1.0));
        rows.push(Row {
            what: "resident memory".to_owned(),
            setting: setting(cluster),
            measured: Measure { value: resident, unit: "MiB" },
            ratio: Some(Ratio { to: format!("{MARK_RESIDENT} MiB"), value: resident / MARK_RESIDENT, mark }),
        });
    }
    Ok(rows)
}

/// Holds one snapshot, judges one change of it and prints the resident size in MiB.
#[expect(clippy::print_stdout, reason = "the answer to the process that asked")]
fn print_resident(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [count, labels] = arguments else { return Err("a count and the kind of labels are needed".into()) };
    let variant = if labels == "own" { Variant::OwnLabels } else { Variant::Plain };
    let cluster = Cluster { variant, ..plain(count.parse()?, 1_000, 1_000) };
    let snapshot = cluster.snapshot()?;
    let change = Written::GatewayNarrowed.change(&snapshot)?;
    black_box(judge(&snapshot, &change, &JudgeSettings::default()));
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    println!("{}", kibibytes / 1024.0);
    drop(black_box(snapshot));
    Ok(())
}
