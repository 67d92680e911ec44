//! What the audit writes to the API server: whole JSON objects, each request with a time limit.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::time::timeout;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends requests on connections of its own, so that no review ever waits for one of them.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// It is not there, or its kind is not.
    #[error("it does not exist")]
    NotFound,
    /// It is there already, or somebody wrote it meanwhile.
    #[error("somebody else wrote it")]
    Conflict,
    /// We may not.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// Any other refusal.
    #[error("the API server answers {0}: {1}")]
    Refused(u16, String),
    /// No answer.
    #[error("the API server does not answer: {0}")]
    Silent(String),
}

impl Api {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::GET, path, "application/json", None).await
    }

    pub(super) async fn create(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.send(Method::POST, path, "application/json", Some(object)).await
    }

    pub(super) async fn replace(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.send(Method::PUT, path, "application/json", Some(object)).await
    }

    /// Changes the fields given and leaves the others.
    pub(super) async fn merge(&self, path: &str, fields: &Value) -> Result<Value, ApiError> {
        self.send(Method::PATCH, path, "application/merge-patch+json", Some(fields)).await
    }

    /// Writes an object as ours, whoever wrote it before; one that is so already is left alone.
    pub(super) async fn apply(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        let path = format!("{path}?fieldManager={}&force=true", super::access::NAME);
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", Some(object)).await
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        let body = body.map_or_else(Body::empty, |value| Body::from(value.to_string().into_bytes()));
        let request = hyper::Request::builder().method(method).uri(path).header(CONTENT_TYPE, kind).body(body);
        let request = request.map_err(|error| ApiError::Silent(error.to_string()))?;
        let exchange = async {
            let response = self.client.send(request).await.map_err(|error| ApiError::Silent(error.to_string()))?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|error| ApiError::Silent(error.to_string()))?;
            Ok((status, body.to_bytes()))
        };
        let silent = || ApiError::Silent(format!("not within {LIMIT:?}"));
        let (status, body) = timeout(LIMIT, exchange).await.map_err(|_| silent())??;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() { Ok(value) } else { Err(refusal(status, &value)) }
    }
}

fn refusal(status: StatusCode, body: &Value) -> ApiError {
    let message = body["message"].as_str().unwrap_or_default().to_owned();
    match status {
        StatusCode::NOT_FOUND => ApiError::NotFound,
        StatusCode::CONFLICT => ApiError::Conflict,
        StatusCode::FORBIDDEN => ApiError::Forbidden(message),
        _ => ApiError::Refused(status.as_u16(), message),
    }
}
