//! Proves the chart: what it renders, what an API server makes of that, and how a release lives and ends.

mod access;
mod alerts;
mod certificate_files;
mod cluster;
mod configuration;
mod container;
mod dashboard;
mod dry_run;
mod kustomize;
mod reach;
mod release;
mod rendering;
mod rights;
mod runbooks;
mod values;
