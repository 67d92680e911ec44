//! The TLS side of the webhook's port: versions, protocol, and who may call.

use std::collections::BTreeSet;
use std::future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::time;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certs::{Certificates, crypto_provider, unix_now};

/// How long at most passes between two looks at the clock.
const CLOCK_STEP: Duration = Duration::from_mins(1);

/// Who may send reviews: holders of a client certificate of one authority, and of one of some names.
#[derive(Clone, Debug)]
pub struct ClientAuthority {
    roots: Arc<RootCertStore>,
    names: BTreeSet<String>,
}

/// Why the TLS side cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The client CA cannot be read.
    #[error("cannot read the client CA {path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The client CA holds no usable certificate.
    #[error("client CA {origin}: {reason}; expected PEM blocks \"BEGIN CERTIFICATE\"")]
    ClientAuthority {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// rustls refuses the configuration.
    #[error("cannot set up TLS: {0}")]
    Configuration(String),
}

impl ClientAuthority {
    /// Reads the authority's certificates from a PEM file, once: an authority that changes needs a restart.
    ///
    /// `names` are common names or DNS names of the certificates that may call; with none, every certificate of the
    /// authority may.
    pub fn from_file(path: &Path, names: impl IntoIterator<Item = String>) -> Result<Self, TlsError> {
        let origin = path.display().to_string();
        let pem = std::fs::read(path).map_err(|error| TlsError::Read { path: origin.clone(), error })?;
        Self::from_pem(&pem, &origin, names)
    }

    /// Reads the authority's certificates from PEM; `origin` says in errors where it came from.
    pub fn from_pem(pem: &[u8], origin: &str, names: impl IntoIterator<Item = String>) -> Result<Self, TlsError> {
        let unusable = |reason: String| TlsError::ClientAuthority { origin: origin.to_owned(), reason };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unusable("no certificate in it".to_owned()));
        }
        Ok(Self { roots: Arc::new(roots), names: names.into_iter().collect() })
    }

    /// Tells what a caller with these verified certificates may do.
    pub(super) fn caller(&self, certificates: Option<&[CertificateDer<'_>]>) -> Caller {
        let Some(leaf) = certificates.and_then(<[_]>::first) else {
            return Caller::Anonymous;
        };
        let Ok((_, leaf)) = X509Certificate::from_der(leaf) else {
            return Caller::Unlisted(String::new());
        };
        let names = names(&leaf);
        if self.names.is_empty() || names.iter().any(|name| self.names.contains(name)) {
            return Caller::Known { until: leaf.validity().not_after.timestamp() };
        }
        Caller::Unlisted(names.join(", "))
    }
}

/// What is known of the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// May send reviews, whoever it is.
    Trusted,
    /// May send reviews until its certificate expires, as Unix time.
    Known {
        /// The last second of the certificate.
        until: i64,
    },
    /// Showed no client certificate where one is asked for.
    Anonymous,
    /// Showed a good certificate, for names that are not on the list.
    Unlisted(String),
}

impl Caller {
    /// Waits for the moment from which the certificate counts no more; a resumed session brings one that nobody verified anew.
    pub(super) async fn expired(&self) {
        match self {
            Self::Known { until } => {
                while !self.is_expired() {
                    // In steps, as the clock of the system may be set.
                    let left = u64::try_from(until - unix_now() + 1).unwrap_or_default();
                    time::sleep(Duration::from_secs(left).min(CLOCK_STEP)).await;
                }
            }
            Self::Trusted | Self::Anonymous | Self::Unlisted(_) => future::pending().await,
        }
    }

    /// Whether a certificate was good once.
    pub(super) fn is_expired(&self) -> bool {
        matches!(self, Self::Known { until } if unix_now() > *until)
    }
}

/// The common name and the DNS names of a certificate.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned);
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let alternatives = alternatives.iter().flat_map(|alternatives| &alternatives.value.general_names);
    let dns = alternatives.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    common.chain(dns).collect()
}

/// Builds the configuration of the webhook's port: once, since `certificates` changes beneath it.
pub(super) fn configuration(
    certificates: Arc<Certificates>,
    clients: Option<&ClientAuthority>,
) -> Result<ServerConfig, TlsError> {
    let failed = |error: &dyn std::fmt::Display| TlsError::Configuration(error.to_string());
    let builder = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| failed(&error))?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            // A bad certificate ends the handshake, none does not: the kubelet's probes of this port show none, and a
            // caller without one gets an answer that says what is missing.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&clients.roots), crypto_provider())
                .allow_unauthenticated()
                .build()
                .map_err(|error| failed(&error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut configuration = builder.with_cert_resolver(certificates);
    // The API server speaks HTTP/1.1 to webhooks; not offering HTTP/2 keeps its attack surface out.
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    configuration.ticketer = rustls::crypto::ring::Ticketer::new().map_err(|error| failed(&error))?;
    Ok(configuration)
}
