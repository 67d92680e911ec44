//! Traces: a span for every review, sent to an OpenTelemetry collector by OTLP over HTTP.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{TelemetryError, Throttle};

/// The target of spans that are sent. They are no log lines and belong to none.
pub const TARGET: &str = "plumbline::trace";
/// How long a collector may take to answer, and how long an end waits for the last spans to be sent.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is read of an answer, in bytes.
const ANSWER: usize = 64 * 1024;

/// Where spans are sent.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sends spans to the collector at this base URL, such as `http://collector.observability:4318`.
    ///
    /// How many of them is for `OTEL_TRACES_SAMPLER` to say, and for the caller, whose own decision counts before that.
    ///
    /// # Panics
    /// Outside a Tokio runtime, which does the sending.
    pub fn to(endpoint: &str) -> Result<Self, TelemetryError> {
        let refuse = |reason: String| TelemetryError::Endpoint { endpoint: endpoint.to_owned(), reason };
        if !endpoint.starts_with("http://") {
            return Err(refuse("it does not begin with http://".to_owned()));
        }
        let sender = Sender {
            runtime: Handle::current(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            throttle: Throttle::default(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name("plumbline")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
        Ok(Self { provider })
    }

    pub(super) fn tracer(&self) -> Tracer {
        self.provider.tracer("plumbline")
    }

    /// Sends what has not been sent yet, and ends.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(PATIENCE));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Makes a span part of the trace that a caller has begun and tells of in its `traceparent` header.
///
/// API servers send it where their own tracing is configured (`APIServerTracing`).
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // Without a subscriber that collects traces there is nothing to be part of.
    let _ = span.set_parent(parent);
}

/// Sends on a runtime: the exporter waits on a thread of its own that has none.
struct Sender {
    runtime: Handle,
    client: Client<HttpConnector, Full<Bytes>>,
    throttle: Throttle,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.request(request.map(Full::new));
        let answered = async move {
            let (head, body) = answer.await?.into_parts();
            let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        let sent = self.runtime.spawn(async move { timeout(PATIENCE, answered).await });
        let outcome = match sent.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(late)) => Err(late.into()),
            Err(lost) => Err(lost.into()),
        };
        let failure = match &outcome {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answers {}", answer.status())),
            Err(error) => Some(causes(&**error)),
        };
        if let Some(error) = failure
            && let Some(withheld) = self.throttle.pass("traces")
        {
            tracing::warn!(error, withheld, "traces cannot be sent and are lost; verdicts do not wait for them");
        }
        outcome
    }
}

/// An error with what it came from: the first sentence of a failed connection says little.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
