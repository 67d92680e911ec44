//! Changes of a deployed cluster, written as people and tools write them: what would cut a request is refused and stays
//! undone, what would not is done, however little it looks like what was there.

mod admits;
mod change;
mod clients;
mod cluster;
mod config_istio;
mod gateways;
mod inference_service_config;
mod knative_serving;
mod refuses;
mod services;
mod unrelated;
