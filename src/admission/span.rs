//! The span of one review, in the trace of whoever sent it.

use axum::http::HeaderMap;
use tracing::Span;
use tracing::field::Empty;

use super::answer::{Answer, Fault};
use super::review::Request;
use super::wording::shown;
use crate::telemetry::traces;

/// Opens the span of a review; without anybody who collects traces it costs nothing.
pub(super) fn open(request: &Request<'_>, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        target: traces::TARGET,
        "review",
        otel.kind = "server",
        otel.status_code = Empty,
        uid = shown(&request.uid),
        operation = request.operation.as_str(),
        kind = Empty,
        namespace = shown(&request.namespace),
        name = shown(&request.name),
        dry_run = request.dry_run,
        verdict = Empty,
        codes = Empty,
        fault = Empty,
    );
    if !span.is_disabled() {
        span.record("kind", shown(&request.kind.to_string()));
        traces::continue_trace(&span, headers);
    }
    span
}

/// Notes how the review ended.
pub(super) fn close(span: &Span, outcome: &Result<Answer, Fault>) {
    match outcome {
        Ok(Answer { summary, .. }) => {
            span.record("verdict", summary.verdict);
            if !summary.codes.is_empty() {
                span.record("codes", summary.codes.join(","));
            }
        }
        Err(fault) => {
            span.record("fault", fault.name());
            span.record("otel.status_code", "ERROR");
        }
    }
}
