//! One connection: its handshake, its requests, its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::handshake::Failure;
use super::health::{LIVE, READY};
use super::lifecycle::Lifecycle;
use super::tls::{Caller, ClientAuthority};
use crate::metrics::Metrics;
use crate::telemetry::Throttle;

/// What every connection of one port shares.
pub(super) struct Port {
    pub(super) tls: Option<Tls>,
    pub(super) router: Router,
    pub(super) header_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) metrics: Arc<Metrics>,
    pub(super) throttle: Throttle,
    pub(super) lifecycle: Lifecycle,
}

/// The TLS of a port.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) clients: Option<ClientAuthority>,
    pub(super) handshake_timeout: Duration,
}

/// Whether a connection may be used, or is only told that there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    Served,
    Full,
}

impl Port {
    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, welcome: Welcome) {
        // Answers are one small write: waiting to fill a packet only adds latency. Failing to say so is no reason to stop.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.converse(stream, peer, Visitor { welcome, caller: Caller::Trusted }).await;
        };
        let handshake = time::timeout(tls.handshake_timeout, tls.acceptor.accept(stream));
        let stream = tokio::select! {
            () = self.lifecycle.abandoned() => return,
            stream = handshake => stream,
        };
        let failed = |failure: Failure, error: &str| failure.record(peer, error, &self.metrics, &self.throttle);
        match stream {
            Err(_) => failed(Failure::Timeout, "no time left"),
            Ok(Err(error)) => failed(Failure::of(&error), &error.to_string()),
            Ok(Ok(stream)) => {
                let certificates = stream.get_ref().1.peer_certificates();
                let caller = tls.clients.as_ref().map_or(Caller::Trusted, |clients| clients.caller(certificates));
                self.converse(stream, peer, Visitor { welcome, caller }).await;
            }
        }
    }

    async fn converse<S>(&self, stream: S, peer: SocketAddr, visitor: Visitor)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let service = service_fn(|request| self.answer(request, &visitor));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.header_timeout);
        // hyper itself waits for ever for a caller that sends requests and takes no answers.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_timeout));
        let mut connection = pin!(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        let last_call = async {
            tokio::select! {
                () = self.lifecycle.closing() => {}
                () = visitor.caller.expired() => {}
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = last_call => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = self.lifecycle.abandoned() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error = error.to_string(), "a connection broke off");
        }
    }

    async fn answer(&self, request: hyper::Request<Incoming>, visitor: &Visitor) -> Result<Response, Infallible> {
        let mut response = match visitor.refusal(request.uri().path()) {
            Some((reason, refusal)) => {
                self.metrics.refused(reason);
                refusal
            }
            None => self.router.clone().call(request.map(Body::new)).await?,
        };
        // Callers keep connections open for long; while stopping, each answer sends them to another replica.
        if visitor.welcome == Welcome::Full || visitor.caller.is_expired() || self.lifecycle.is_stopping() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

/// The other end of a connection.
struct Visitor {
    welcome: Welcome,
    caller: Caller,
}

impl Visitor {
    /// The answer to a visitor who may not have what is at `path`, with one word for the metric.
    fn refusal(&self, path: &str) -> Option<(&'static str, Response)> {
        if self.welcome == Welcome::Full {
            let text = "too many connections are open; ask again, or add replicas\n";
            let again = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
            return Some(("connections", (StatusCode::SERVICE_UNAVAILABLE, again, text).into_response()));
        }
        // The kubelet has no certificate to show.
        if path == LIVE || path == READY {
            return None;
        }
        let text = match &self.caller {
            Caller::Known { .. } if self.caller.is_expired() => {
                "the client certificate has expired; renew the one that the API server's AdmissionConfiguration names\n"
                    .to_owned()
            }
            Caller::Trusted | Caller::Known { .. } => return None,
            Caller::Anonymous => "a client certificate is needed here; set one for this webhook in the \
                                  API server's AdmissionConfiguration\n"
                .to_owned(),
            Caller::Unlisted(names) => {
                format!("the client certificate of {names:?} is not one of those that may call\n")
            }
        };
        Some(("client_certificate", (StatusCode::FORBIDDEN, text).into_response()))
    }
}
