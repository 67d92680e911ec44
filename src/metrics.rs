//! What is counted, and the page that shows it.
//!
//! Labels come from small closed sets, so the number of series is bounded; a namespace or a name is never one.

use std::fmt::{self, Write};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::object::Kind;

/// Upper bounds in seconds: half a millisecond is the floor of a verdict over TLS, 30 s the API server's longest wait.
pub(crate) const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Every metric of the serving side, and the registry they are read from.
pub struct Metrics {
    registry: Registry,
    reviews: Family<ReviewLabels, Counter>,
    codes: Family<CodeLabels, Counter>,
    exceptions: Family<ExceptionLabels, Counter>,
    review_duration: Histogram,
    wait: Histogram,
    faults: Family<FaultLabel, Counter>,
    refusals: Family<ReasonLabel, Counter>,
    handshake_failures: Family<ReasonLabel, Counter>,
    certificate_loads: Family<ResultLabel, Counter>,
    certificate_expiry: Gauge<f64, AtomicU64>,
    authority_expiry: Gauge<f64, AtomicU64>,
    certificate_steps: Family<StepLabel, Counter>,
    certificate_step_failures: Family<StepLabel, Counter>,
    /// Reviews accepted and not answered yet, those that wait for their turn included.
    pub in_flight: Gauge,
    /// Reviews that wait for their turn.
    pub waiting: Gauge,
    /// Connections open on the webhook's port.
    pub connections: Gauge,
    /// Requests that ended in a panic.
    pub panics: Counter,
}

/// What is known of a review that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReviewLabels {
    /// The kind under review.
    pub kind: KindLabel,
    /// The operation under review.
    pub operation: &'static str,
    /// The verdict, from a closed set.
    pub verdict: &'static str,
    /// Whether it was a dry run.
    pub dry_run: bool,
}

/// A kind as a label: those plumbline knows by name, the rest as `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KindLabel(pub Option<Kind>);

impl EncodeLabelValue for KindLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self.0 {
            None => encoder.write_str("other"),
            Some(kind) if kind.group().is_empty() => encoder.write_str(kind.name()),
            Some(kind) => write!(encoder, "{}.{}", kind.name(), kind.group()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: String,
    verdict: &'static str,
    dry_run: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExceptionLabels {
    exception: &'static str,
    dry_run: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabel {
    fault: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    step: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every metric at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("plumbline"),
            reviews: Family::default(),
            codes: Family::default(),
            exceptions: Family::default(),
            review_duration: Histogram::new(SECONDS),
            faults: Family::default(),
            refusals: Family::default(),
            handshake_failures: Family::default(),
            certificate_loads: Family::default(),
            certificate_expiry: Gauge::default(),
            authority_expiry: Gauge::default(),
            certificate_steps: Family::default(),
            certificate_step_failures: Family::default(),
            in_flight: Gauge::default(),
            waiting: Gauge::default(),
            wait: Histogram::new(SECONDS),
            connections: Gauge::default(),
            panics: Counter::default(),
        };
        metrics.describe();
        metrics
    }

    fn describe(&mut self) {
        let registry = &mut self.registry;
        registry.register("build", "The version that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("reviews", "Admission reviews answered with a verdict", self.reviews.clone());
        registry.register("codes", "Verdicts that name a code, once for each code that they name", self.codes.clone());
        registry.register(
            "exceptions",
            "Reviews of writes that break requests and were admitted by a declared transition or a suppression",
            self.exceptions.clone(),
        );
        registry.register_with_unit(
            "review_duration",
            "Time from the head of a review's request to its end",
            Unit::Seconds,
            self.review_duration.clone(),
        );
        registry.register("review_faults", "Reviews that ended without a verdict", self.faults.clone());
        registry.register("requests_refused", "Requests turned away before they were read", self.refusals.clone());
        registry.register("reviews_in_flight", "Reviews accepted and not answered yet", self.in_flight.clone());
        registry.register("reviews_waiting", "Reviews that wait for their turn", self.waiting.clone());
        registry.register_with_unit(
            "review_wait",
            "Time that a review waited for its turn",
            Unit::Seconds,
            self.wait.clone(),
        );
        registry.register("connections", "Connections open on the webhook's port", self.connections.clone());
        registry.register("panics", "Requests that ended in a panic", self.panics.clone());
        registry.register(
            "handshake_failures",
            "TLS handshakes that failed; certificate_refused means that a caller's CA bundle is wrong",
            self.handshake_failures.clone(),
        );
        registry.register(
            "certificate_loads",
            "Serving certificates taken into use (loaded) or left aside (refused)",
            self.certificate_loads.clone(),
        );
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            "When the certificate in use expires, as Unix time",
            Unit::Seconds,
            self.certificate_expiry.clone(),
        );
        registry.register_with_unit(
            "certificate_authority_expiry_timestamp",
            "When the self-managed CA of the certificate in use expires, as Unix time; 0 where there is none",
            Unit::Seconds,
            self.authority_expiry.clone(),
        );
        registry.register(
            "certificate_steps",
            "Writes of the self-managed certificate: renew, begin, promote and retire rotate, repair and adopt mend",
            self.certificate_steps.clone(),
        );
        registry.register(
            "certificate_step_failures",
            "Reads and writes of the self-managed certificate that failed",
            self.certificate_step_failures.clone(),
        );
    }

    /// Opens the registry to the metrics of other parts, before the value is shared.
    pub fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Counts a verdict.
    pub fn verdict(&self, labels: &ReviewLabels) {
        self.reviews.get_or_create(labels).inc();
    }

    /// Counts a code that a verdict names.
    pub fn named(&self, code: &str, verdict: &'static str, dry_run: bool) {
        self.codes.get_or_create(&CodeLabels { code: code.to_owned(), verdict, dry_run }).inc();
    }

    /// Counts a write that an exception let through: `transition` or `suppression`.
    pub fn excepted(&self, exception: &'static str, dry_run: bool) {
        self.exceptions.get_or_create(&ExceptionLabels { exception, dry_run }).inc();
    }

    /// Adds the time that a review took, with or without a verdict.
    pub fn took(&self, took: Duration) {
        self.review_duration.observe(took.as_secs_f64());
    }

    /// Adds the time that a review waited for its turn.
    pub fn waited(&self, waited: Duration) {
        self.wait.observe(waited.as_secs_f64());
    }

    /// Counts a review that ended without a verdict.
    pub fn fault(&self, fault: &'static str) {
        self.faults.get_or_create(&FaultLabel { fault }).inc();
    }

    /// Counts a request turned away before it was read.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Counts a TLS handshake that failed.
    pub fn handshake_failed(&self, reason: &'static str) {
        self.handshake_failures.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Notes that a certificate is in use and when it expires, as Unix time.
    pub fn certificate_loaded(&self, not_after: i64) {
        // Exact to the second far beyond any date a certificate can carry.
        #[expect(clippy::cast_precision_loss)]
        self.certificate_expiry.set(not_after as f64);
        self.certificate_loads.get_or_create(&ResultLabel { result: "loaded" }).inc();
    }

    /// Counts a certificate that was left aside.
    pub fn certificate_refused(&self) {
        self.certificate_loads.get_or_create(&ResultLabel { result: "refused" }).inc();
    }

    /// Notes when the authority of the certificate in use expires, as Unix time.
    pub fn authority_loaded(&self, not_after: i64) {
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        self.authority_expiry.set(not_after as f64);
    }

    /// Counts a write that looks after a self-managed certificate.
    pub fn certificate_step(&self, step: &'static str) {
        self.certificate_steps.get_or_create(&StepLabel { step }).inc();
    }

    /// Counts a read or write that should have done so.
    pub fn certificate_step_failed(&self, step: &'static str) {
        self.certificate_step_failures.get_or_create(&StepLabel { step }).inc();
    }

    /// Writes every metric as text, in the format of openmetrics.io.
    pub fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_kinds_operations_and_verdicts() {
        let metrics = Metrics::new();
        let mut labels = ReviewLabels {
            kind: KindLabel(Some(Kind::IstioGateway)),
            operation: "UPDATE",
            verdict: "deny",
            dry_run: true,
        };
        metrics.verdict(&labels);
        labels.kind = KindLabel(None);
        metrics.verdict(&labels);
        metrics.took(Duration::from_micros(400));
        metrics.took(Duration::from_secs(1));
        metrics.certificate_loaded(1_800_000_000);
        metrics.handshake_failed("timeout");
        let page = metrics.page().unwrap();
        for line in [
            r#"plumbline_reviews_total{kind="Gateway.networking.istio.io",operation="UPDATE",verdict="deny",dry_run="true"} 1"#,
            r#"plumbline_reviews_total{kind="other",operation="UPDATE",verdict="deny",dry_run="true"} 1"#,
            r#"plumbline_review_duration_seconds_bucket{le="0.0005"} 1"#,
            "plumbline_review_duration_seconds_count 2",
            "plumbline_certificate_expiry_timestamp_seconds 1800000000.0",
            r#"plumbline_handshake_failures_total{reason="timeout"} 1"#,
            "plumbline_reviews_in_flight 0",
        ] {
            assert!(page.lines().any(|candidate| candidate == line), "{line} is missing in\n{page}");
        }
    }
}
