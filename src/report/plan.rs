//! Plans: for people, for scripts and for the tools that apply manifests.

pub mod argocd;
pub mod difference;
pub mod files;
pub mod flux;
pub mod json;
pub mod script;
mod settle;
mod stages;
pub mod text;
pub mod yaml;

use crate::object::ObjectKey;

/// What is to be removed from a repository in the end.
fn removal(deleted: &[&ObjectKey]) -> String {
    if deleted.is_empty() {
        return String::new();
    }
    let names: Vec<String> = deleted.iter().map(|key| format!("* {key}\n")).collect();
    format!(
        "\nOnce all of that is applied, and not before, remove from the repository and the cluster:\n\n{}",
        names.concat()
    )
}
