//! A `plumbline serve --manifests` of its own, spoken to over real TLS.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

/// A running server; dropped, it is killed.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Arc<ClientConfig>,
    /// What it logs from then on.
    pub(crate) log: Arc<Mutex<String>>,
}

impl Serving {
    /// Serves a directory and waits until the port is announced.
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        Self::start_trusting(directory, arguments, &scratch.path().join("ca.pem"))
    }

    /// The same, with the file of the CA to trust: the server writes it, unless it is given a certificate.
    pub(crate) fn start_trusting(directory: &Path, arguments: &[&str], ca: &Path) -> Self {
        let writes = (!arguments.contains(&"--tls-cert")).then_some(OsStr::new("--write-ca"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_plumbline"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--drain-seconds", "0", "--manifests"])
            .arg(directory)
            .args(arguments)
            .args(writes.map(|flag| [flag, ca.as_os_str()]).into_iter().flatten())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut log = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else { panic!("serve ended before it listened:\n{log}") };
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = event["listening"].as_str() {
                break address.parse().expect("an address");
            }
            log.push_str(&line);
            log.push('\n');
        };
        // A full pipe would stop the server.
        let kept = Arc::new(Mutex::new(log));
        let log = Arc::clone(&kept);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = kept.lock().expect("no reader panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).expect("the CA was written")).expect("a CA certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { child, address, tls: Arc::new(tls), log }
    }

    /// Posts a body to `/validate`; gives the status and the body of the answer.
    pub(crate) fn post(&self, body: &[u8]) -> (u16, String) {
        self.post_with("", body)
    }

    /// The same with more headers, each a line that ends in CRLF.
    pub(crate) fn post_with(&self, headers: &str, body: &[u8]) -> (u16, String) {
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.tls), name).expect("a client");
        let socket = TcpStream::connect(self.address).expect("the port is open");
        let mut stream = StreamOwned::new(connection, socket);
        let head = format!(
            "POST /validate?timeout=5s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             {headers}Connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// Sends a review of a change; gives the `response`.
    pub(crate) fn review(&self, before: Option<&Value>, after: Option<&Value>) -> Value {
        let (status, body) = self.post(review(before, after, false).to_string().as_bytes());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).expect("JSON")["response"].take()
    }
}

impl Drop for Serving {
    #[allow(clippy::print_stderr, reason = "a test that fails shows what the server logged")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log.lock().map_or_else(|_| String::new(), |log| log.clone()));
        }
    }
}

/// The review that an API server sends for a change.
pub(crate) fn review(before: Option<&Value>, after: Option<&Value>, dry_run: bool) -> Value {
    let operation = match (before, after) {
        (None, _) => "CREATE",
        (Some(_), None) => "DELETE",
        (Some(_), Some(_)) => "UPDATE",
    };
    let object = after.or(before).expect("an object");
    let api_version = object["apiVersion"].as_str().expect("apiVersion");
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": group, "version": version, "kind": object["kind"]},
            "resource": {"group": group, "version": version, "resource": "anything"},
            "name": object["metadata"]["name"],
            "namespace": object["metadata"]["namespace"],
            "operation": operation,
            "userInfo": {"username": "alex@example.com"},
            "object": after,
            "oldObject": before,
            "dryRun": dry_run,
        }
    })
}

/// Writes objects as one manifest.
pub(crate) fn write_manifests(directory: &Path, objects: impl IntoIterator<Item = Value>) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects.into_iter().collect::<Vec<_>>()});
    fs::write(directory.join("cluster.json"), list.to_string()).expect("writable");
}
