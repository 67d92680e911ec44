//! What a judge says of a request: an answer, or why there is none.

use std::collections::BTreeMap;

/// A verdict with everything the caller sees of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether the operation may proceed.
    pub allowed: bool,
    /// Why it may not; empty when it may. Several lines are fine.
    pub message: String,
    /// The message as data: one entry a finding, worst first; sent with a denial only.
    pub causes: Vec<Cause>,
    /// One line each, the code first. What exceeds the API server's limits is cut when it is sent.
    pub warnings: Vec<String>,
    /// What the audit log of the API server records, by key; the webhook's name becomes the prefix of each key.
    pub audit: BTreeMap<String, String>,
    /// What plumbline's own log and metrics record.
    pub summary: Summary,
}

/// One finding of a denial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// The field that decides, as a path into the object under review.
    pub field: String,
    /// The code of the finding.
    pub code: String,
    /// What is wrong.
    pub message: String,
}

/// A verdict in the words of a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The verdict in one word. It becomes a metric's label, hence from a small closed set.
    pub verdict: &'static str,
    /// The codes of the findings, worst first.
    pub codes: Vec<String>,
    /// The hop at which the worst finding breaks a request; empty where nothing breaks.
    pub hop: String,
    /// The transition that lets the operation through; empty where none does.
    pub transition: String,
    /// The codes that suppressions let through.
    pub suppressed: Vec<String>,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            verdict: "allow",
            codes: Vec::new(),
            hop: String::new(),
            transition: String::new(),
            suppressed: Vec::new(),
        }
    }
}

impl Answer {
    /// Allows the operation without a remark.
    #[must_use]
    pub fn allow() -> Self {
        Self { allowed: true, ..Self::default() }
    }

    /// Refuses the operation.
    #[must_use]
    pub fn deny(message: impl Into<String>) -> Self {
        let summary = Summary { verdict: "deny", ..Summary::default() };
        Self { message: message.into(), summary, ..Self::default() }
    }
}

/// Why a review has no verdict.
///
/// A fault is an HTTP error, which the API server takes as a failed call, so that the webhook's `failurePolicy` decides.
/// It is never a review that says `allowed: false`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The review cannot be judged as it stands: 400.
    #[error("{0}")]
    BadRequest(String),
    /// The answer would have come too late: 504.
    #[error("{0}")]
    DeadlineExceeded(String),
    /// What the verdict needs is out of reach for now: 503.
    #[error("{0}")]
    Unavailable(String),
    /// A bug, or what cannot happen: 500.
    #[error("{0}")]
    Internal(String),
}

impl Fault {
    /// The fault in one word, for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::DeadlineExceeded(_) => "deadline_exceeded",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}
