//! Certificates that expired, are for another name or of another authority: the caller's and the server's own.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use plumbline::certs::{ChainVerifier, client_config};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::serving::{Serving, review};
use crate::wire::{PATIENCE, Tls, status, until_closed};
use crate::{EXAMPLE, gateway};

/// How often the server looks at its files, and some more for a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// An authority that issues whatever a test asks for.
struct Authority(CertifiedIssuer<'static, KeyPair>);

struct Leaf {
    chain: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed"))
    }

    /// Issues a certificate that is good from and to some seconds from now.
    fn issue(&self, common: &str, names: &[&str], usage: ExtendedKeyUsagePurpose, from: i64, to: i64) -> Leaf {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![usage];
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("past 1970").as_secs();
        let at = |offset: i64| {
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now.checked_add_signed(offset).expect("a time"))
        };
        (params.not_before, params.not_after) = (at(from), at(to));
        let key = KeyPair::generate().expect("a key");
        Leaf { chain: params.signed_by(&key, &self.0).expect("signed").pem(), key: key.serialize_pem() }
    }

    fn client(&self, common: &str, to: i64) -> Leaf {
        self.issue(common, &[], ExtendedKeyUsagePurpose::ClientAuth, -3600, to)
    }

    fn server(&self, names: &[&str], to: i64) -> Leaf {
        self.issue("plumbline", names, ExtendedKeyUsagePurpose::ServerAuth, -3600, to)
    }
}

/// What a client that trusts these roots and shows this certificate brings along; sessions are resumed within it.
fn client(roots: RootCertStore, shown: &Leaf, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let chain = vec![CertificateDer::from_pem_slice(shown.chain.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).expect("a version");
    Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(chain, key).expect("a pair"))
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")).expect("a root");
    roots
}

fn connect(serving: &Serving, config: &Arc<ClientConfig>) -> Tls {
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a client"), serving.tcp())
}

fn good_review(end: &str) -> Vec<u8> {
    let body = review(None, Some(&gateway(&["*"])), true).to_string();
    let head = "POST /validate?timeout=5s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    format!("{head}{end}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Sends one review as this client; gives the answer, empty where the server turned it away.
fn call(serving: &Serving, config: &Arc<ClientConfig>) -> String {
    let mut stream = connect(serving, config);
    let _ = stream.write_all(&good_review("Connection: close\r\n"));
    until_closed(&mut stream)
}

/// Waits for something to become true.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never came true: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn logged(serving: &Serving, text: &str) -> bool {
    serving.log.lock().expect("kept").contains(text)
}

/// The files of an authority for clients, and a server that asks for its certificates.
fn serving_clients(scratch: &Path, clients: &Authority, arguments: &[&str]) -> (Serving, RootCertStore) {
    let (ca, own) = (scratch.join("clients.pem"), scratch.join("own.pem"));
    fs::write(&ca, clients.0.pem()).expect("writable");
    let ca = ca.display().to_string();
    let arguments: Vec<_> = ["--client-ca", &ca].iter().chain(arguments).copied().collect();
    let serving = Serving::start_trusting(Path::new(EXAMPLE), &arguments, &own);
    let roots = roots(&fs::read_to_string(own).expect("written"));
    (serving, roots)
}

#[test]
fn a_client_certificate_has_to_be_good_in_its_time_and_for_a_name_that_may_call() {
    let scratch = tempfile::tempdir().expect("a folder");
    let clients = Authority::new();
    let (serving, trusted) = serving_clients(scratch.path(), &clients, &["--client-names", "kube-apiserver,other"]);
    let listed = clients.client("kube-apiserver", 3600);
    let usage = ExtendedKeyUsagePurpose::ClientAuth;
    for version in rustls::ALL_VERSIONS {
        let as_client = |leaf: &Leaf| call(&serving, &client(trusted.clone(), leaf, version));
        assert_eq!(status(&as_client(&listed)), 200, "{version:?}");
        let unlisted = as_client(&clients.issue("mallory", &["evil.test"], usage.clone(), -60, 3600));
        assert_eq!(status(&unlisted), 403, "{unlisted}");
        assert!(unlisted.contains("\"mallory, evil.test\" is not one of those that may call"), "{unlisted}");
        let in_a_name = as_client(&clients.issue("x", &["kube-apiserver"], usage.clone(), -60, 3600));
        assert_eq!(status(&in_a_name), 200, "a DNS name counts as well: {in_a_name}");
        for (what, refused) in [
            ("expired", clients.client("kube-apiserver", -60)),
            ("not yet", clients.issue("kube-apiserver", &[], usage.clone(), 3000, 3600)),
            ("of another authority", Authority::new().client("kube-apiserver", 3600)),
            ("a server's", clients.server(&["kube-apiserver"], 3600)),
        ] {
            let started = Instant::now();
            let answer = as_client(&refused);
            assert_eq!(answer, "", "{what}, {version:?}: it has no say");
            assert!(started.elapsed() < SOON, "{what} was left waiting for {:?}", started.elapsed());
            assert_eq!(status(&as_client(&listed)), 200, "others are served after one that is {what}");
        }
    }
    // Without one, nobody judges, and the kubelet still probes.
    let anonymous = serving.exchange(&good_review("Connection: close\r\n"));
    assert_eq!(status(&anonymous), 403, "{anonymous}");
    let probe = serving.exchange(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&probe), 200, "{probe}");
    let page = page(&serving, &client(trusted, &listed, &rustls::version::TLS13), "/metrics");
    assert!(page.contains("plumbline_handshake_failures_total{reason=\"client_certificate\"} 8"), "{page}");
    // Of many such failures the log tells the first.
    eventually("the log tells why", || logged(&serving, "\"reason\":\"client_certificate\""));
    assert!(logged(&serving, "certificate expired"), "the first of them was");
}

#[test]
fn names_that_nobody_is_held_to_are_refused_at_start() {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["serve", "--listen", "127.0.0.1:0", "--manifests", EXAMPLE, "--client-names", "kube-apiserver"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && said.contains("set client-ca as well"), "{said}");
}

fn page(serving: &Serving, config: &Arc<ClientConfig>, path: &str) -> String {
    let mut stream = connect(serving, config);
    let _ = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes());
    until_closed(&mut stream)
}

#[test]
fn a_client_certificate_that_expires_ends_what_was_built_on_it() {
    let scratch = tempfile::tempdir().expect("a folder");
    let clients = Authority::new();
    let (serving, trusted) = serving_clients(scratch.path(), &clients, &[]);
    let lasting = client(trusted.clone(), &clients.client("kube-apiserver", 3600), &rustls::version::TLS13);
    let mut kept = connect(&serving, &lasting);
    let lives = 8;
    let started = Instant::now();
    let leaf = clients.client("kube-apiserver", lives);
    let configs = rustls::ALL_VERSIONS.iter().map(|version| client(trusted.clone(), &leaf, version));
    let open: Vec<_> = configs
        .map(|config| {
            let mut stream = connect(&serving, &config);
            let answer = answered(&mut stream);
            assert_eq!(status(&answer), 200, "{answer}");
            (stream, config)
        })
        .collect();
    assert_eq!(status(&answered(&mut kept)), 200);
    assert!(started.elapsed() < Duration::from_secs(lives.unsigned_abs()), "too slow a machine to say anything");
    for (mut stream, config) in open {
        let rest = until_closed(&mut stream);
        assert_eq!(rest, "", "it is idle, and closed");
        let lived = started.elapsed();
        assert!(lived >= Duration::from_secs(lives.unsigned_abs() - 1), "closed early, after {lived:?}");
        assert!(lived < Duration::from_secs(lives.unsigned_abs()) + SOON, "closed late, after {lived:?}");
        // The session it resumes was begun by a certificate that was good.
        let resumed = call(&serving, &config);
        assert!(resumed.is_empty() || status(&resumed) == 403, "{resumed}");
        assert!(resumed.is_empty() || resumed.contains("the client certificate has expired"), "{resumed}");
    }
    assert_eq!(status(&answered(&mut kept)), 200, "a certificate that lasts keeps its connection");
}

/// Sends a review on a connection that stays open; gives its answer.
fn answered(stream: &mut Tls) -> String {
    stream.write_all(&good_review("")).expect("sent");
    let mut answer = Vec::new();
    let mut read = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
            if length.is_some_and(|length| body.len() >= length.parse::<usize>().expect("a length")) {
                return text;
            }
        }
        let count = stream.read(&mut read).expect("answered");
        assert!(count > 0, "closed: {text}");
        answer.extend_from_slice(&read[..count]);
    }
}

/// A server whose own certificate is what stands in two files.
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

impl Files {
    fn put(folder: &Path, leaf: &Leaf) -> Self {
        let files = Self { chain: folder.join("tls.crt"), key: folder.join("tls.key") };
        files.replace(leaf);
        files
    }

    fn replace(&self, leaf: &Leaf) {
        fs::write(&self.chain, &leaf.chain).expect("writable");
        fs::write(&self.key, &leaf.key).expect("writable");
    }

    fn serve(&self, authority: &Authority) -> Serving {
        let ca = self.chain.with_file_name("ca.pem");
        fs::write(&ca, authority.0.pem()).expect("writable");
        let [chain, key] = [&self.chain, &self.key].map(|path| path.display().to_string());
        Serving::start_trusting(Path::new(EXAMPLE), &["--tls-cert", &chain, "--tls-key", &key], &ca)
    }
}

/// Whether a caller that verifies the server, as the API server does, gets a verdict.
fn is_trusted(serving: &Serving) -> bool {
    // A session that is resumed shows no certificate.
    let mut config = (*serving.tls).clone();
    config.resumption = rustls::client::Resumption::disabled();
    let mut stream = connect(serving, &Arc::new(config));
    if let Err(error) = stream.write_all(&good_review("Connection: close\r\n")) {
        assert!(error.to_string().contains("certificate"), "{error}");
        return false;
    }
    status(&until_closed(&mut stream)) == 200
}

/// Reads a page as somebody who does not care what certificate is shown.
fn unverified(serving: &Serving, path: &str) -> String {
    page(serving, &client_config(ChainVerifier::new(|_| Ok(()))).expect("a client"), path)
}

#[test]
fn a_server_certificate_that_expires_is_told_until_it_is_renewed() {
    let scratch = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let files = Files::put(scratch.path(), &authority.server(&["localhost"], 12));
    let serving = files.serve(&authority);
    assert!(is_trusted(&serving));
    eventually("the end is announced", || logged(&serving, "the certificate is about to expire"));
    eventually("it expires", || !is_trusted(&serving));
    eventually("that is told", || {
        logged(&serving, "the certificate has expired, and every caller refuses it: renew it")
    });
    // Taking the replica away would help nobody: all of them show this one.
    assert_eq!(status(&unverified(&serving, "/readyz")), 200);
    assert_eq!(status(&unverified(&serving, "/livez")), 200);
    let metrics = unverified(&serving, "/metrics");
    assert!(metrics.contains("plumbline_handshake_failures_total{reason=\"certificate_refused\"}"), "{metrics}");
    let refusal = "the caller refused our certificate; the caBundle of the webhook configuration must verify it";
    eventually("and why callers went away", || logged(&serving, refusal));

    // What is no better is left aside.
    files.replace(&authority.server(&["localhost"], -60));
    eventually("it is left aside", || logged(&serving, "left a new certificate aside"));
    assert!(logged(&serving, "which is not now: renew it"));
    let refused = "plumbline_certificate_loads_total{result=\"refused\"} 1";
    assert!(unverified(&serving, "/metrics").contains(refused), "{}", unverified(&serving, "/metrics"));
    files.replace(&authority.server(&["localhost"], 3600));
    eventually("the renewed one is in use", || is_trusted(&serving));
    assert!(!serving.log.lock().expect("kept").contains("PRIVATE KEY"));
}

#[test]
fn a_server_certificate_for_another_name_is_told_when_callers_turn_away() {
    let scratch = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let files = Files::put(scratch.path(), &authority.server(&["other.test"], 3600));
    let serving = files.serve(&authority);
    assert!(!is_trusted(&serving));
    eventually("the log says what to look at", || logged(&serving, "for the name that the caller dials"));
    let metrics = unverified(&serving, "/metrics");
    assert!(metrics.contains("plumbline_handshake_failures_total{reason=\"certificate_refused\"} 1"), "{metrics}");
    files.replace(&authority.server(&["localhost"], 3600));
    eventually("the right one is in use", || is_trusted(&serving));
    eventually("and told with its names", || logged(&serving, "\"names\":\"localhost\""));
}
