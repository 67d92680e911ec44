//! Whole stories against a real API server with upstream's CRDs and stock configuration: what is written, in which order, and
//! what each writer is told.

mod audit;
mod bootstrap;
mod exempt;
mod gitops;
mod latency;
mod migration;
mod order;
mod outage;
mod plan;
mod repair;
mod sequence;
mod stage;
mod stock;
mod teardown;
mod transition;
mod unknown;
