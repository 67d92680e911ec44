//! How a watch is doing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::object::Kind;

/// How often a problem that lasts is logged.
const REMINDER: Duration = Duration::from_mins(1);

/// One watch, as metrics and `doctor` see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchStatus {
    /// The kind.
    pub kind: Kind,
    /// The one name that is watched, where not all of the kind are.
    pub name: Option<&'static str>,
    /// Whether the API server serves the kind.
    pub installed: bool,
    /// Whether everything has been read at least once, or is known to be out of our reach.
    pub synced: bool,
    /// How long the watch has been out of order, and why; its part of the snapshot is that old.
    pub broken: Option<(Duration, String)>,
    /// How often reading or watching has failed.
    pub errors: u64,
    /// The time since the API server last sent anything; it does so at least once a minute while all is well.
    pub age: Duration,
}

#[derive(Debug)]
pub(super) struct Health {
    kind: Kind,
    name: Option<&'static str>,
    state: Mutex<State>,
    /// Tells whoever waits for a change of state.
    pulse: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    installed: bool,
    synced: bool,
    problem: Option<Problem>,
    errors: u64,
    contact: Instant,
}

#[derive(Debug)]
struct Problem {
    since: Instant,
    logged: Instant,
    why: String,
}

impl Health {
    pub(super) fn new(kind: Kind, name: Option<&'static str>, pulse: watch::Sender<()>) -> Self {
        let state = State { installed: true, synced: false, problem: None, errors: 0, contact: Instant::now() };
        Self { kind, name, state: Mutex::new(state), pulse }
    }

    /// Notes that the API server has sent something.
    pub(super) fn alive(&self) {
        self.state().contact = Instant::now();
    }

    /// Notes that the watch is up and what it has seen is complete.
    pub(super) fn watching(&self) {
        let mut state = self.state();
        state.contact = Instant::now();
        let was_sound = state.installed && state.synced;
        (state.installed, state.synced) = (true, true);
        if let Some(problem) = state.problem.take() {
            let after = problem.since.elapsed();
            tracing::info!(kind = %self.kind, name = self.name, ?after, "watching again");
        } else if was_sound {
            return;
        }
        drop(state);
        self.pulse.send_replace(());
    }

    /// Notes that the API server does not serve the kind. There is nothing to be read then, and nothing out of order.
    pub(super) fn not_installed(&self) {
        let mut state = self.state();
        state.contact = Instant::now();
        if state.installed {
            tracing::info!(kind = %self.kind, "the kind is not installed; looking for it from time to time");
        }
        state.installed = false;
        state.problem = None;
        drop(state);
        self.pulse.send_replace(());
    }

    /// Notes that we may not read or watch. That is an answer: what is there stays unknown, and holds nobody up.
    pub(super) fn forbidden(&self, why: String) {
        self.state().synced = true;
        self.failed(why);
    }

    /// Notes that reading or watching has failed.
    pub(super) fn failed(&self, why: String) {
        let mut state = self.state();
        state.errors += 1;
        let now = Instant::now();
        let known = state.problem.take();
        let due = known.as_ref().is_none_or(|known| known.why != why || known.logged.elapsed() >= REMINDER);
        if due {
            let errors = state.errors;
            tracing::warn!(kind = %self.kind, name = self.name, errors, "cannot watch: {why}");
        }
        let (since, logged) = known.map_or((now, now), |known| (known.since, known.logged));
        state.problem = Some(Problem { since, logged: if due { now } else { logged }, why });
        drop(state);
        self.pulse.send_replace(());
    }

    pub(super) fn status(&self) -> WatchStatus {
        let state = self.state();
        WatchStatus {
            kind: self.kind,
            name: self.name,
            installed: state.installed,
            synced: state.synced || !state.installed,
            broken: state.problem.as_ref().map(|problem| (problem.since.elapsed(), problem.why.clone())),
            errors: state.errors,
            age: state.contact.elapsed(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_synced_once_and_broken_while_it_fails() {
        let health = Health::new(Kind::Service, None, watch::Sender::new(()));
        health.failed("refused".to_owned());
        assert!(!health.status().synced);
        health.watching();
        assert!(health.status().synced && health.status().broken.is_none());
        health.failed("reset".to_owned());
        health.failed("refused".to_owned());
        let status = health.status();
        assert!(status.synced);
        assert_eq!((status.errors, status.broken.map(|(_, why)| why).as_deref()), (3, Some("refused")));
        health.watching();
        assert_eq!(health.status().broken, None);
    }

    #[test]
    fn a_kind_that_may_not_be_read_is_out_of_order_and_holds_nobody_up() {
        let health = Health::new(Kind::Service, None, watch::Sender::new(()));
        health.forbidden("no right".to_owned());
        let status = health.status();
        assert!(status.synced);
        assert_eq!(status.broken.map(|(_, why)| why).as_deref(), Some("no right"));
    }

    #[test]
    fn a_kind_that_is_not_installed_holds_nobody_up() {
        let health = Health::new(Kind::InferenceService, None, watch::Sender::new(()));
        health.not_installed();
        let status = health.status();
        assert!(status.synced && !status.installed && status.broken.is_none());
        health.watching();
        assert!(health.status().installed);
    }
}
