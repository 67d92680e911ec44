//! A webhook that allows everything, on the server that plumbline has: the floor of what it may cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline::admission::{Answer, Fault, Judge, Limits, Request, router};
use plumbline::certs::{Certificates, Pair};
use plumbline::metrics::Metrics;
use plumbline::server::{Readiness, Server, Settings};
use tokio_util::sync::CancellationToken;

struct Allows;

impl Judge for Allows {
    async fn judge(&self, _: &Request<'_>, _: Instant) -> Result<Answer, Fault> {
        Ok(Answer::allow())
    }
}

/// Serves on an address until it is stopped; tells which one that is once it listens.
pub(crate) async fn serve(
    pair: Pair,
    address: SocketAddr,
    stop: CancellationToken,
    listening: impl FnOnce(SocketAddr),
) {
    let metrics = Arc::new(Metrics::new());
    let certificates = Arc::new(Certificates::new(pair, Arc::clone(&metrics)));
    let mut settings = Settings::new(address);
    settings.drain = Duration::ZERO;
    let server = Server::bind(settings, certificates, None, Arc::clone(&metrics)).await.unwrap();
    listening(server.address());
    let application = router(Arc::new(Allows), Limits::default(), metrics);
    server.serve(application, &Readiness::default(), stop).await;
}
