//! Everything that one connection can ask for, and what catches a panic on the way.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use super::health::{self, LIVE, METRICS, READY, Readiness};
use crate::admission;
use crate::metrics::Metrics;

/// The webhook's port: the application and the health pages.
pub(super) fn public(application: Router, readiness: &Readiness, metrics: &Arc<Metrics>) -> Router {
    guarded(application.merge(health::router(readiness, metrics)), admission::PATH, metrics)
}

/// The health port: the health pages and others for people.
pub(super) fn health(pages: Router, readiness: &Readiness, metrics: &Arc<Metrics>) -> Router {
    guarded(pages.merge(health::router(readiness, metrics)), "no reviews", metrics)
}

fn guarded(router: Router, takes: &'static str, metrics: &Arc<Metrics>) -> Router {
    router
        .fallback(move |uri: Uri| async move {
            let path: String = uri.path().chars().take(80).collect();
            let text = format!("{path:?} is not served here: this port has {takes}, {LIVE}, {READY} and {METRICS}\n");
            (StatusCode::NOT_FOUND, text)
        })
        .layer(middleware::from_fn_with_state(Arc::clone(metrics), catch_panic))
}

/// A bug costs one request, not the connection or the process.
async fn catch_panic(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    // Nothing that a handler shares is left half-written by unwinding: atomics, semaphores and locks that forgive.
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        metrics.panics.inc();
        let text = "plumbline panicked over this request, which is a bug; its log says where\n";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    })
}
