use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::thread;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::certificates::{Authority, Leaf};
use crate::control_plane::Endpoint;

const NAMESPACE: &str = "deny-system";
const SERVICE: &str = "deny";

/// A webhook that denies whatever is named `deny-me` and remembers how it was called.
pub(crate) struct DenyServer {
    port: u16,
    ca_pem: String,
    calls: Calls,
}

/// One call of the webhook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// Of HTTP.
    pub(crate) version: Version,
    /// Path and query.
    pub(crate) uri: String,
    /// What the client asked for in the TLS handshake.
    pub(crate) server_name: String,
    /// Namespace and name of the object under review.
    pub(crate) object: String,
    /// Who wrote the object.
    pub(crate) user: String,
}

type Calls = Arc<Mutex<Vec<Call>>>;
/// Status code and reason.
type Denial = (u16, &'static str);

impl DenyServer {
    /// Listens on a free port of loopback until the test run ends.
    pub(crate) fn start() -> Self {
        Self::with(403, "Forbidden", Authority::issue)
    }

    /// The same, with another status code and reason for its denials.
    pub(crate) fn answering(code: u16, reason: &'static str) -> Self {
        Self::with(code, reason, Authority::issue)
    }

    /// The same with a certificate whose time is over.
    pub(crate) fn start_expired() -> Self {
        Self::with(403, "Forbidden", Authority::issue_expired)
    }

    fn with(code: u16, reason: &'static str, issue: impl FnOnce(&Authority, &str) -> Leaf) -> Self {
        let authority = Authority::generate();
        let leaf = issue(&authority, &format!("{SERVICE}.{NAMESPACE}.svc"));
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&leaf)));
        let calls = Calls::default();

        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let record = Arc::clone(&calls);
        thread::spawn(move || {
            runtime.block_on(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(converse(acceptor.clone(), stream, (code, reason), Arc::clone(&record)));
                }
            });
        });
        Self { port, ca_pem: authority.certificate_pem().to_owned(), calls }
    }

    pub(crate) fn endpoint(&self) -> Endpoint<'_> {
        Endpoint { namespace: NAMESPACE, service: SERVICE, port: self.port, ca_pem: &self.ca_pem }
    }

    /// The calls so far, oldest first.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn server_config(leaf: &Leaf) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(leaf.certificate_pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

async fn converse(acceptor: TlsAcceptor, stream: TcpStream, denial: Denial, calls: Calls) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let server_name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
    let service = service_fn(|request: Request<Incoming>| {
        let (calls, server_name) = (Arc::clone(&calls), server_name.clone());
        async move { Ok::<_, Infallible>(answer(request, server_name, denial, &calls).await) }
    });
    // The client may close its idle connection at any time, which is no failure.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    server_name: String,
    (code, reason): Denial,
    calls: &Calls,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let request = &review["request"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&request["name"]);
    calls.lock().unwrap().push(Call {
        version: head.version,
        uri: head.uri.to_string(),
        server_name,
        object: format!("{}/{name}", text(&request["namespace"])),
        user: text(&request["userInfo"]["username"]),
    });

    let mut response = json!({"uid": request["uid"], "allowed": name != "deny-me"});
    if name == "deny-me" {
        response["status"] = json!({"code": code, "reason": reason, "message": "its name says so"});
    }
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    });
    Response::new(Full::from(review.to_string()))
}
