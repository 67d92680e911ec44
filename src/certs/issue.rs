//! Certificates of our own, for a server that is given none.

use std::fmt;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};

use super::CertificateError;
use super::pair::{Pair, unix_now};
use crate::rotation::CLOCK_SKEW;

/// Below the 398 days beyond which some clients refuse a leaf.
const LIFETIME: u32 = 365 * 24 * 3600;
/// Where a server is reached without a cluster.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A pair made at start, and what a caller needs to trust it. Nothing of it is kept: the key of the authority is gone
/// once the leaf is signed.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The leaf and its key.
    pub pair: Pair,
    /// The authority's certificate as PEM, for a caller's CA bundle.
    pub ca_pem: String,
}

impl Issued {
    /// Makes an authority and a leaf for `localhost`, the loopback addresses and `names` (DNS names or addresses).
    pub fn new(names: &[String]) -> Result<Self, CertificateError> {
        let authority = PemPair::authority(LIFETIME)?;
        let mut subjects: Vec<String> = LOOPBACK.map(str::to_owned).into();
        subjects.extend(names.iter().filter(|name| !LOOPBACK.contains(&name.as_str())).cloned());
        let leaf = authority.issue(&subjects, LIFETIME)?;
        Ok(Self { pair: leaf.pair("the certificate made at start", "its key")?, ca_pem: authority.certificate })
    }
}

/// A certificate and its key as PEM.
///
/// P-256, which costs a third of RSA-2048 in each handshake.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PemPair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl PemPair {
    /// Makes an authority that is valid for some seconds.
    pub(super) fn authority(lifetime: u32) -> Result<Self, CertificateError> {
        let make = || {
            let mut params = valid(CertificateParams::default(), -CLOCK_SKEW, lifetime.into());
            params.distinguished_name = common_name("plumbline");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let authority = CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;
            Ok(Self { certificate: authority.pem(), key: authority.key().serialize_pem() })
        };
        make().map_err(failed)
    }

    /// Signs a leaf for some names that is valid for some seconds.
    pub(super) fn issue(&self, names: &[String], lifetime: u32) -> Result<Self, CertificateError> {
        let make = || {
            let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
            let mut params = valid(CertificateParams::new(names)?, -CLOCK_SKEW, lifetime.into());
            params.distinguished_name = common_name("plumbline webhook");
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.use_authority_key_identifier_extension = true;
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            Ok(Self { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
        };
        make().map_err(failed)
    }

    /// The same, ready to be shown.
    pub(super) fn pair(&self, origin: &str, key_origin: &str) -> Result<Pair, CertificateError> {
        Pair::from_pem(self.certificate.as_bytes(), origin, self.key.as_bytes(), key_origin)
    }
}

impl fmt::Debug for PemPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key stays out of logs.
        f.debug_struct("PemPair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn failed(error: rcgen::Error) -> CertificateError {
    CertificateError::Issue(error.to_string())
}

/// Sets the validity, in seconds from now.
fn valid(mut params: CertificateParams, from: i64, to: i64) -> CertificateParams {
    let at = |offset: i64| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(unix_now().saturating_add(offset).unsigned_abs())
    };
    (params.not_before, params.not_after) = (at(from), at(to));
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// An authority that issues whatever a test asks for.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) struct TestAuthority(CertifiedIssuer<'static, KeyPair>);

    pub(crate) struct Leaf {
        pub(crate) common_name: &'static str,
        pub(crate) names: Vec<String>,
        pub(crate) usage: ExtendedKeyUsagePurpose,
        /// Seconds from now.
        pub(crate) from: i64,
        /// Seconds from now.
        pub(crate) to: i64,
    }

    impl Leaf {
        pub(crate) fn named<const N: usize>(names: [&str; N]) -> Self {
            let names = names.map(str::to_owned).into();
            Self { common_name: "test", names, usage: ExtendedKeyUsagePurpose::ServerAuth, from: -60, to: 3600 }
        }

        pub(crate) fn client(common_name: &'static str) -> Self {
            Self { common_name, usage: ExtendedKeyUsagePurpose::ClientAuth, ..Self::named([]) }
        }
    }

    /// A chain and a key as PEM.
    pub(crate) struct PemPair {
        pub(crate) chain: String,
        pub(crate) key: String,
    }

    impl TestAuthority {
        pub(crate) fn new() -> Self {
            let mut params = valid(CertificateParams::default(), -60, 3600);
            params.distinguished_name = common_name("test authority");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
        }

        pub(crate) fn pem(&self) -> String {
            self.0.pem()
        }

        pub(crate) fn issue(&self, leaf: &Leaf) -> PemPair {
            let mut params = valid(CertificateParams::new(leaf.names.clone()).unwrap(), leaf.from, leaf.to);
            params.distinguished_name = common_name(leaf.common_name);
            params.extended_key_usages = vec![leaf.usage.clone()];
            let key = KeyPair::generate().unwrap();
            PemPair { chain: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaf_is_good_for_loopback_and_more_names() {
        let issued = Issued::new(&["plumbline.kserve.svc".to_owned(), "localhost".to_owned()]).unwrap();
        assert_eq!(issued.pair.names(), ["localhost", "127.0.0.1", "::1", "plumbline.kserve.svc"]);
        assert!(issued.ca_pem.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!issued.ca_pem.contains("PRIVATE KEY"));
    }

    #[test]
    fn a_name_that_is_none_is_an_error() {
        let error = Issued::new(&["no name: ü".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("cannot make a certificate: "), "{error}");
    }
}
