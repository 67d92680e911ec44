//! The running webhook beside two that allow everything, over real TLS: reviews per second, and CPU time of one review.
//!
//! Prints one table and writes it to `target/bench/serving.json`. Each server is a process of its own with one processor to
//! itself, and the load comes from the others; all of them are measured in turn, so that a busy moment meets all. Asserts
//! verdicts, and nothing about time.

#![allow(dead_code, reason = "the clusters and the table have more to them than is used here")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what the tests lend stops where its premise fails"
)]

#[path = "serving/bare.rs"]
mod bare;
mod changes;
mod cluster;
#[path = "serving/load.rs"]
mod load;
#[path = "../tests/support/noop.rs"]
mod noop;
#[path = "serving/peer.rs"]
mod peer;
#[path = "serving/processors.rs"]
mod processors;
#[path = "../tests/support/serving.rs"]
mod serving;
mod table;

use std::error::Error;
use std::time::Duration;

use changes::Written;
use cluster::{Cluster, Variant};
use load::Load;
use peer::{Peer, Usage};
use plumbline::engine::Verdict;
use processors::Processors;
use serde_json::{Value, json};
use table::{Mark, Measure, Ratio, Row};

/// What plumbline judges by.
const CLUSTER: Cluster = Cluster { inference_services: 1_000, gateways: 100, services: 100, variant: Variant::Plain };
/// How often each is measured, in turn.
const TURNS: usize = 3;
/// How long each time.
const TURN: Duration = Duration::from_millis(1500);
/// Those before it that do not count.
const WARM_UP: Duration = Duration::from_millis(300);
/// Connections that saturate a server.
const CONNECTIONS: usize = 25;
/// The least share of the no-op's reviews per second.
const LEAST_RATE: f64 = 0.6;
/// How many times the CPU time of the no-op's a review that needs no read may take.
const MOST_CPU: f64 = 1.5;

/// A write that is sent for review, over and over and as a dry run, so that the cluster stays as it is.
struct Sent {
    what: &'static str,
    /// The verdict that is right.
    is_allowed: bool,
    /// Whether nothing that is read changes, so that the answer takes neither a walk nor a read.
    is_at_once: bool,
    body: Vec<u8>,
}

/// What one server did with one write over one number of connections.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    reviews: u64,
    seconds: f64,
    cpu_seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(name) = peer::asked_for(&arguments) {
        return peer::be(name, &arguments);
    }
    let processors = Processors::allowed()?;
    let scratch = tempfile::tempdir()?;
    serving::write_manifests(scratch.path(), CLUSTER.manifests());
    processors.confine_to_first()?;
    let peers = Peer::start_all(scratch.path())?;
    processors.confine_to_rest()?;

    let mut rows = Vec::new();
    for sent in [
        Sent::relabelled(),
        Sent::of("inferenceservice-config laid out anew", Written::ConfigReformatted)?,
        Sent::of("config-istio spells out its default", Written::GatewayListed)?,
        Sent::of("Gateway narrowed to one team: refused", Written::GatewayNarrowed)?,
    ] {
        for connections in [CONNECTIONS, 1] {
            rows.extend(sent.rows(&peers, connections)?);
        }
    }
    table::print(&rows);
    table::write("serving", &rows)?;
    Ok(())
}

impl Sent {
    /// A label, as tools that track what they applied set it.
    fn relabelled() -> Self {
        let before = cluster::local_gateway(&json!(["*"]));
        let mut after = before.clone();
        after["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": "platform"});
        let body = serving::review(Some(&before), Some(&after), true).to_string().into_bytes();
        Self { what: "Gateway annotated", is_allowed: true, is_at_once: true, body }
    }

    fn of(what: &'static str, written: Written) -> Result<Self, Box<dyn Error>> {
        let after = written.manifest();
        let is_it = |manifest: &Value| {
            manifest["kind"] == after["kind"] && manifest["metadata"]["name"] == after["metadata"]["name"]
        };
        let before = CLUSTER.manifests().find(is_it).ok_or_else(|| format!("{what}: no object to write over"))?;
        let body = serving::review(Some(&before), Some(&after), true).to_string().into_bytes();
        Ok(Self { what, is_allowed: written.verdict(CLUSTER) == Verdict::Allow, is_at_once: false, body })
    }

    /// Every peer in turn, and how they compare.
    fn rows(&self, peers: &[Peer], connections: usize) -> Result<Vec<Row>, Box<dyn Error>> {
        let mut tallies = vec![Tally::default(); peers.len()];
        for _ in 0..TURNS {
            for (peer, tally) in peers.iter().zip(&mut tallies) {
                let is_allowed = !peer.judges() || self.is_allowed;
                let load = Load {
                    server: peer.name(),
                    address: peer.address,
                    tls: &peer.tls,
                    server_name: "localhost",
                    body: &self.body,
                    is_allowed,
                    connections,
                };
                load.last(WARM_UP)?;
                let before = peer.usage()?;
                let reviews = load.last(TURN)?;
                tally.add(reviews, before, peer.usage()?);
            }
        }
        let noop = peers.iter().position(|peer| peer.name() == peer::NOOP).ok_or("no no-op is among the peers")?;
        let rows = peers.iter().zip(&tallies);
        Ok(rows.map(|(peer, tally)| self.row(peer, *tally, &tallies[noop], connections)).collect())
    }

    fn row(&self, peer: &Peer, tally: Tally, noop: &Tally, connections: usize) -> Row {
        let is_saturated = connections > 1;
        let is_marked = peer.judges() && (self.is_at_once || is_saturated && self.is_allowed);
        let (measured, value, mark) = if is_saturated {
            let measured = Measure { value: tally.rate(), unit: "reviews/s" };
            (measured, tally.rate() / noop.rate(), Mark::AtLeast(LEAST_RATE))
        } else {
            let measured = Measure { value: tally.cpu_microseconds(), unit: "µs of CPU" };
            (measured, tally.cpu_microseconds() / noop.cpu_microseconds(), Mark::AtMost(MOST_CPU))
        };
        let to = format!("the {}", peer::NOOP);
        let ratio = (peer.name() != peer::NOOP).then(|| Ratio { to, value, mark: is_marked.then_some(mark) });
        let busy = 100.0 * tally.cpu_seconds / tally.seconds;
        let setting = if is_saturated {
            format!("{}, {connections} connections, its processor {busy:.0} % busy", peer.name())
        } else {
            format!("{}, one after the other", peer.name())
        };
        Row { what: self.what.to_owned(), setting, measured, ratio }
    }
}

impl Tally {
    fn add(&mut self, reviews: u64, before: Usage, after: Usage) {
        self.reviews += reviews;
        self.seconds += (after.at - before.at).as_secs_f64();
        self.cpu_seconds += after.cpu_seconds - before.cpu_seconds;
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn rate(&self) -> f64 {
        self.reviews as f64 / self.seconds
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn cpu_microseconds(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.reviews as f64
    }
}
