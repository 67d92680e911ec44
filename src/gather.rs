//! The loop between a judgement and what it rests on: judge, read afresh what the judgement asked for, judge again.
//!
//! The judgement is pure and synchronous; it runs under the read lock of one snapshot that all reviews share, and says what
//! it rested on. What of that has not been read since the review began is read live, all at once, and the judgement is made
//! again, until it asks for nothing new. Two or three rounds are the rule.

mod fixed;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

pub use fixed::Fixed;

use crate::exception::{Permission, Question};
use crate::model::Object;
use crate::object::{Kind, ObjectKey};
use crate::telemetry::traces::TARGET;
use crate::view::{Need, Snapshot};

/// How often a judgement may ask for more before it is given up: a walk has fewer hops that lead somewhere new.
const ROUNDS: usize = 8;

/// What answers the needs of a judgement: a live cluster, or objects that do not change by themselves.
pub trait Source: Send + Sync {
    /// What has been read, shared by all reviews.
    fn snapshot(&self) -> &RwLock<Snapshot>;

    /// Whether what has been read can be out of date.
    fn is_live(&self) -> bool;

    /// Reads the needs in parallel and writes the answers into the snapshot. Every read begins after this call. What may
    /// not be read (no right to, kind not installed) is an answer too: it is noted as unknown, with the reason.
    fn read<'a>(&'a self, needs: &'a [Need], freshness: Freshness) -> BoxFuture<'a, Result<(), ReadError>>;

    /// What has not been read yet since the start: until then there is no verdict.
    fn unready(&self) -> Option<String> {
        None
    }

    /// Asks whether somebody may declare a transition. Where there is no API server to ask, anybody may.
    fn may_declare<'a>(&'a self, _question: &'a Question) -> BoxFuture<'a, Permission> {
        ready(Permission::Granted).boxed()
    }

    /// Takes over what an admitted change writes, where nobody else will tell: a directory that stands in for a cluster. A
    /// live cluster tells by itself.
    fn admit(&self, _writes: Vec<(ObjectKey, Option<Object>)>) {}
}

/// How fresh the answer about a collection (the Services of a namespace, the pods of a selector) has to be. One object is
/// always read with read-your-writes consistency.
///
/// API servers from 1.31 on answer a consistent list only once their own cache has proof that it is up to date, and ask etcd
/// for that proof at most every 100 ms: the first list costs 2 ms, one right after another write up to 98 ms more. Hence two
/// steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Freshness {
    /// As of some milliseconds ago, never older than what was seen before.
    Recent,
    /// As of now.
    Consistent,
}

/// Why a need could not be read. No verdict may be given then.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} could not be read: {why}")]
pub struct ReadError {
    /// What was to be read.
    pub what: String,
    /// What went wrong and what to do about it.
    pub why: String,
}

/// Why there is no verdict.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum GatherError {
    /// The time was over.
    #[error(
        "the deadline passed while reading {}: the API server answers too slowly, or timeoutSeconds of the webhook is too low",
        list(.waiting_for)
    )]
    Deadline {
        /// What had not been read yet.
        waiting_for: Vec<Need>,
    },
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Every answer led to new questions.
    #[error("after {ROUNDS} rounds of reading the verdict still rests on {}: please report this as a bug", list(.unread))]
    Unsettled {
        /// What it asked for last.
        unread: Vec<Need>,
    },
}

/// Judges until the judgement rests on nothing but what has been read since this call.
///
/// `judge` returns a value and what it rests on. A value that is `grave` (a denial, a warning) is not returned before the
/// collections it rests on have been read consistently as well; one that is not may rest on collections as of some
/// milliseconds ago (see [`Freshness`]).
pub async fn settle<T>(
    source: &(impl Source + ?Sized),
    mut judge: impl FnMut(&Snapshot) -> (T, BTreeSet<Need>),
    grave: impl Fn(&T) -> bool,
    deadline: Instant,
) -> Result<T, GatherError> {
    let mut seen = Seen::default();
    let mut freshness = Freshness::Recent;
    let mut round = 0;
    let mut kept: Option<(u64, (T, BTreeSet<Need>))> = None;
    loop {
        let (edition, (value, needs)) = {
            let snapshot = read(source.snapshot());
            // Where everything was found as it was known, the judgement stands.
            match kept.take() {
                Some(kept) if kept.0 == snapshot.edition() => kept,
                _ => {
                    let _judging = tracing::info_span!(target: TARGET, "judge", round).entered();
                    (snapshot.edition(), judge(&snapshot))
                }
            }
        };
        if !source.is_live() {
            return Ok(value);
        }
        let mut unread = seen.unread(&needs, freshness);
        if unread.is_empty() && freshness == Freshness::Recent && grave(&value) {
            freshness = Freshness::Consistent;
            unread = seen.unread(&needs, freshness);
        }
        if unread.is_empty() {
            return Ok(value);
        }
        if round == ROUNDS {
            return Err(GatherError::Unsettled { unread });
        }
        round += 1;
        let reading = tracing::info_span!(
            target: TARGET,
            "read",
            otel.kind = "client",
            objects = unread.len(),
            consistent = freshness == Freshness::Consistent,
        );
        match timeout_at(deadline, source.read(&unread, freshness).instrument(reading)).await {
            Ok(outcome) => outcome?,
            Err(_) => return Err(GatherError::Deadline { waiting_for: unread }),
        }
        seen.note(unread, freshness);
        kept = Some((edition, (value, needs)));
    }
}

/// What one review has read so far.
#[derive(Debug, Default)]
struct Seen {
    recent: BTreeSet<Need>,
    consistent: BTreeSet<Need>,
}

impl Seen {
    fn unread(&self, needs: &BTreeSet<Need>, freshness: Freshness) -> Vec<Need> {
        needs.iter().filter(|need| !self.has(need, needs, freshness)).cloned().collect()
    }

    fn has(&self, need: &Need, needs: &BTreeSet<Need>, freshness: Freshness) -> bool {
        match need {
            Need::Object(key) => {
                // A consistent list of a namespace's Services says all there is to know about each of them.
                let listed = || Need::Services(key.namespace.clone());
                self.consistent.contains(need)
                    || key.kind == Kind::Service
                        && (self.consistent.contains(&listed())
                            || freshness == Freshness::Consistent && needs.contains(&listed()))
            }
            Need::Services(_) | Need::Pods(_) => {
                self.consistent.contains(need) || freshness == Freshness::Recent && self.recent.contains(need)
            }
        }
    }

    fn note(&mut self, needs: Vec<Need>, freshness: Freshness) {
        for need in needs {
            if freshness == Freshness::Consistent || matches!(need, Need::Object(_)) {
                self.consistent.insert(need);
            } else {
                self.recent.insert(need);
            }
        }
    }
}

/// Locks a snapshot to judge by. A judgement that panicked has changed nothing.
pub(crate) fn read(snapshot: &RwLock<Snapshot>) -> RwLockReadGuard<'_, Snapshot> {
    snapshot.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a snapshot to write what was read.
pub(crate) fn write(snapshot: &RwLock<Snapshot>) -> RwLockWriteGuard<'_, Snapshot> {
    snapshot.write().unwrap_or_else(PoisonError::into_inner)
}

fn list(needs: &[Need]) -> String {
    let described: Vec<String> = needs.iter().map(|need| Described(need).to_string()).collect();
    described.join(", ")
}

/// A need as a message names it.
pub(crate) struct Described<'a>(pub(crate) &'a Need);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Need::Object(key) => key.fmt(f),
            Need::Services(namespace) => write!(f, "the Services in namespace {namespace}"),
            Need::Pods(query) => {
                let labels: Vec<String> =
                    query.selector.iter().map(|(label, value)| format!("{label}={value}")).collect();
                write!(f, "the pods with {} in namespace {}", labels.join(","), query.namespace)
            }
        }
    }
}

#[cfg(test)]
mod tests;
