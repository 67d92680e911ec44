//! A TLS handshake that takes whatever it is shown, to look at it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certs::{ChainVerifier, client_config};
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
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&shown);
    // `doctor::certificate` judges the chain; nothing is said over the connection.
    let verifier = ChainVerifier::new(move |chain| {
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(())
    });
    let configuration = client_config(verifier).map_err(|error| text(&error))?;
    let name = ServerName::try_from(server_name.to_owned()).map_err(|error| text(&error))?;
    let stream = TcpStream::connect(address).await.map_err(|error| text(&error))?;
    TlsConnector::from(configuration).connect(name, stream).await.map_err(|error| text(&error))?;
    let chain = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(chain)
}
