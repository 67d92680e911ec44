//! What people and their tools read: one renderer a file.

pub mod audit;
pub mod denial;
pub mod exception;
pub mod explain;
pub mod json;
pub mod page;
pub mod plan;
pub mod snippet;
pub mod trace;
mod words;
