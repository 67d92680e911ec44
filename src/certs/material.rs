//! What the Secret of a self-managed certificate holds, and what is written to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{KeyPair, PublicKeyData};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::issue::PemPair;
use super::{CertificateError, Pair, crypto_provider};
use crate::rotation::{CLOCK_SKEW, Dated, Id, Ids, Kept, Periods, Purity};

const AUTHORITY: [&str; 2] = ["ca.crt", "ca.key"];
const LEAF: [&str; 2] = ["tls.crt", "tls.key"];
const NEXT: [&str; 2] = ["next-ca.crt", "next-ca.key"];
const PREVIOUS: &str = "previous-ca.crt";

/// The data of a Secret.
pub(super) type Data = BTreeMap<String, ByteString>;

/// An authority that can sign, a leaf of its, and what comes before and after.
#[derive(Clone, Debug)]
pub(super) struct Material {
    authority: Authority,
    leaf: Option<Leaf>,
    next: Option<Authority>,
    previous: Ids,
}

#[derive(Clone, Debug)]
struct Authority {
    pem: PemPair,
    dated: Dated,
}

#[derive(Clone, Debug)]
struct Leaf {
    pem: PemPair,
    pair: Pair,
    dated: Dated,
}

impl Material {
    /// Makes an authority and a leaf, from nothing.
    pub(super) fn generate(names: &[String], periods: &Periods, now: i64) -> Result<Self, CertificateError> {
        let authority = Authority::generate(periods)?;
        let leaf = Some(authority.issue(names, periods, now)?);
        Ok(Self { authority, leaf, next: None, previous: Ids::new() })
    }

    /// Reads the data of a Secret. A leaf that cannot be shown for the first of the names is left out, and so is a next
    /// authority that cannot sign; without an authority there is nothing to go on with.
    pub(super) fn read(data: &Data, names: &[String], now: i64) -> Result<Self, CertificateError> {
        let authority = Authority::read(data, AUTHORITY, now)?;
        let leaf = Leaf::read(data, &authority, names).ok();
        let next = if data.contains_key(NEXT[0]) { Authority::read(data, NEXT, now).ok() } else { None };
        let previous = data.get(PREVIOUS).map(|bytes| read_bundle(&bytes.0, now).0).unwrap_or_default();
        Ok(Self { authority, leaf, next, previous })
    }

    /// The data of a Secret that holds all this.
    pub(super) fn data(&self) -> Data {
        let pairs = [
            (AUTHORITY, Some(&self.authority.pem)),
            (LEAF, self.leaf.as_ref().map(|leaf| &leaf.pem)),
            (NEXT, self.next.as_ref().map(|next| &next.pem)),
        ];
        let mut data = Data::new();
        for ([certificate, key], pem) in pairs {
            if let Some(pem) = pem {
                data.insert(certificate.to_owned(), ByteString(pem.certificate.clone().into_bytes()));
                data.insert(key.to_owned(), ByteString(pem.key.clone().into_bytes()));
            }
        }
        if !self.previous.is_empty() {
            data.insert(PREVIOUS.to_owned(), ByteString(write_bundle(&self.previous)));
        }
        data
    }

    /// The same without the keys, for the rotation to decide on.
    pub(super) fn kept(&self) -> Kept {
        Kept {
            authority: self.authority.dated.clone(),
            leaf: self.leaf.as_ref().map(|leaf| leaf.dated.clone()),
            next: self.next.as_ref().map(|next| next.dated.clone()),
            previous: self.previous.clone(),
        }
    }

    /// What is to be shown.
    pub(super) fn pair(&self) -> Option<&Pair> {
        self.leaf.as_ref().map(|leaf| &leaf.pair)
    }

    /// The same with another leaf.
    pub(super) fn with_leaf(mut self, names: &[String], periods: &Periods, now: i64) -> Result<Self, CertificateError> {
        self.leaf = Some(self.authority.issue(names, periods, now)?);
        Ok(self)
    }

    /// The same with a fresh authority to come.
    pub(super) fn with_next(mut self, periods: &Periods) -> Result<Self, CertificateError> {
        self.next = Some(Authority::generate(periods)?);
        Ok(self)
    }

    /// The same with the next authority in force; its key is the only one that is left.
    pub(super) fn promoted(mut self, names: &[String], periods: &Periods, now: i64) -> Result<Self, CertificateError> {
        if let Some(next) = self.next.take() {
            self.previous.insert(self.authority.dated.id);
            self.authority = next;
        }
        self.with_leaf(names, periods, now)
    }

    /// The same, trusting these as well.
    pub(super) fn trusting(mut self, ids: &Ids) -> Self {
        self.previous = &(&self.previous | ids) - &self.named();
        self
    }

    /// The same, trusting none of those that came before.
    pub(super) fn without_previous(mut self) -> Self {
        self.previous.clear();
        self
    }

    /// Whether the authority in force is valid.
    pub(super) fn is_valid(&self, now: i64) -> bool {
        now < self.authority.dated.until
    }

    fn named(&self) -> Ids {
        let dated = [Some(&self.authority), self.next.as_ref()].into_iter().flatten();
        dated.map(|authority| authority.dated.id.clone()).collect()
    }
}

impl Authority {
    fn generate(periods: &Periods) -> Result<Self, CertificateError> {
        let pem = PemPair::authority(periods.authority)?;
        let dated = dated(pem.certificate.as_bytes(), "a new CA")?;
        Ok(Self { pem, dated })
    }

    fn read(data: &Data, keys: [&str; 2], now: i64) -> Result<Self, CertificateError> {
        let [origin, key_origin] = keys;
        let pem = pem_pair(data, keys)?;
        let dated = dated(pem.certificate.as_bytes(), origin)?;
        let certificate = X509Certificate::from_der(&dated.id.0)
            .map_err(|error| CertificateError::content(origin, format!("not a certificate: {error}")))?
            .1;
        if !is_valid_authority(&certificate, now) {
            return Err(CertificateError::content(origin, "no CA, or one whose time is not now"));
        }
        let key = KeyPair::from_pem(&pem.key)
            .map_err(|error| CertificateError::content(key_origin, format!("no private key in it: {error}")))?;
        if key.subject_public_key_info() != certificate.public_key().raw {
            return Err(CertificateError::Mismatch { chain: origin.to_owned(), key: key_origin.to_owned() });
        }
        Ok(Self { pem, dated })
    }

    fn issue(&self, names: &[String], periods: &Periods, now: i64) -> Result<Leaf, CertificateError> {
        // A leaf that outlives its authority says more than is true.
        let left = u32::try_from((self.dated.until - now).max(0)).unwrap_or(u32::MAX);
        let pem = self.pem.issue(names, periods.leaf.min(left))?;
        let pair = pem.pair("a new certificate", "its key")?;
        let dated = dated(pem.certificate.as_bytes(), "a new certificate")?;
        Ok(Leaf { pem, pair, dated })
    }
}

impl Leaf {
    fn read(data: &Data, authority: &Authority, names: &[String]) -> Result<Self, CertificateError> {
        let [origin, key_origin] = LEAF;
        let pem = pem_pair(data, LEAF)?;
        let pair = pem.pair(origin, key_origin)?;
        let unfit = |error: &dyn std::fmt::Display| CertificateError::content(origin, error);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.dated.id.0.to_vec())).map_err(|error| unfit(&error))?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto_provider())
            .build()
            .map_err(|error| unfit(&error))?;
        let chain = &pair.certified().cert;
        let (leaf, intermediates) = chain.split_first().ok_or_else(|| unfit(&"no certificate in it"))?;
        for name in names {
            let name = ServerName::try_from(name.as_str()).map_err(|error| unfit(&error))?;
            let verified = verifier.verify_server_cert(leaf, intermediates, &name, &[], UnixTime::now());
            verified.map_err(|error| unfit(&error))?;
        }
        let dated = dated(pem.certificate.as_bytes(), origin)?;
        Ok(Self { pem, pair, dated })
    }
}

/// Reads the authorities of a bundle that are valid now.
pub(super) fn read_bundle(bytes: &[u8], now: i64) -> (Ids, Purity) {
    let certificates = CertificateDer::pem_slice_iter(bytes).map_while(Result::ok);
    let valid = certificates.filter(|der| {
        X509Certificate::from_der(der).is_ok_and(|(_, certificate)| is_valid_authority(&certificate, now))
    });
    let ids: Ids = valid.map(|der| id(&der)).collect();
    let purity = if write_bundle(&ids) == bytes { Purity::Pure } else { Purity::Mixed };
    (ids, purity)
}

/// A bundle of these authorities, the same for everybody.
pub(super) fn write_bundle(ids: &Ids) -> Vec<u8> {
    let block = |id: &Id| {
        let block = Pem::new("CERTIFICATE", id.0.to_vec());
        pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF))
    };
    ids.iter().map(block).collect::<String>().into_bytes()
}

fn is_valid_authority(certificate: &X509Certificate<'_>, now: i64) -> bool {
    let validity = certificate.validity();
    certificate.is_ca() && (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
}

fn pem_pair(data: &Data, keys: [&str; 2]) -> Result<PemPair, CertificateError> {
    let text = |key: &str| {
        let bytes = data.get(key).ok_or_else(|| CertificateError::content(key, "missing"))?;
        String::from_utf8(bytes.0.clone()).map_err(|error| CertificateError::content(key, error))
    };
    let [certificate, key] = keys;
    Ok(PemPair { certificate: text(certificate)?, key: text(key)? })
}

/// The first certificate of a PEM text and when it is used.
fn dated(pem: &[u8], origin: &str) -> Result<Dated, CertificateError> {
    let der = CertificateDer::from_pem_slice(pem)
        .map_err(|error| CertificateError::content(origin, format!("no certificate in it: {error}")))?;
    let (_, certificate) = X509Certificate::from_der(&der)
        .map_err(|error| CertificateError::content(origin, format!("not a certificate: {error}")))?;
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    Ok(Dated { id: id(&der), from: (from + CLOCK_SKEW).min(until), until })
}

fn id(der: &CertificateDer<'_>) -> Id {
    Id(der.as_ref().into())
}

#[cfg(test)]
mod tests {
    use super::super::pair::unix_now;
    use super::super::testing::{Leaf as TestLeaf, TestAuthority};
    use super::*;

    const PERIODS: Periods = Periods { authority: 1000, leaf: 300, settle: 1, retire: 1 };

    fn names() -> [String; 1] {
        ["plumbline.plumbline.svc".to_owned()]
    }

    fn fresh() -> Material {
        Material::generate(&names(), &PERIODS, unix_now()).unwrap()
    }

    fn read(data: &Data) -> Result<Material, String> {
        Material::read(data, &names(), unix_now()).map_err(|error| error.to_string())
    }

    fn with(edit: impl FnOnce(&mut Data)) -> Result<Material, String> {
        let mut data = fresh().data();
        edit(&mut data);
        read(&data)
    }

    fn set(data: &mut Data, key: &str, text: &str) {
        data.insert(key.to_owned(), ByteString(text.as_bytes().to_vec()));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let (now, stranger) = (unix_now(), fresh());
        let begun = fresh().with_next(&PERIODS).unwrap().trusting(&stranger.kept().trusted());
        let again = read(&begun.data()).unwrap();
        assert_eq!((again.kept(), again.data()), (begun.kept(), begun.data()));
        assert_eq!(begun.kept().trusted().len(), 3);

        let promoted = read(&begun.clone().promoted(&names(), &PERIODS, now).unwrap().data()).unwrap().kept();
        assert_eq!(Some(&promoted.authority), begun.kept().next.as_ref());
        assert_eq!((promoted.next, promoted.previous.len()), (None, 2));
        assert!(promoted.leaf.is_some(), "signed by the authority that took over");
        let keys: Vec<_> =
            begun.promoted(&names(), &PERIODS, now).unwrap().without_previous().data().into_keys().collect();
        assert_eq!(keys, ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    }

    #[test]
    fn lifetimes_are_counted_from_the_making_and_a_leaf_ends_with_its_authority() {
        let now = unix_now();
        let kept = fresh().kept();
        let leaf = kept.leaf.unwrap();
        assert!((kept.authority.until - kept.authority.from - 1000).abs() <= 1, "{:?}", kept.authority);
        assert!((leaf.until - leaf.from - 300).abs() <= 1 && (leaf.from - now).abs() <= 1, "{leaf:?}");
        let late = fresh().with_leaf(&names(), &PERIODS, now + 900).unwrap().kept().leaf.unwrap();
        assert!((late.until - late.from - 100).abs() <= 1, "{late:?}");

        // An authority for centuries is nothing that we make, and signs all the same.
        let ages = Periods { authority: u32::MAX, ..PERIODS };
        let mut ages = Material::generate(&names(), &ages, now).unwrap();
        ages.authority.dated.until += 100 * i64::from(u32::MAX);
        let leaf = ages.with_leaf(&names(), &PERIODS, now).unwrap().kept().leaf.unwrap();
        assert!((leaf.until - leaf.from - 300).abs() <= 1, "{leaf:?}");
    }

    #[test]
    fn without_an_authority_that_can_sign_nothing_is_read() {
        let other = fresh().data();
        let (certificate, key) = (other["ca.crt"].clone(), other["ca.key"].clone());
        let leaf = String::from_utf8(other["tls.crt"].0.clone()).unwrap();
        for (read, says) in [
            (with(|data| drop(data.remove("ca.crt"))), "ca.crt: missing"),
            (with(|data| set(data, "ca.crt", "garbage")), "ca.crt: no certificate in it"),
            (with(|data| set(data, "ca.key", "garbage")), "ca.key: no private key in it"),
            (with(|data| set(data, "ca.crt", &leaf)), "ca.crt: no CA, or one whose time is not now"),
            (
                with(|data| drop(data.insert("ca.crt".to_owned(), certificate))),
                "ca.key is not the private key of ca.crt",
            ),
            (with(|data| drop(data.insert("ca.key".to_owned(), key))), "ca.key is not the private key of ca.crt"),
        ] {
            let error = read.unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
        let error = Material::read(&other, &names(), unix_now() + 2000).unwrap_err().to_string();
        assert_eq!(error, "ca.crt: no CA, or one whose time is not now");
    }

    #[test]
    fn a_leaf_that_callers_would_refuse_is_left_out() {
        let stranger = TestAuthority::new().issue(&TestLeaf::named(["plumbline.plumbline.svc"]));
        let strange = |data: &mut Data| {
            set(data, "tls.crt", &stranger.chain);
            set(data, "tls.key", &stranger.key);
        };
        assert!(with(strange).unwrap().pair().is_none(), "of another authority");
        assert!(with(|data| drop(data.remove("tls.key"))).unwrap().pair().is_none());
        assert!(with(|data| set(data, "tls.crt", &stranger.chain)).unwrap().pair().is_none(), "of another key");
        let elsewhere = ["elsewhere.plumbline.svc".to_owned()];
        let data = fresh().data();
        assert!(Material::read(&data, &elsewhere, unix_now()).unwrap().pair().is_none(), "for another name");
        assert!(read(&data).unwrap().pair().is_some());
    }

    #[test]
    fn a_bundle_is_pure_if_it_is_as_we_write_it() {
        let (now, trusted) = (unix_now(), fresh().with_next(&PERIODS).unwrap().kept().trusted());
        let bundle = write_bundle(&trusted);
        assert_eq!(read_bundle(&bundle, now), (trusted.clone(), Purity::Pure));
        assert_eq!(read_bundle(&[b"# ours\n", &*bundle].concat(), now), (trusted, Purity::Mixed));
        assert_eq!(read_bundle(b"", now), (Ids::new(), Purity::Pure));
        assert_eq!(read_bundle(b"garbage", now), (Ids::new(), Purity::Mixed));
        assert_eq!(read_bundle(&bundle, now + 2000), (Ids::new(), Purity::Mixed), "expired");
    }

    #[test]
    fn keys_stay_out_of_what_is_printed() {
        let material = fresh().with_next(&PERIODS).unwrap();
        assert!(!format!("{material:?}").contains("PRIVATE"), "{material:?}");
    }
}
