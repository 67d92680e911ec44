//! The certificate the server shows, and how it changes while the server runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::metrics::Metrics;

pub use client::{ChainVerifier, client_config};
pub use files::CertificateFiles;
pub use issue::Issued;
pub use pair::Pair;
pub(crate) use pair::unix_now;
pub use self_managed::{FIELD_MANAGER, SelfManaged};

mod client;
mod files;
mod issue;
mod material;
mod pair;
mod self_managed;

#[cfg(test)]
pub(crate) use issue::testing;

/// The pair in use. Connections accepted after [`Certificates::replace`] get the new one; open ones keep theirs.
pub struct Certificates {
    current: ArcSwap<Pair>,
    metrics: Arc<Metrics>,
}

impl Certificates {
    /// Takes a first pair into use.
    #[must_use]
    pub fn new(pair: Pair, metrics: Arc<Metrics>) -> Self {
        metrics.certificate_loaded(pair.not_after());
        Self { current: ArcSwap::from_pointee(pair), metrics }
    }

    /// Takes another pair into use.
    pub fn replace(&self, pair: Pair) {
        self.metrics.certificate_loaded(pair.not_after());
        self.current.store(Arc::new(pair));
    }

    /// The pair in use.
    #[must_use]
    pub fn current(&self) -> Arc<Pair> {
        self.current.load_full()
    }
}

impl ResolvesServerCert for Certificates {
    /// Shows the one pair to everybody: an API server that dials the Service's address need not send its name.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.current.load().certified()))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("current", &self.current.load()).finish_non_exhaustive()
    }
}

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file holds something else than it should.
    #[error("{origin}: {reason}")]
    Content {
        /// Where the text came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is not the one that the certificate names.
    #[error("{key} is not the private key of {chain}: give the two files of one pair")]
    Mismatch {
        /// Where the chain came from.
        chain: String,
        /// Where the key came from.
        key: String,
    },
    /// The certificate's time is over, or has not come.
    #[error("{origin}: the certificate is valid from {not_before} to {not_after}, which is not now: renew it")]
    OutOfDate {
        /// Where the chain came from.
        origin: String,
        /// The first moment of its validity.
        not_before: String,
        /// The last moment of its validity.
        not_after: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Issue(String),
}

impl CertificateError {
    fn read(path: &Path, error: std::io::Error) -> Self {
        Self::Read { path: path.to_owned(), error }
    }

    fn content(origin: &str, reason: impl fmt::Display) -> Self {
        Self::Content { origin: origin.to_owned(), reason: reason.to_string() }
    }
}

/// The cryptography behind every TLS connection of the server.
///
/// Always passed explicitly: the process-wide default depends on which crates happen to be linked.
#[must_use]
pub fn crypto_provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    Arc::clone(&PROVIDER)
}
