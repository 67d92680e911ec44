//! One log line and one count for every review, however it ends.

use std::time::Instant;

use super::answer::{Answer, Fault};
use super::review::Request;
use super::wording::shown;
use crate::metrics::{KindLabel, Metrics, ReviewLabels};
use crate::quote;

/// Logs and counts one review when it is answered, or when it is dropped without an answer.
///
/// Object content never gets here.
pub(super) struct VerdictLine<'a> {
    request: &'a Request<'a>,
    metrics: &'a Metrics,
    started: Instant,
    answered: bool,
}

impl<'a> VerdictLine<'a> {
    pub(super) fn open(request: &'a Request<'a>, metrics: &'a Metrics, started: Instant) -> Self {
        Self { request, metrics, started, answered: false }
    }

    /// Records how the review ended.
    pub(super) fn close(mut self, outcome: &Result<Answer, Fault>) {
        self.answered = true;
        match outcome {
            Ok(answer) => self.verdict(answer),
            Err(fault) => self.fault(fault.name(), &fault.to_string()),
        }
    }

    fn verdict(&self, answer: &Answer) {
        let Request { operation, namespace, name, user_info, dry_run, uid, .. } = self.request;
        let kind = self.request.kind.to_string();
        let summary = &answer.summary;
        let labels = ReviewLabels {
            kind: KindLabel(self.request.known_kind()),
            operation: operation.as_str(),
            verdict: summary.verdict,
            dry_run: *dry_run,
        };
        let milliseconds = self.milliseconds();
        self.metrics.verdict(&labels);
        for code in &summary.codes {
            self.metrics.named(code, summary.verdict, *dry_run);
        }
        if !summary.transition.is_empty() {
            self.metrics.excepted("transition", *dry_run);
        }
        if !summary.suppressed.is_empty() {
            self.metrics.excepted("suppression", *dry_run);
        }
        tracing::info!(
            target: "plumbline::verdict",
            operation = operation.as_str(),
            kind = shown(&kind),
            namespace = shown(namespace),
            name = shown(name),
            user = shown(&user_info.username),
            dry_run,
            verdict = summary.verdict,
            codes = summary.codes.join(","),
            hop = summary.hop,
            transition = summary.transition,
            suppressed = summary.suppressed.join(","),
            milliseconds,
            uid = shown(uid),
            "judged"
        );
    }

    fn fault(&self, fault: &'static str, error: &str) {
        let Request { operation, namespace, name, user_info, dry_run, uid, .. } = self.request;
        let kind = self.request.kind.to_string();
        let milliseconds = self.milliseconds();
        self.metrics.fault(fault);
        tracing::error!(
            target: "plumbline::verdict",
            operation = operation.as_str(),
            kind = shown(&kind),
            namespace = shown(namespace),
            name = shown(name),
            user = shown(&user_info.username),
            dry_run,
            verdict = "none",
            fault,
            error = error.lines().map(quote::printable).collect::<Vec<_>>().join("\n"),
            milliseconds,
            uid = shown(uid),
            "not judged"
        );
    }

    /// Takes the time since the request's head arrived: exact for the metric, in milliseconds to a hundredth for the log.
    fn milliseconds(&self) -> f64 {
        let took = self.started.elapsed();
        self.metrics.took(took);
        (took.as_secs_f64() * 100_000.0).round() / 100.0
    }
}

impl Drop for VerdictLine<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        if std::thread::panicking() {
            self.fault("panic", "a panic ended the review; the line before says where");
        } else {
            self.fault("abandoned", "the caller closed the connection before the verdict");
        }
    }
}
