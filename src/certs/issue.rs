//! A certificate of our own, for a server that is given none.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::CertificateError;
use super::pair::{Pair, unix_now};

/// Callers whose clock is behind still accept the certificate.
const CLOCK_SKEW: i64 = 300;
/// Below the 398 days beyond which some clients refuse a leaf.
const LIFETIME: i64 = 365 * 24 * 3600;

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
    ///
    /// P-256, which costs a third of RSA-2048 in each handshake.
    pub fn new(names: &[String]) -> Result<Self, CertificateError> {
        Self::make(names).map_err(|error| CertificateError::Issue(error.to_string()))?
    }

    fn make(names: &[String]) -> Result<Result<Self, CertificateError>, rcgen::Error> {
        let mut authority = valid(CertificateParams::default(), -CLOCK_SKEW, LIFETIME);
        authority.distinguished_name = common_name("plumbline");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;

        let mut subjects: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        subjects
            .extend(names.iter().filter(|name| !["localhost", "127.0.0.1", "::1"].contains(&name.as_str())).cloned());
        let mut leaf = valid(CertificateParams::new(subjects)?, -CLOCK_SKEW, LIFETIME);
        leaf.distinguished_name = common_name("plumbline webhook");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let leaf = leaf.signed_by(&key, &authority)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let pair = Pair::new(vec![leaf.der().clone()], "the certificate made at start", key, "its key");
        Ok(pair.map(|pair| Self { pair, ca_pem: authority.pem() }))
    }
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
        assert!(!issued.ca_pem.contains("KEY"));
    }

    #[test]
    fn a_name_that_is_none_is_an_error() {
        let error = Issued::new(&["no name: ü".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("cannot make a certificate: "), "{error}");
    }
}
