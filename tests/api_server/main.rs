//! Runs plumbline against a real API server: what people and tools apply, and what they are told.
//!
//! The binaries come from `KUBEBUILDER_ASSETS`; `make test` provides them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a harness that cannot go on fails its test"
)]

#[path = "../support/brute_force.rs"]
mod brute_force;
mod certificates;
mod changes;
mod chart;
mod cluster_source;
#[path = "../support/collector.rs"]
mod collector;
mod control_plane;
#[path = "../../benches/cluster.rs"]
#[allow(dead_code, reason = "the benchmarks' clusters have more to them than is used here")]
mod generated;
mod harness;
#[path = "../../benches/serving/load.rs"]
mod load;
#[path = "../support/noop.rs"]
mod noop;
mod plumbline_server;
mod port;
mod process;
mod relay;
mod rest;
mod scenarios;
mod scratch;
mod self_managed;
#[path = "../support/sequences.rs"]
mod sequences;
mod wait;
mod yaml;
