//! TLS handshakes that fail: counted by reason, told in words that lead to the cause.

use std::io;
use std::net::SocketAddr;

use rustls::{AlertDescription, Error};

use crate::metrics::Metrics;
use crate::telemetry::Throttle;

/// Why a handshake failed, as far as a remedy differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Timeout,
    Closed,
    CertificateRefused,
    ClientCertificate,
    NotTls,
    NothingInCommon,
    Other,
}

impl Failure {
    /// Tells what an error of the accepting side stands for.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(
                AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::DecryptError,
            )) => Self::CertificateRefused,
            Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => Self::ClientCertificate,
            Some(Error::InvalidMessage(_)) => Self::NotTls,
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Self::NothingInCommon,
            Some(_) => Self::Other,
            None => match error.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    Self::Closed
                }
                _ => Self::Other,
            },
        }
    }

    /// The failure in one word, for the metric.
    const fn reason(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::CertificateRefused => "certificate_refused",
            Self::ClientCertificate => "client_certificate",
            Self::NotTls => "not_tls",
            Self::NothingInCommon => "nothing_in_common",
            Self::Other => "other",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Timeout => "the caller did not finish the handshake in time",
            Self::Closed => "the caller closed the connection; TCP probes do, an HTTPS probe is quieter",
            Self::CertificateRefused => {
                "the caller refused our certificate; the caBundle of the webhook configuration must verify it, \
                 for the name that the caller dials"
            }
            Self::ClientCertificate => "the caller's certificate is not one that the client CA issued for clients",
            Self::NotTls => "the caller does not speak TLS; use https",
            Self::NothingInCommon => "the caller offers no TLS 1.2 or 1.3 with HTTP/1.1",
            Self::Other => "the handshake broke off",
        }
    }

    /// Counts the failure, and logs one of each kind in a while.
    pub(super) fn record(self, peer: SocketAddr, error: &str, metrics: &Metrics, throttle: &Throttle) {
        let reason = self.reason();
        metrics.handshake_failed(reason);
        // A probe of the port opens and closes a connection every few seconds: not worth a warning.
        if self == Self::Closed {
            tracing::debug!(%peer, error, "{}", self.remedy());
        } else if let Some(withheld) = throttle.pass(reason) {
            tracing::warn!(%peer, reason, error, withheld, "TLS handshake failed: {}", self.remedy());
        }
    }
}
