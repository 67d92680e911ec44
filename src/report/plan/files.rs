//! Files that a plan is written as.

use std::fmt::Write as _;
use std::path::Path;

/// A file below some folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, with slashes.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// All files in one text, each under its name.
#[must_use]
pub fn joined(files: &[File]) -> String {
    let mut text = String::new();
    for File { path, text: content } in files {
        if Path::new(path).extension().is_some_and(|extension| extension == "yaml") {
            write!(text, "---\n# {path}\n{content}").ok();
        } else {
            for line in content.lines() {
                writeln!(text, "# {line}").ok();
            }
        }
    }
    text
}
