//! Whole stories against a real API server with upstream's CRDs and stock configuration: what is written, in which order, and
//! what each writer is told.

mod audit;
mod bootstrap;
mod doctor;
mod exempt;
mod footprint;
mod gitops;
mod latency;
mod load;
mod migration;
mod order;
mod outage;
mod partition;
mod plan;
mod random;
mod repair;
mod replicas;
mod sequence;
mod soak;
mod stage;
mod stock;
mod stored;
mod teardown;
mod traces;
mod transition;
mod unknown;
