//! The small part of istiod, kube-proxy and cluster DNS that decides where a request goes.
//!
//! It answers with what is there, and knows nothing of findings, codes or messages.

pub mod endpoints;
pub mod host;
pub mod listener;
