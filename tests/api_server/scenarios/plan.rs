//! Migrations of a live cluster by plan: every step is applied with the webhook enforcing, and none is refused. In the order in
//! which tools send kinds, the same objects are.

mod gateways;
mod journey;
mod knative;
mod own_gateway;
mod script;
