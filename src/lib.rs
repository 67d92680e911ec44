//! plumbline
pub mod certs;
pub mod cohort;
pub mod data_plane;
pub mod engine;
pub mod finding;
pub mod metrics;
pub mod model;
pub mod object;
pub mod operator;
pub mod population;
pub mod rules;
pub mod settings;
pub mod syntax;
pub mod telemetry;
pub mod view;
pub mod walk;
