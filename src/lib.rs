//! plumbline
pub mod object;
pub mod syntax;
