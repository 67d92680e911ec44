//! A live installation, judged from outside: does everything that plumbline is to judge reach it, and does it answer.
//!
//! Knows values only; what reads them from a cluster is `cli::doctor`.

pub mod backend;
pub mod certificate;
pub mod coverage;
pub mod expected;
pub mod kinds;
pub mod neighbours;
pub mod probe;
pub mod registration;
pub mod rights;

use std::fmt;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in one word of a closed set.
    pub topic: &'static str,
    /// Which one, where there are several.
    pub subject: String,
    /// How it is.
    pub status: Status,
    /// What was seen, a clause without a full stop.
    pub seen: String,
    /// What to do about it; empty where there is nothing to do.
    pub remedy: String,
}

/// How something that was looked at is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Ok,
    /// It could not be looked at.
    Unknown,
    /// Somebody may have wanted it so, and should know what it means.
    Warning,
    /// Writes go unjudged, are judged wrongly, or fail.
    Problem,
}

impl Status {
    /// One lower-case word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Check {
    /// Something that is as it should be.
    pub fn ok(topic: &'static str, subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { topic, subject: subject.into(), status: Status::Ok, seen: seen.into(), remedy: String::new() }
    }

    /// Something that could not be looked at, and what would let us.
    pub fn unknown(
        topic: &'static str,
        subject: impl Into<String>,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { status: Status::Unknown, remedy: remedy.into(), ..Self::ok(topic, subject, seen) }
    }

    /// Something to know about.
    pub fn warning(
        topic: &'static str,
        subject: impl Into<String>,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { status: Status::Warning, remedy: remedy.into(), ..Self::ok(topic, subject, seen) }
    }

    /// Something that is wrong.
    pub fn problem(
        topic: &'static str,
        subject: impl Into<String>,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { status: Status::Problem, remedy: remedy.into(), ..Self::ok(topic, subject, seen) }
    }
}

/// How many checks ended in a way.
#[must_use]
pub fn count(checks: &[Check], status: Status) -> usize {
    checks.iter().filter(|check| check.status == status).count()
}
