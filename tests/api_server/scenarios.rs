//! Whole stories against a real API server with upstream's CRDs and stock configuration: what is written, in which order, and
//! what each writer is told.

mod bootstrap;
mod doctor;
mod exempt;
mod latency;
mod load;
mod migration;
mod outage;
mod partition;
mod repair;
mod replicas;
mod sequence;
mod soak;
mod stage;
mod stock;
mod teardown;
mod unknown;
