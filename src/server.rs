//! The serving side: bind, serve, stop.
//!
//! An accept loop of our own: handshakes that fail are *the* symptom of a wrong `caBundle`, so they are counted and
//! told, and stopping has stages that a Service's endpoints need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::certs::Certificates;
use crate::metrics::Metrics;
use crate::telemetry::Throttle;
use connection::{Port, Tls, Welcome};
use lifecycle::Lifecycle;

pub use health::{Gate, LIVE, METRICS, READY, Readiness};
pub use tls::{ClientAuthority, TlsError};

mod connection;
mod handshake;
mod health;
mod lifecycle;
mod probe;
mod routes;
mod tls;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

/// Connections beyond the limit that are still told so; beyond these, connections are closed unheard.
const OVERFLOW: usize = 64;
/// How long accepting rests after the system refused, for instance because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where and how to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The webhook's port, HTTPS.
    pub listen: SocketAddr,
    /// A further port for the health pages, plain HTTP.
    pub health_listen: Option<SocketAddr>,
    /// Connections served at the same time on each port.
    pub connections: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a request's head may take, which includes the idle time before it. The API server keeps idle
    /// connections for 90 s; with less than that, nearly every admission would pay a new handshake.
    pub header_timeout: Duration,
    /// How long a caller may take nothing of its answer.
    pub write_timeout: Duration,
    /// How long everybody is still served after the stop, while the Service forgets this address.
    pub drain: Duration,
    /// How long requests in flight may take after that.
    pub finish: Duration,
}

impl Settings {
    /// The defaults, for one port.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            health_listen: None,
            connections: 1024,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_mins(2),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            finish: Duration::from_secs(15),
        }
    }
}

/// Why serving cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A port cannot be had.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The TLS side cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server whose ports are its own and whose certificate is good, and which does not serve yet.
pub struct Server {
    settings: Settings,
    public: Bound,
    health: Option<Bound>,
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    clients: Option<ClientAuthority>,
    metrics: Arc<Metrics>,
    pages: Router,
}

struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the ports and proves the TLS configuration.
    pub async fn bind(
        settings: Settings,
        certificates: Arc<Certificates>,
        clients: Option<ClientAuthority>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, BindError> {
        let tls = tls::configuration(Arc::clone(&certificates), clients.as_ref())?;
        let public = Bound::new(settings.listen).await?;
        let health = match settings.health_listen {
            Some(address) => Some(Bound::new(address).await?),
            None => None,
        };
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        Ok(Self { settings, public, health, acceptor, certificates, clients, metrics, pages: Router::new() })
    }

    /// Adds pages to the health port; a server without one has none.
    #[must_use]
    pub fn with_pages(self, pages: Router) -> Self {
        Self { pages, ..self }
    }

    /// Where the webhook listens; tells the port when 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// Where the health pages have a port of their own.
    #[must_use]
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health.as_ref().map(|bound| bound.address)
    }

    /// Serves `application` until `stop` is cancelled and everything in flight is answered.
    ///
    /// Adds the gate `self-probe` to `readiness`: it opens when a request of our own came back through the port.
    /// Stopping takes three steps: readiness ends while everybody is still served, for `drain`; then no connection is
    /// accepted and requests in flight are finished, for at most `finish`; then what is left is cut.
    pub async fn serve(self, application: Router, readiness: &Readiness, stop: CancellationToken) {
        let Self { settings, public, health, acceptor, certificates, clients, metrics, pages } = self;
        let lifecycle = Lifecycle::new(stop);
        let _guard = lifecycle.guard();
        let connections = TaskTracker::new();
        let listening = public.address;

        let port = |tls, router| {
            Arc::new(Port {
                tls,
                router,
                header_timeout: settings.header_timeout,
                write_timeout: settings.write_timeout,
                metrics: Arc::clone(&metrics),
                throttle: Throttle::default(),
                lifecycle: lifecycle.clone(),
            })
        };
        let tls = Tls { acceptor, clients, handshake_timeout: settings.handshake_timeout };
        let gate = readiness.gate("self-probe");
        let ports = [
            Some((public.listener, port(Some(tls), routes::public(application, readiness, &metrics)))),
            health.map(|bound| (bound.listener, port(None, routes::health(pages, readiness, &metrics)))),
        ];
        for (listener, port) in ports.into_iter().flatten() {
            let accepting = Accepting::new(port, settings.connections, connections.clone());
            connections.spawn(accepting.run(listener));
        }
        tracing::info!(%listening, "serving");

        tokio::select! {
            () = lifecycle.stopping() => {}
            () = async {
                probe::until_answered(listening, &certificates).await;
                gate.open();
                lifecycle.stopping().await;
            } => {}
        }
        readiness.stop();
        tracing::info!(seconds = settings.drain.as_secs_f64(), "stopping: not ready any more, still serving");
        time::sleep(settings.drain).await;

        lifecycle.close();
        connections.close();
        if time::timeout(settings.finish, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "cutting connections that did not finish in time");
            lifecycle.abandon();
            connections.wait().await;
        }
        tracing::info!("stopped");
    }
}

impl Bound {
    async fn new(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |error| BindError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }
}

/// Accepts the connections of one port.
struct Accepting {
    port: Arc<Port>,
    limit: Arc<Semaphore>,
    overflow: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Accepting {
    fn new(port: Arc<Port>, connections: usize, tasks: TaskTracker) -> Self {
        let limit = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Self { port, limit, overflow: Arc::new(Semaphore::new(OVERFLOW)), tasks }
    }

    async fn run(self, listener: TcpListener) {
        loop {
            // In this order, connections that the system completed before the close are still served.
            let accepted = tokio::select! {
                biased;
                () = self.port.lifecycle.abandoned() => return,
                accepted = listener.accept() => accepted,
                () = self.port.lifecycle.closing() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.welcome(stream, peer),
                Err(error) => {
                    if let Some(withheld) = self.port.throttle.pass("accept") {
                        tracing::warn!(error = error.to_string(), withheld, "cannot accept a connection");
                    }
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr) {
        let limit = Arc::clone(&self.limit).try_acquire_owned().map(|permit| (permit, Welcome::Served));
        let place =
            limit.or_else(|_| Arc::clone(&self.overflow).try_acquire_owned().map(|permit| (permit, Welcome::Full)));
        let port = Arc::clone(&self.port);
        let Ok((permit, welcome)) = place else {
            port.metrics.refused("connections");
            return;
        };
        self.tasks.spawn(async move {
            let _permit = permit;
            let _open = Open::count(&port);
            Arc::clone(&port).serve(stream, peer, welcome).await;
        });
    }
}

/// Counts a connection for as long as it is open, also when its task panics.
struct Open<'a>(&'a Metrics);

impl<'a> Open<'a> {
    fn count(port: &'a Port) -> Self {
        port.metrics.connections.inc();
        Self(&port.metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
