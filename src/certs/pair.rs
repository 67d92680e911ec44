//! A certificate chain with the key of its first certificate.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CertificateError, crypto_provider};

/// A chain and its key, known to belong together.
#[derive(Clone, Debug)]
pub struct Pair {
    certified: Arc<CertifiedKey>,
    not_after: i64,
    names: Vec<String>,
}

impl Pair {
    /// Reads a chain and a key from PEM; `chain_origin` and `key_origin` say in errors where they came from.
    ///
    /// A pair whose time is not now is refused: every caller would refuse it too.
    pub fn from_pem(chain: &[u8], chain_origin: &str, key: &[u8], key_origin: &str) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError::content(chain_origin, format!("not a PEM file: {error}")))?;
        if chain.is_empty() {
            let reason = "no certificate in it: expected a PEM block \"BEGIN CERTIFICATE\"";
            return Err(CertificateError::content(chain_origin, reason));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            let reason = "no private key in it: expected a PEM block \"BEGIN PRIVATE KEY\", PKCS#8 and not encrypted";
            CertificateError::content(key_origin, reason)
        })?;
        Self::new(chain, chain_origin, key, key_origin)
    }

    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        chain_origin: &str,
        key: PrivateKeyDer<'static>,
        key_origin: &str,
    ) -> Result<Self, CertificateError> {
        let Some(leaf) = chain.first().cloned() else {
            return Err(CertificateError::content(chain_origin, "no certificate in it"));
        };
        let (_, leaf) = X509Certificate::from_der(&leaf)
            .map_err(|error| CertificateError::content(chain_origin, format!("not a certificate: {error}")))?;
        let validity = leaf.validity();
        let now = unix_now();
        if now < validity.not_before.timestamp() || now > validity.not_after.timestamp() {
            return Err(CertificateError::OutOfDate {
                origin: chain_origin.to_owned(),
                not_before: validity.not_before.to_string(),
                not_after: validity.not_after.to_string(),
            });
        }
        let (not_after, names) = (validity.not_after.timestamp(), names(&leaf));
        let certified = CertifiedKey::from_der(chain, key, &crypto_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                CertificateError::Mismatch { chain: chain_origin.to_owned(), key: key_origin.to_owned() }
            }
            error => CertificateError::content(key_origin, format!("cannot be used as a private key: {error}")),
        })?;
        Ok(Self { certified: Arc::new(certified), not_after, names })
    }

    /// When the certificate expires, as Unix time.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The DNS names and addresses that the certificate is good for.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether another pair shows the same chain.
    #[must_use]
    pub fn same_chain(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }

    /// The chain and key as rustls takes them.
    #[must_use]
    pub fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}

/// The DNS names and addresses in the subject alternative names.
fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let Ok(Some(alternatives)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    let name = |general: &GeneralName<'_>| match general {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => <[u8; 4]>::try_from(*octets)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from))
            .ok()
            .map(|address| address.to_string()),
        _ => None,
    };
    alternatives.value.general_names.iter().filter_map(name).collect()
}

pub(crate) fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Leaf, TestAuthority};
    use super::*;

    fn error(chain: &str, key: &str) -> String {
        Pair::from_pem(chain.as_bytes(), "tls.crt", key.as_bytes(), "tls.key").unwrap_err().to_string()
    }

    #[test]
    fn reads_a_pair_and_what_it_is_good_for() {
        let leaf = TestAuthority::new().issue(&Leaf::named(["localhost", "127.0.0.1", "::1"]));
        let pair = Pair::from_pem(leaf.chain.as_bytes(), "tls.crt", leaf.key.as_bytes(), "tls.key").unwrap();
        assert_eq!(pair.names(), ["localhost", "127.0.0.1", "::1"]);
        assert!((pair.not_after() - unix_now() - 3600).abs() < 60, "{}", pair.not_after());
    }

    #[test]
    fn says_which_file_holds_no_certificate_or_key() {
        let leaf = TestAuthority::new().issue(&Leaf::named(["localhost"]));
        assert!(error("", &leaf.key).starts_with("tls.crt: no certificate in it"));
        assert!(error(&leaf.key, &leaf.key).starts_with("tls.crt: no certificate in it"));
        assert!(error(&leaf.chain, &leaf.chain).starts_with("tls.key: no private key in it"));
        let torn = &leaf.chain[..leaf.chain.len() / 2];
        assert!(error(torn, &leaf.key).starts_with("tls.crt: not a PEM file"), "{}", error(torn, &leaf.key));
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(error(junk, &leaf.key).starts_with("tls.crt: not a certificate"));
    }

    #[test]
    fn refuses_a_key_of_another_certificate() {
        let authority = TestAuthority::new();
        let [one, other] = [(), ()].map(|()| authority.issue(&Leaf::named(["localhost"])));
        assert_eq!(
            error(&one.chain, &other.key),
            "tls.key is not the private key of tls.crt: give the two files of one pair"
        );
    }

    #[test]
    fn refuses_a_certificate_out_of_its_time() {
        let authority = TestAuthority::new();
        for (from, to) in [(-7200, -3600), (3600, 7200)] {
            let leaf = authority.issue(&Leaf { from, to, ..Leaf::named(["localhost"]) });
            let error = error(&leaf.chain, &leaf.key);
            assert!(error.starts_with("tls.crt: the certificate is valid from "), "{error}");
            assert!(error.ends_with("which is not now: renew it"), "{error}");
        }
    }
}
