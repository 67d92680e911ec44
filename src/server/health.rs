//! Whether the process lives, whether it may be sent reviews, and its metrics.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::metrics::Metrics;

/// Answers 200 for as long as requests are served at all.
pub const LIVE: &str = "/livez";
/// Answers 200 when every gate is open and the server is not stopping.
pub const READY: &str = "/readyz";
/// The metrics as text.
pub const METRICS: &str = "/metrics";

/// What has to hold before reviews are welcome.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What each gate waits for; an open one waits for nothing.
    gates: BTreeMap<&'static str, Option<String>>,
    stopping: bool,
}

/// One condition of readiness.
#[derive(Clone, Debug)]
pub struct Gate {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// Adds a condition that does not hold yet.
    #[must_use]
    pub fn gate(&self, name: &'static str) -> Gate {
        let gate = Gate { name, readiness: self.clone() };
        gate.close("has not happened yet");
        gate
    }

    /// Whether reviews are welcome.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.with(|state| !state.stopping && state.gates.values().all(Option::is_none))
    }

    /// Ends readiness for good.
    pub(super) fn stop(&self) {
        self.with(|state| state.stopping = true);
    }

    /// Lists the conditions, in the notation of the API server's own `/readyz?verbose`.
    fn report(&self) -> String {
        self.with(|state| {
            let mut report = String::new();
            for (name, waiting) in &state.gates {
                // Writing to a string does not fail.
                let _ = match waiting {
                    None => writeln!(report, "[+] {name}"),
                    Some(reason) => writeln!(report, "[-] {name}: {reason}"),
                };
            }
            if state.stopping {
                report.push_str("[-] stopping\n");
            }
            report
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Gate {
    /// Notes that the condition holds.
    pub fn open(&self) {
        self.readiness.with(|state| state.gates.insert(self.name, None));
    }

    /// Whether the condition holds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.readiness.with(|state| state.gates.get(self.name).is_some_and(Option::is_none))
    }

    /// Notes that the condition does not hold, and why.
    pub fn close(&self, reason: impl Into<String>) {
        self.readiness.with(|state| state.gates.insert(self.name, Some(reason.into())));
    }
}

/// Routes the three pages.
pub(super) fn router(readiness: &Readiness, metrics: &Arc<Metrics>) -> Router {
    let (readiness, metrics) = (readiness.clone(), Arc::clone(metrics));
    Router::new()
        .route(LIVE, get(|| async { "ok\n" }))
        .route(READY, get(|| async move { ready(&readiness) }))
        .route(METRICS, get(|| async move { page(&metrics) }))
}

fn ready(readiness: &Readiness) -> Response {
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.report()).into_response()
}

fn page(metrics: &Metrics) -> Response {
    match metrics.page() {
        Ok(page) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, content_type)], page).into_response()
        }
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write the metrics: {error}\n")).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_once_every_gate_is_open_and_until_the_stop() {
        let readiness = Readiness::default();
        let (caches, probe) = (readiness.gate("caches"), readiness.gate("self-probe"));
        caches.open();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.report(), "[+] caches\n[-] self-probe: has not happened yet\n");
        probe.open();
        assert!(readiness.is_ready());
        caches.close("the watch of Gateways broke off");
        assert_eq!(readiness.report(), "[-] caches: the watch of Gateways broke off\n[+] self-probe\n");
        caches.open();
        readiness.stop();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.report(), "[+] caches\n[+] self-probe\n[-] stopping\n");
    }
}
