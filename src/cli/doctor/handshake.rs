//! A TLS handshake that takes whatever it is shown, to look at it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certs::crypto_provider;
use crate::doctor::certificate::Handshake;

const PATIENCE: Duration = Duration::from_secs(10);

/// Shakes hands with whoever listens at an address, and sends nothing.
pub(super) async fn with(address: &str, server_name: &str) -> Handshake {
    let outcome = tokio::time::timeout(PATIENCE, shown(address, server_name)).await;
    match outcome {
        Ok(Ok(chain)) => Handshake::Shown(chain),
        Ok(Err(why)) => Handshake::Failed(format!("{address}: {why}")),
        Err(_) => Handshake::Failed(format!("{address}: no answer within {PATIENCE:?}")),
    }
}

async fn shown(address: &str, server_name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let onlooker = Arc::new(Onlooker::default());
    let configuration = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| text(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&onlooker) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(server_name.to_owned()).map_err(|error| text(&error))?;
    let stream = TcpStream::connect(address).await.map_err(|error| text(&error))?;
    TlsConnector::from(Arc::new(configuration)).connect(name, stream).await.map_err(|error| text(&error))?;
    Ok(onlooker.chain.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Keeps the chain and leaves it to `doctor::certificate` to judge; nothing is said over the connection.
#[derive(Debug, Default)]
struct Onlooker {
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
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
