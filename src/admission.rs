//! The admission endpoint: from the bytes of a review to the bytes of its answer.
//!
//! Knows the review API, its limits and its manners, and nothing of what is judged: that is the [`Judge`]'s.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time;
use tracing::Instrument as _;

use crate::metrics::Metrics;
use crate::telemetry::Throttle;
use deadline::Deadline;
pub(crate) use deadline::go_duration;
use verdict_line::VerdictLine;

pub use answer::{Answer, Cause, Fault, Summary};
pub use review::{GroupVersionKind, GroupVersionResource, Malformed, Operation, Request, Text, UserInfo};

mod answer;
mod body;
mod deadline;
mod diagnosis;
mod response;
mod review;
mod span;
mod verdict_line;
mod wording;

#[cfg(test)]
mod tests;

/// Where reviews are sent.
pub const PATH: &str = "/validate";
/// The unit in which memory for bodies is handed out.
const BLOCK: usize = 4096;

/// Decides about one request.
pub trait Judge: Send + Sync + 'static {
    /// Judges a request before `deadline`; at the deadline the future is dropped and the caller gets a 504.
    fn judge(&self, request: &Request<'_>, deadline: Instant) -> impl Future<Output = Result<Answer, Fault>> + Send;
}

/// What one process takes on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes. A review holds an object twice, each at most what etcd stores, and its envelope.
    pub body: usize,
    /// How long a body may take to arrive.
    pub body_read: Duration,
    /// All bodies held at a time, in bytes; at least `body`.
    pub bodies: usize,
    /// Reviews judged at the same time. Most of a review is waiting for reads, so many more than there are cores.
    pub concurrency: usize,
    /// Reviews that may wait for their turn; beyond them the answer is 503 at once, which leaves the API server the
    /// time to ask another replica.
    pub queue: usize,
    /// How long the caller is taken to wait when it does not say.
    pub default_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 7 * 1024 * 1024,
            bodies: 64 * 1024 * 1024,
            body_read: Duration::from_secs(10),
            concurrency: 64,
            queue: 256,
            default_timeout: Duration::from_secs(10),
        }
    }
}

/// Routes `POST /validate` to a judge.
pub fn router<J: Judge>(judge: Arc<J>, limits: Limits, metrics: Arc<Metrics>) -> Router {
    let places = Semaphore::new((limits.concurrency + limits.queue).min(Semaphore::MAX_PERMITS));
    let turns = Semaphore::new(limits.concurrency.min(Semaphore::MAX_PERMITS));
    let bodies = Semaphore::new(limits.bodies.max(limits.body).div_ceil(BLOCK).min(Semaphore::MAX_PERMITS));
    let throttle = Throttle::default();
    let endpoint = Arc::new(Endpoint { judge, limits, metrics, throttle, places, bodies, turns });
    let wrong_method = || async {
        Refusal {
            status: StatusCode::METHOD_NOT_ALLOWED,
            reason: "method",
            text: format!("{PATH} takes admission reviews by POST only"),
        }
        .into_response()
    };
    Router::new().route(PATH, post(validate::<J>).fallback(wrong_method)).with_state(endpoint)
}

/// Why a request is turned away without having been read as a review.
struct Refusal {
    status: StatusCode,
    /// One word for the metric.
    reason: &'static str,
    text: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        response::sentence(self.status, &self.text)
    }
}

struct Endpoint<J> {
    judge: Arc<J>,
    limits: Limits,
    metrics: Arc<Metrics>,
    throttle: Throttle,
    /// One permit for each review in the house, taken before its body is read.
    places: Semaphore,
    /// One permit for each [`BLOCK`] of body that a review announces.
    bodies: Semaphore,
    /// One permit for each review being judged. Taken after the body is read, so that a slow sender holds up nobody.
    turns: Semaphore,
}

async fn validate<J: Judge>(State(endpoint): State<Arc<Endpoint<J>>>, request: axum::extract::Request) -> Response {
    let started = Instant::now();
    let deadline = Deadline::new(request.uri().query(), started, endpoint.limits.default_timeout);
    match endpoint.admit(request, started, deadline).await {
        Ok(response) => response,
        Err(refusal) => {
            endpoint.metrics.refused(refusal.reason);
            if let Some(withheld) = endpoint.throttle.pass(refusal.reason) {
                tracing::warn!(reason = refusal.reason, error = refusal.text, withheld, "refused a request");
            }
            refusal.into_response()
        }
    }
}

impl<J: Judge> Endpoint<J> {
    async fn admit(
        &self,
        request: axum::extract::Request,
        started: Instant,
        deadline: Deadline,
    ) -> Result<Response, Refusal> {
        let (head, body) = request.into_parts();
        if let Err(refusal) = json(&head.headers) {
            body::discard(body, self.limits.body).await;
            return Err(refusal);
        }
        let (place, memory) = (self.places.try_acquire(), self.bodies.try_acquire_many(self.blocks(&body)));
        let (Ok(_place), Ok(_memory)) = (place, memory) else {
            body::discard(body, self.limits.body).await;
            return Err(self.saturated());
        };
        let _in_flight = Held::new(&self.metrics.in_flight);
        let until = deadline.at.min(started + self.limits.body_read);
        let body = body::read(body, self.limits.body, until).await?;
        let turn = self.turn(deadline).await;
        let outcome = match turn {
            Some(_turn) => self.review(&head.headers, &body, started, deadline).await,
            None => Err(self.unread(Fault::DeadlineExceeded(format!(
                "{} reviews are being judged and none ended within {:?}; raise the concurrency or the replicas",
                self.limits.concurrency, deadline.stated
            )))),
        };
        Ok(outcome.map_or_else(IntoResponse::into_response, |json| {
            ([(header::CONTENT_TYPE, "application/json")], json).into_response()
        }))
    }

    /// Waits for a turn to judge, at most until the deadline.
    async fn turn(&self, deadline: Deadline) -> Option<SemaphorePermit<'_>> {
        let since = Instant::now();
        let _waiting = Held::new(&self.metrics.waiting);
        let turn = time::timeout_at(deadline.at.into(), self.turns.acquire()).await;
        self.metrics.waited(since.elapsed());
        turn.ok()?.ok()
    }

    async fn review(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        started: Instant,
        deadline: Deadline,
    ) -> Result<Vec<u8>, Fault> {
        let request =
            Request::parse(body).map_err(|malformed| self.unread(Fault::BadRequest(malformed.to_string())))?;
        let line = VerdictLine::open(&request, &self.metrics, started);
        let span = span::open(&request, headers);
        let judged = self.judge.judge(&request, deadline.at).instrument(span.clone());
        let outcome = time::timeout_at(deadline.at.into(), judged).await;
        let outcome = outcome.unwrap_or_else(|_| {
            Err(Fault::DeadlineExceeded(format!(
                "no verdict in time for the caller's timeout of {:?}; see what slows reads of the cluster down, \
                 or raise the webhook's timeoutSeconds",
                deadline.stated
            )))
        });
        span::close(&span, &outcome);
        line.close(&outcome);
        outcome?.to_json(&request.uid)
    }

    /// Records a fault of a review that nothing is known of.
    fn unread(&self, fault: Fault) -> Fault {
        self.metrics.fault(fault.name());
        tracing::warn!(fault = fault.name(), error = fault.to_string(), "not judged");
        fault
    }

    /// How many blocks of memory a body takes: what it announces, or else all that it may.
    fn blocks(&self, body: &Body) -> u32 {
        let limit = self.limits.body;
        let announced = body.size_hint().exact().and_then(|exact| usize::try_from(exact).ok());
        u32::try_from(announced.unwrap_or(limit).min(limit).div_ceil(BLOCK)).unwrap_or(u32::MAX)
    }

    fn saturated(&self) -> Refusal {
        let Limits { concurrency, queue, bodies, .. } = self.limits;
        Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            reason: "saturated",
            text: format!(
                "no room: {concurrency} reviews at a time and {queue} that wait, of {bodies} bytes together, \
                 is the limit; ask again, or add replicas"
            ),
        }
    }
}

/// Accepts `application/json`, whatever its parameters.
fn json(headers: &HeaderMap) -> Result<(), Refusal> {
    let stated = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = stated.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let found = if stated.is_empty() { "no content type".to_owned() } else { format!("{essence:?}") };
    Err(Refusal {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        reason: "content_type",
        text: format!("expected application/json, found {found}"),
    })
}

/// Counts a review in a gauge for as long as it lives, also when it is dropped half-way.
struct Held<'a>(&'a Gauge);

impl<'a> Held<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
