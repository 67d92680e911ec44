//! The CA bundle that the API server verifies plumbline by, and the certificate that plumbline shows.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Check;
use crate::certs::crypto_provider;

const BUNDLE: &str = "CA bundle";
const SERVING: &str = "serving certificate";
const DAY: i64 = 24 * 60 * 60;
/// Whoever renews by hand wants to hear of it a week ahead.
const NOTICE: i64 = 7 * DAY;

/// What a TLS handshake with plumbline showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Nobody asked for one.
    NotAsked,
    /// It did not come about.
    Failed(String),
    /// The chain, the serving certificate first.
    Shown(Vec<CertificateDer<'static>>),
}

/// Judges a bundle by itself. `injected` says whether cert-manager is to fill it in.
#[must_use]
pub fn judge_bundle(subject: &str, pem: &str, injected: bool, now: UnixTime) -> Check {
    let certificates = match certificates(pem) {
        Ok(certificates) => certificates,
        Err(why) => {
            let remedy = "put the PEM certificate of the CA there; the chart takes it as certificate.supplied.caBundle";
            return Check::problem(BUNDLE, subject, why, remedy);
        }
    };
    if certificates.is_empty() {
        let remedy = if injected {
            "cert-manager's cainjector fills it in: see whether it runs, and whether the Certificate is ready"
        } else {
            "set certificate.supplied.caBundle"
        };
        let seen = "it is empty, so the API server trusts no private CA and every call fails";
        return Check::problem(BUNDLE, subject, seen, remedy);
    }
    let Some((until, text)) = certificates.iter().filter_map(expiry).max() else {
        return Check::problem(BUNDLE, subject, "it holds no certificate that can be read", "replace it");
    };
    let renew =
        "renew the CA, and publish old and new one together until every replica shows a certificate of the new one";
    match until - seconds(now) {
        left if left <= 0 => {
            Check::problem(BUNDLE, subject, format!("its CA expired on {text}, and every call fails"), renew)
        }
        left if left < NOTICE => Check::warning(BUNDLE, subject, format!("its CA expires on {text}"), renew),
        _ => Check::ok(BUNDLE, subject, format!("{}, valid until {text}", number(certificates.len()))),
    }
}

/// Judges what plumbline showed against the bundles by which it is to be trusted.
#[must_use]
pub fn judge_handshake(server_name: &str, handshake: &Handshake, bundles: &[&str], now: UnixTime) -> Check {
    let chain = match handshake {
        Handshake::NotAsked => {
            return Check::unknown(
                SERVING,
                server_name,
                "not looked at from here",
                "kubectl port-forward service/plumbline 8443:443, and give --address 127.0.0.1:8443",
            );
        }
        Handshake::Failed(why) => {
            return Check::unknown(
                SERVING,
                server_name,
                format!("the handshake failed: {why}"),
                "give an --address at which this machine reaches the webhook's port",
            );
        }
        Handshake::Shown(chain) => chain,
    };
    let Some((until, text)) = chain.first().and_then(expiry) else {
        return Check::problem(SERVING, server_name, "it cannot be read", "issue another one");
    };
    for bundle in bundles {
        if let Err(why) = verify(chain, bundle, server_name, now) {
            let remedy = if seconds(now) > until {
                "renew it; plumbline takes up a renewed file within seconds"
            } else {
                "let caBundle be the CA that signed it, and the DNS name that of the Service"
            };
            let seen = format!("the API server would not accept it: {why} (it expires on {text})");
            return Check::problem(SERVING, server_name, seen, remedy);
        }
    }
    let seen = format!("verified by caBundle, valid until {text}");
    if until - seconds(now) < NOTICE {
        return Check::warning(SERVING, server_name, seen, "renew it, and see why nobody has yet");
    }
    Check::ok(SERVING, server_name, seen)
}

fn verify(chain: &[CertificateDer<'static>], bundle: &str, server_name: &str, now: UnixTime) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (leaf, intermediates) = chain.split_first().ok_or("it shows none")?;
    let name = ServerName::try_from(server_name.to_owned()).map_err(|error| text(&error))?;
    let trusted = certificates(bundle)?;
    // Go accepts a certificate that is itself in the bundle, whatever signed it.
    if trusted.contains(leaf) {
        let parsed = ParsedCertificate::try_from(leaf).map_err(|error| text(&error))?;
        verify_server_name(&parsed, &name).map_err(|error| text(&error))?;
        let expired = expiry(leaf).is_none_or(|(until, _)| until < seconds(now));
        return if expired { Err("certificate expired".to_owned()) } else { Ok(()) };
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), crypto_provider())
        .build()
        .map_err(|error| text(&error))?;
    verifier.verify_server_cert(leaf, intermediates, &name, &[], now).map(drop).map_err(|error| match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "caBundle does not hold the authority that signed it".to_owned()
        }
        error => text(&error),
    })
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("it is no PEM text: {error}"))
}

/// When a certificate expires, as Unix time and for people.
fn expiry(certificate: &CertificateDer<'static>) -> Option<(i64, String)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let until = certificate.validity().not_after;
    Some((until.timestamp(), until.to_string()))
}

fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn number(certificates: usize) -> String {
    if certificates == 1 { "1 certificate".to_owned() } else { format!("{certificates} certificates") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::testing::{Leaf, TestAuthority};
    use crate::doctor::Status;

    const NAME: &str = "plumbline.plumbline.svc";

    fn shown(authority: &TestAuthority, leaf: &Leaf) -> Handshake {
        Handshake::Shown(certificates(&authority.issue(leaf).chain).unwrap())
    }

    #[test]
    fn a_certificate_is_held_against_bundle_name_and_time() {
        let (authority, other) = (TestAuthority::new(), TestAuthority::new());
        let now = UnixTime::now();
        let month = 30 * DAY;
        let good = Leaf { to: month, ..Leaf::named([NAME]) };
        let judged = |handshake: &Handshake, bundle: &str| judge_handshake(NAME, handshake, &[bundle], now);
        let (ours, theirs) = (authority.pem(), other.pem());
        assert_eq!(judged(&shown(&authority, &good), &ours).status, Status::Ok);
        let both = format!("{theirs}{ours}");
        assert_eq!(judged(&shown(&authority, &good), &both).status, Status::Ok);
        for (handshake, bundle, why) in [
            (shown(&authority, &good), &theirs, "caBundle does not hold the authority"),
            (shown(&authority, &Leaf { to: month, ..Leaf::named(["other.svc"]) }), &ours, "not valid for name"),
            (shown(&authority, &Leaf { from: -7200, to: -3600, ..Leaf::named([NAME]) }), &ours, "expired"),
        ] {
            let check = judged(&handshake, bundle);
            assert_eq!(check.status, Status::Problem, "{check:?}");
            assert!(check.seen.contains(why), "{why}: {check:?}");
        }
        assert_eq!(judged(&shown(&authority, &Leaf::named([NAME])), &ours).status, Status::Warning);
        assert_eq!(judged(&Handshake::NotAsked, &ours).status, Status::Unknown);
    }

    #[test]
    fn a_certificate_in_the_bundle_is_trusted_as_go_does() {
        let authority = TestAuthority::new();
        let chain = authority.issue(&Leaf { to: 30 * DAY, ..Leaf::named([NAME]) }).chain;
        let handshake = Handshake::Shown(certificates(&chain).unwrap());
        assert_eq!(judge_handshake(NAME, &handshake, &[&chain], UnixTime::now()).status, Status::Ok);
    }

    #[test]
    fn an_empty_bundle_and_junk_are_problems() {
        let now = UnixTime::now();
        for (pem, injected, remedy) in [
            ("", true, "cert-manager's cainjector"),
            ("", false, "set certificate.supplied.caBundle"),
            ("-----BEGIN CERTIFICATE-----\n!\n", false, "put the PEM certificate"),
        ] {
            let check = judge_bundle("x", pem, injected, now);
            assert_eq!(check.status, Status::Problem, "{check:?}");
            assert!(check.remedy.starts_with(remedy), "{check:?}");
        }
        // An hour is soon.
        let pem = TestAuthority::new().pem();
        assert_eq!(judge_bundle("x", &pem, false, now).status, Status::Warning);
        let later = |seconds| UnixTime::since_unix_epoch(core::time::Duration::from_secs(now.as_secs() + seconds));
        assert_eq!(judge_bundle("x", &pem, false, later(7200)).status, Status::Problem);
    }
}
