//! Asks the API server, and takes every refusal for an answer.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use k8s_openapi::ByteString;
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How long one answer may take: the API server may wait up to 30 s for a webhook.
const PATIENCE: Duration = Duration::from_secs(35);
/// Objects without what they hold.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// A client that reads, and writes dry runs only.
pub(super) struct Reading {
    client: Client,
}

/// What the API server says instead of an object.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// HTTP's code; 0 where there was no answer.
    pub(super) code: u16,
    /// What it says.
    pub(super) message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Refusal {
    pub(super) fn is_not_found(&self) -> bool {
        self.code == StatusCode::NOT_FOUND.as_u16()
    }

    fn no_answer(message: impl Into<String>) -> Self {
        Self { code: 0, message: message.into() }
    }
}

impl Reading {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads what is at a path.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        let value = self.send(Method::GET, path, "application/json", None).await?;
        read(value)
    }

    /// Reads the items of a list.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Refusal> {
        self.items(path, "application/json").await
    }

    /// Reads the items of a list, their metadata alone.
    pub(super) async fn list_metadata<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Refusal> {
        self.items(path, METADATA_ONLY).await
    }

    /// Asks a question that is a write in form only, such as an access review.
    pub(super) async fn review<T: DeserializeOwned>(&self, path: &str, review: &Value) -> Result<T, Refusal> {
        read(self.send(Method::POST, path, "application/json", Some(review)).await?)
    }

    /// Sends a write that persists nothing.
    pub(super) async fn dry_run(&self, method: Method, path: &str, object: &Value) -> Result<(), Refusal> {
        let path = format!("{path}?dryRun=All&fieldManager=plumbline-doctor");
        self.send(method, &path, "application/json", Some(object)).await.map(drop)
    }

    async fn items<T: DeserializeOwned>(&self, path: &str, accept: &str) -> Result<Vec<T>, Refusal> {
        let mut list = self.send(Method::GET, path, accept, None).await?;
        match list["items"].take() {
            Value::Null => Ok(Vec::new()),
            items => read(items),
        }
    }

    async fn send(&self, method: Method, path: &str, accept: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        let content = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", accept)
            .header("content-type", content)
            .body(Body::from(bytes))
            .map_err(|error| Refusal::no_answer(error.to_string()))?;
        let exchange = async {
            let response = self.client.send(request).await.map_err(|error| Refusal::no_answer(error.to_string()))?;
            let code = response.status();
            let body = response.into_body().collect().await.map_err(|error| Refusal::no_answer(error.to_string()))?;
            Ok((code, body.to_bytes()))
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        let (code, body) = answer.map_err(|_| Refusal::no_answer(format!("no answer within {PATIENCE:?}")))??;
        if code.is_success() {
            return serde_json::from_slice(&body).map_err(|error| Refusal::no_answer(error.to_string()));
        }
        Err(refusal(code, &body))
    }
}

fn refusal(code: StatusCode, body: &Bytes) -> Refusal {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    let message =
        status["message"].as_str().map_or_else(|| String::from_utf8_lossy(body).trim().to_owned(), str::to_owned);
    Refusal { code: code.as_u16(), message }
}

fn read<T: DeserializeOwned>(mut value: Value) -> Result<T, Refusal> {
    decode_bundles(&mut value);
    serde_json::from_value(value).map_err(|error| Refusal::no_answer(format!("its answer cannot be read: {error}")))
}

/// Puts the text of CA bundles in the place of the API's base64.
fn decode_bundles(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(decode_bundles),
        Value::Object(fields) => {
            for (key, field) in fields {
                if key == "caBundle" {
                    if let Ok(ByteString(bytes)) = serde_json::from_value(field.clone()) {
                        *field = String::from_utf8_lossy(&bytes).into_owned().into();
                    }
                } else {
                    decode_bundles(field);
                }
            }
        }
        _ => {}
    }
}
