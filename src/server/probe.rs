//! The last condition of readiness: a request of our own, through the port that callers use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;

use super::health::LIVE;
use crate::certs::{Certificates, crypto_provider};

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
    let verifier = Arc::new(OwnCertificate(Arc::clone(certificates)));
    let configuration = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| text(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let address = reachable(port);
    let stream = TcpStream::connect(address).await.map_err(|error| text(&error))?;
    let name = ServerName::IpAddress(address.ip().into());
    let connector = TlsConnector::from(Arc::new(configuration));
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

/// Trusts the very certificate that is in use: which authority signed it, and for which names, is the callers' affair.
#[derive(Debug)]
struct OwnCertificate(Arc<Certificates>);

impl ServerCertVerifier for OwnCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.0.current().certified().cert.first() == Some(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        // Somebody else answers on this port.
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &crypto_provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &crypto_provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto_provider().signature_verification_algorithms.supported_schemes()
    }
}
