//! plumbline refuses the write that would cut a working inference request.
//!
//! ```text
//!             ┌────────────────────── pure and synchronous: no client, server, clock or files ───────────────────────┐
//!  bytes ──▶ object ──▶ model ──▶ view (+ change) ──▶ data plane ──▶ walk ──▶ rules ──▶ finding ──▶ engine: verdict
//!             └────────▲─────────────────────────────────────────────────────────────────────────────────┬───────────┘
//!         needs ▲      │ objects                                                                          │ values
//!    ┌──────────┴──────┴──────────────────┐                                         ┌─────────────────────▼───────────┐
//!    │ sources: live cluster, manifests   │                                         │ sinks: admission answer, reports │
//!    └────────────────────────────────────┘                                         └─────────────────────────────────┘
//! ```
//!
//! * **object**, **syntax**, **model**: what is read of each object, as its controller reads it.
//! * **view**, **population**, **cohort**: a cluster with a change laid over it, and whom it concerns.
//! * **`data_plane`**, **walk**: where one request goes, hop by hop.
//! * **operator**: what the Knative operator would make of a KnativeServing.
//! * **plan**: the order of single writes in which a change of several objects cuts no request.
//! * **engine**, **rules**, **finding**, **quote**: what a change breaks, and how to say it.
//! * **exception**, **rehearsal**: what an object declares to be let through all the same; writes one after the other.
//! * **survey**: a cluster as it stands, and what of it is excepted.
//! * **gather**, **cluster**, **manifests**: where objects come from.
//! * **webhook**, **admission**, **server**, **certs**, **rotation**: from a TLS connection to an answer.
//! * **audit**: the cluster as it stands, walked in the background by one replica: Events, a report, a page.
//! * **doctor**: a live installation, judged from outside.
//! * **report**, **cli**, **settings**, **telemetry**, **metrics**: for people and their tools.

pub mod admission;
pub mod audit;
pub mod certs;
pub mod cli;
pub mod cluster;
pub mod cohort;
pub mod data_plane;
pub mod doctor;
pub mod engine;
pub mod exception;
pub mod finding;
pub mod gather;
pub mod manifests;
pub mod metrics;
pub mod model;
pub mod object;
pub mod operator;
pub mod plan;
pub mod population;
pub mod quote;
pub mod rehearsal;
pub mod report;
pub mod rotation;
pub mod rules;
pub mod server;
pub mod settings;
pub mod survey;
pub mod syntax;
pub mod telemetry;
pub mod view;
pub mod walk;
pub mod webhook;
