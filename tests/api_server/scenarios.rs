//! Whole stories against a real API server with upstream's CRDs and stock configuration: what is written, in which order, and
//! what each writer is told.

mod bootstrap;
mod exempt;
mod gitops;
mod latency;
mod migration;
mod order;
mod outage;
mod random;
mod repair;
mod sequence;
mod stage;
mod stock;
mod teardown;
mod transition;
mod unknown;
