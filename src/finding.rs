//! A finding: a broken hop, explained.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::object::{ObjectKey, Site};
use crate::walk::Hop;

/// The stable code of a kind of finding: `PL` and three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PL{:03}", self.0)
    }
}

impl std::str::FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("PL").or_else(|| text.strip_prefix("pl"));
        let number = digits.filter(|digits| digits.len() == 3).and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| CodeError(text.to_owned()))
    }
}

/// A text that is no code.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no code: write PL and three digits, as in PL110")]
pub struct CodeError(String);

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Requests fail, or a controller stops reading its configuration.
    Error,
    /// Requests may fail, or will once something else happens.
    Warning,
    /// Nothing fails; something does not do what its author may think.
    Note,
}

/// One thing that is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The code.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The hop that fails, where it is a hop.
    pub hop: Option<Hop>,
    /// The kind of failure, in the words of the data plane: `no-virtual-host`, `no-listener`, `controller-error`, …
    pub reason: &'static str,
    /// One sentence: what is wrong. No trailing full stop, no newline.
    pub message: String,
    /// The field to look at first.
    pub site: Site,
    /// Other fields that took part, each with what it says.
    pub related: Vec<(Site, String)>,
    /// What to do, the likeliest first; each is enough by itself.
    pub remedies: Vec<Remedy>,
    /// Who is affected.
    pub affected: Affected,
}

/// One way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What to do, as an instruction that names the object, the field and the value.
    pub text: String,
    /// The change, where it is mechanical: an object and a JSON Patch (RFC 6902) for it.
    pub patch: Option<(ObjectKey, serde_json::Value)>,
}

/// The InferenceServices whose requests a finding cuts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// How many in each namespace, with the first few names.
    pub namespaces: BTreeMap<Arc<str>, (usize, Vec<Arc<str>>)>,
    /// The kinds of requests, by name: `local`, `external`, `direct`, `readiness`.
    pub requests: std::collections::BTreeSet<&'static str>,
    /// Whether they are stand-ins in a cluster that has no InferenceService yet.
    pub synthetic: bool,
}

/// How many names are kept of each namespace.
const NAMES_KEPT: usize = 3;

impl Affected {
    /// Counts InferenceServices of one namespace.
    pub fn add<'a>(&mut self, namespace: &Arc<str>, names: impl IntoIterator<Item = &'a Arc<str>>) {
        let (count, kept) = self.namespaces.entry(namespace.clone()).or_default();
        for name in names {
            *count += 1;
            if kept.len() < NAMES_KEPT {
                kept.push(name.clone());
            }
        }
    }

    /// Adds others, who may be the same: of each namespace the larger count stands.
    pub fn merge(&mut self, other: Self) {
        for (namespace, (count, names)) in other.namespaces {
            let (own_count, own_names) = self.namespaces.entry(namespace).or_default();
            for name in names {
                if own_names.len() < NAMES_KEPT && !own_names.contains(&name) {
                    own_names.push(name);
                }
            }
            *own_count = (*own_count).max(count);
        }
        self.requests.extend(other.requests);
        self.synthetic |= other.synthetic;
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.namespaces.values().map(|(count, _)| count).sum()
    }
}
