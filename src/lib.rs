//! plumbline
pub mod manifests;
pub mod object;
pub mod syntax;
