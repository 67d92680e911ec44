//! The least that answers a review over TLS: hyper and rustls, the review's uid, and nothing of ours.

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use plumbline::certs::Pair;
use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Asked<'a>,
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

/// Serves until the process ends.
pub(crate) async fn serve(
    pair: &Pair,
    address: SocketAddr,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), Box<dyn Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let resolver = Arc::new(SingleCertAndKey::from((**pair.certified()).clone()));
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind(address).await?;
    listening(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            // The client may close its connection at any time, which is no failure.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let Ok(review) = serde_json::from_slice::<Review<'_>>(&body) else {
        let mut response = Response::new(Full::from("no review"));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let answer = serde_json::json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": review.request.uid, "allowed": true},
    });
    Ok(Response::new(Full::from(answer.to_string())))
}
