//! Plans: for people, for scripts and for the tools that apply manifests.

pub mod difference;
pub mod json;
pub mod text;
