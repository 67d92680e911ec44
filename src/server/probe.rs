//! The last condition of readiness: a request of our own, through the port that callers use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::{CertificateError, Error};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;

use super::health::LIVE;
use crate::certs::{Certificates, ChainVerifier, client_config};

const TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// Asks until an answer comes.
pub(super) async fn until_answered(port: SocketAddr, certificates: &Arc<Certificates>) {
    loop {
        let error = match time::timeout(TIMEOUT, once(port, certificates)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(%port, error, "the self-probe failed");
        time::sleep(PAUSE).await;
    }
}

async fn once(port: SocketAddr, certificates: &Arc<Certificates>) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let in_use = Arc::clone(certificates);
    // The very certificate that is in use: which authority signed it, and for which names, is the callers' affair.
    let verifier = ChainVerifier::new(move |chain| {
        if in_use.current().certified().cert.first() == chain.first() {
            return Ok(());
        }
        // Somebody else answers on this port.
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    });
    let configuration = client_config(verifier).map_err(|error| text(&error))?;
    let address = reachable(port);
    let stream = TcpStream::connect(address).await.map_err(|error| text(&error))?;
    let name = ServerName::IpAddress(address.ip().into());
    let connector = TlsConnector::from(configuration);
    let mut stream = connector.connect(name, stream).await.map_err(|error| text(&error))?;
    let request = format!("GET {LIVE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| text(&error))?;
    let mut status = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut status).await.map_err(|error| text(&error))?;
    if &status == b"HTTP/1.1 200" { Ok(()) } else { Err(String::from_utf8_lossy(&status).into_owned()) }
}

/// The address to dial for a port that listens on every address.
fn reachable(port: SocketAddr) -> SocketAddr {
    let ip = match port.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, port.port())
}
