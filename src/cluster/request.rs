//! One HTTP request to the API server, and what its answer means.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use kube::Client;
use kube::client::Body;
use kube::core::Request;
use kube::core::params::{GetParams, ListParams, WatchParams};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connection::chain;
use super::measures::Lookups;
use crate::object::Kind;

/// How many reads are under way at a time. HTTP/1.1 needs a connection for each.
const PARALLEL_READS: usize = 32;
/// How many connections are kept open for the next review: a review reads about that many objects at once.
const WARM_CONNECTIONS: usize = 8;

/// Sends reads, a limited number at a time.
#[derive(Clone)]
pub(super) struct Requests {
    client: Client,
    permits: Arc<Semaphore>,
    limit: Duration,
    counts: Arc<Counts>,
    lookups: Lookups,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
}

/// How many live reads there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Requests sent.
    pub sent: u64,
    /// Requests without an answer that a verdict may rest on: the API server could not be reached, was too slow or in trouble.
    pub failed: u64,
}

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    /// The object is not there.
    #[error("it does not exist")]
    NotFound,
    /// The API server does not serve this version of the kind.
    #[error("the kind is not installed")]
    NotInstalled,
    /// We may not.
    #[error("forbidden")]
    Forbidden,
    /// The revision is too old to go on from, or the continue token.
    #[error("the API server no longer has that revision")]
    Expired,
    /// The API server does not know us.
    #[error("the API server does not accept our credentials (401): renew the token or certificate")]
    Unauthorized,
    /// Any other refusal.
    #[error("the API server answers {code}: {message}")]
    Refused {
        /// HTTP's code.
        code: u16,
        /// What the API server says.
        message: String,
    },
    /// No answer.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("the API server has not answered within {0:?}")]
    TooSlow(Duration),
    /// An answer that makes no sense.
    #[error("the API server's answer cannot be read: {0}")]
    Unreadable(String),
}

impl Requests {
    /// Sends with this client; a read that takes longer than `limit` has failed.
    pub(super) fn new(client: Client, limit: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(PARALLEL_READS));
        Self { client, permits, limit, counts: Arc::default(), lookups: Lookups::new() }
    }

    pub(super) fn counts(&self) -> ReadCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ReadCounts { sent: count(&self.counts.sent), failed: count(&self.counts.failed) }
    }

    pub(super) fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Reads one object.
    pub(super) async fn get(&self, collection: &str, name: &str) -> Result<Bytes, RequestError> {
        let request = Request::new(collection).get(name, &GetParams::default());
        self.read(request.map_err(|error| unbuildable(&error))?).await
    }

    /// Reads one page of a collection.
    pub(super) async fn list(&self, collection: &str, params: &ListParams) -> Result<Bytes, RequestError> {
        let request = Request::new(collection).list(params);
        self.read(request.map_err(|error| unbuildable(&error))?).await
    }

    /// Asks by a review, which is created and answered in one request and stored nowhere.
    pub(super) async fn review(&self, path: &str, body: Vec<u8>) -> Result<Bytes, RequestError> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(RequestError::Unreachable("we are stopping".to_owned()));
        };
        let ask = || async {
            let request = hyper::Request::post(path).header(CONTENT_TYPE, "application/json");
            let request = request.body(Body::from(body.clone()));
            self.send(request.map_err(|error| RequestError::Unreadable(error.to_string()))?).await
        };
        let answer = timeout(self.limit, async {
            match ask().await {
                // As in `read`: an idle connection may be closed just as it is used.
                Err(RequestError::Unreachable(_)) => ask().await,
                answer => answer,
            }
        });
        answer.await.unwrap_or(Err(RequestError::TooSlow(self.limit)))
    }

    /// Opens a watch; it has no time limit of its own once it is open.
    pub(super) async fn watch(
        &self,
        collection: &str,
        params: &WatchParams,
        version: &str,
    ) -> Result<Body, RequestError> {
        let request =
            Request::new(collection).watch(params, version).map_err(|error| unbuildable(&error))?.map(Body::from);
        let opening = timeout(self.limit, self.client.send(request)).await;
        let response = opening.map_err(|_| RequestError::TooSlow(self.limit))?.map_err(|error| unreachable(&error))?;
        let code = response.status();
        if code.is_success() {
            return Ok(response.into_body());
        }
        let body = timeout(self.limit, response.into_body().collect()).await;
        let body = body.map_err(|_| RequestError::TooSlow(self.limit))?.map_err(|error| unreachable(&error))?;
        Err(refusal(code, &body.to_bytes()))
    }

    /// Opens enough connections for a review, or keeps them open: they are closed after 90 s without use.
    pub(super) async fn warm(&self) {
        let knocks = (0..WARM_CONNECTIONS).map(|_| async {
            let request = hyper::Request::get("/version").body(Body::empty());
            let Ok(request) = request else { return };
            // Whether the API server answers is for the reads to find out.
            let _ = timeout(self.limit, self.exchange(request)).await;
        });
        join_all(knocks).await;
    }

    async fn read(&self, request: hyper::Request<Vec<u8>>) -> Result<Bytes, RequestError> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(RequestError::Unreachable("we are stopping".to_owned()));
        };
        let path = request.uri().clone();
        let started = Instant::now();
        let result = timeout(self.limit, async {
            match self.send(request.map(Body::from)).await {
                // The API server may close an idle connection just as we use it; reading once more harms nobody.
                Err(RequestError::Unreachable(_)) => {
                    let again = hyper::Request::get(path).body(Body::empty());
                    self.send(again.map_err(|error| RequestError::Unreachable(error.to_string()))?).await
                }
                result => result,
            }
        });
        let result = result.await.unwrap_or(Err(RequestError::TooSlow(self.limit)));
        self.lookups.ended(started.elapsed());
        if let Err(error) = &result
            && !error.is_answer()
        {
            self.counts.failed.fetch_add(1, Ordering::Relaxed);
            self.lookups.failed(error.name());
        }
        result
    }

    async fn send(&self, request: hyper::Request<Body>) -> Result<Bytes, RequestError> {
        self.counts.sent.fetch_add(1, Ordering::Relaxed);
        let (code, body) = self.exchange(request).await?;
        if code.is_success() { Ok(body) } else { Err(refusal(code, &body)) }
    }

    async fn exchange(&self, request: hyper::Request<Body>) -> Result<(StatusCode, Bytes), RequestError> {
        let response = self.client.send(request).await.map_err(|error| unreachable(&error))?;
        let code = response.status();
        let body = response.into_body().collect().await.map_err(|error| unreachable(&error))?;
        Ok((code, body.to_bytes()))
    }
}

impl RequestError {
    /// One word for the metric.
    fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NotInstalled => "not_installed",
            Self::Forbidden => "forbidden",
            Self::Expired => "expired",
            Self::Unauthorized => "unauthorized",
            Self::Refused { .. } => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::TooSlow(_) => "too_slow",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Whether the API server has told us what we asked: a verdict may rest on it.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::NotFound | Self::NotInstalled | Self::Forbidden)
    }
}

/// Reads what an answer other than success says.
pub(super) fn refusal(code: StatusCode, body: &[u8]) -> RequestError {
    let status: Option<Status> = serde_json::from_slice(body).ok();
    let names_object = status.as_ref().is_some_and(|status| !status.details.name.is_empty());
    match code {
        // Where a kind is not served, the answer is plain text, or a status that names no object.
        StatusCode::NOT_FOUND if names_object => RequestError::NotFound,
        StatusCode::NOT_FOUND => RequestError::NotInstalled,
        StatusCode::FORBIDDEN => RequestError::Forbidden,
        StatusCode::GONE => RequestError::Expired,
        StatusCode::UNAUTHORIZED => RequestError::Unauthorized,
        _ => {
            let message =
                status.map_or_else(|| String::from_utf8_lossy(body).trim().to_owned(), |status| status.message);
            RequestError::Refused { code: code.as_u16(), message }
        }
    }
}

/// The path of a collection: of all namespaces, or of one.
pub(super) fn collection(kind: Kind, version: &str, namespace: Option<&str>) -> String {
    let root = if kind.group().is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group()) };
    match namespace {
        Some(namespace) if kind.is_namespaced() => {
            format!("{root}/{version}/namespaces/{namespace}/{}", kind.plural())
        }
        _ => format!("{root}/{version}/{}", kind.plural()),
    }
}

/// The right whose absence made a request fail, as an instruction.
pub(super) fn missing_right(verbs: &str, kind: Kind, namespace: Option<&str>) -> Arc<str> {
    let group = if kind.group().is_empty() { String::new() } else { format!(".{}", kind.group()) };
    let place = match namespace {
        Some(namespace) if kind.is_namespaced() => format!(" in namespace {namespace}"),
        _ if kind.is_namespaced() => " in every namespace".to_owned(),
        _ => String::new(),
    };
    format!("forbidden: grant {verbs} on {}{group}{place}", kind.plural()).into()
}

fn unreachable(error: &kube::Error) -> RequestError {
    RequestError::Unreachable(chain(error))
}

fn unbuildable(error: &kube::core::request::Error) -> RequestError {
    RequestError::Unreadable(chain(error))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(collection(Kind::Service, "v1", Some("a")), "/api/v1/namespaces/a/services");
        assert_eq!(collection(Kind::Namespace, "v1", Some("a")), "/api/v1/namespaces");
        assert_eq!(collection(Kind::IstioGateway, "v1beta1", None), "/apis/networking.istio.io/v1beta1/gateways");
    }

    #[test]
    fn a_missing_object_differs_from_a_missing_kind() {
        let object = br#"{"kind":"Status","message":"x","reason":"NotFound","details":{"name":"x","kind":"gateways"}}"#;
        assert_eq!(refusal(StatusCode::NOT_FOUND, object), RequestError::NotFound);
        assert_eq!(refusal(StatusCode::NOT_FOUND, b"404 page not found\n"), RequestError::NotInstalled);
        let kind = br#"{"kind":"Status","message":"the server could not find the requested resource","details":{}}"#;
        assert_eq!(refusal(StatusCode::NOT_FOUND, kind), RequestError::NotInstalled);
    }

    #[test]
    fn the_missing_right_is_named() {
        let namespaced = missing_right("\"get\"", Kind::Service, Some("istio-system"));
        assert_eq!(&*namespaced, "forbidden: grant \"get\" on services in namespace istio-system");
        let everywhere = missing_right("\"list\" and \"watch\"", Kind::IstioGateway, None);
        assert_eq!(
            &*everywhere,
            "forbidden: grant \"list\" and \"watch\" on gateways.networking.istio.io in every namespace"
        );
        let cluster_scoped = missing_right("\"get\"", Kind::Namespace, Some(""));
        assert_eq!(&*cluster_scoped, "forbidden: grant \"get\" on namespaces");
    }
}
