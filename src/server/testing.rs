//! A server on loopback with a judge that does as it is told, and a client that can misbehave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::admission::{self, Answer, Cause, Fault, Judge, Limits, Request};
use crate::certs::testing::{Leaf, PemPair, TestAuthority};
use crate::certs::{Certificates, Pair, crypto_provider};

/// Judges by the name of the object under review.
pub(crate) struct Obedient {
    /// Reviews of `hold` wait for a permit.
    pub(crate) release: Semaphore,
}

impl Judge for Obedient {
    async fn judge(&self, request: &Request<'_>, deadline: Instant) -> Result<Answer, Fault> {
        match &*request.name {
            "deny" => {
                let mut answer = Answer::deny("the local request breaks at the listener");
                let message = "no listener on port 8081".to_owned();
                answer.causes.push(Cause { field: "spec.servers[0]".into(), code: "PL104".into(), message });
                answer.summary.codes = vec!["PL104".into(), "PL201".into()];
                answer.summary.hop = "listener".into();
                return Ok(answer);
            }
            "except" => {
                let mut answer = Answer::allow();
                answer.summary.verdict = "excepted";
                answer.summary.transition = "move".into();
                answer.summary.suppressed = vec!["PL110".into()];
                return Ok(answer);
            }
            "hold" => self.release.acquire().await.unwrap().forget(),
            "hang" => time::sleep_until((deadline + Duration::from_mins(1)).into()).await,
            "panic" => panic!("told to"),
            "unavailable" => return Err(Fault::Unavailable("cannot read\nGateways".into())),
            _ => {}
        }
        Ok(Answer::allow())
    }
}

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) health: SocketAddr,
    pub(crate) authority: TestAuthority,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) judge: Arc<Obedient>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

/// What a test wants to be different.
pub(crate) struct Wanted {
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) clients: Option<ClientAuthority>,
}

impl Default for Wanted {
    fn default() -> Self {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.health_listen = Some(settings.listen);
        Self { settings, limits: Limits::default(), clients: None }
    }
}

pub(crate) async fn serve(wanted: Wanted) -> Served {
    let authority = TestAuthority::new();
    let leaf = authority.issue(&Leaf::named(["localhost"]));
    let pair = Pair::from_pem(leaf.chain.as_bytes(), "chain", leaf.key.as_bytes(), "key").unwrap();
    let metrics = Arc::new(Metrics::new());
    let certificates = Arc::new(Certificates::new(pair, Arc::clone(&metrics)));
    let judge = Arc::new(Obedient { release: Semaphore::new(0) });
    let (shown, counted) = (Arc::clone(&certificates), Arc::clone(&metrics));
    let server = Server::bind(wanted.settings, shown, wanted.clients, counted).await.unwrap();
    let (address, health) = (server.address(), server.health_address().unwrap());
    let application = admission::router(Arc::clone(&judge), wanted.limits, Arc::clone(&metrics));
    let stop = CancellationToken::new();
    let token = stop.clone();
    let task = tokio::spawn(async move { server.serve(application, &Readiness::default(), token).await });
    Served { address, health, authority, certificates, judge, metrics, stop, task }
}

impl Served {
    pub(crate) async fn client(&self) -> Client {
        self.client_with(None).await.unwrap()
    }

    pub(crate) async fn client_with(&self, identity: Option<&PemPair>) -> std::io::Result<Client> {
        Client::connect(self.address, &self.authority.pem(), "localhost", identity).await
    }

    /// Sends one review over a connection of its own.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.client().await.post(path, body).await
    }

    /// Sends a review in the background.
    pub(crate) async fn posting(&self, name: &str) -> JoinHandle<Reply> {
        let (mut client, body) = (self.client().await, review(name));
        tokio::spawn(async move { client.post("/validate?timeout=20s", &body).await })
    }

    /// Waits for a line of the metrics page.
    pub(crate) async fn counts(&self, line: &str) {
        for _ in 0..500 {
            if self.metrics.page().unwrap().lines().any(|candidate| candidate == line) {
                return;
            }
            time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{line} never came in\n{}", self.metrics.page().unwrap());
    }

    pub(crate) async fn health_page(&self, path: &str) -> Reply {
        let mut stream = TcpStream::connect(self.health).await.unwrap();
        stream.write_all(request("GET", path, "", "").as_bytes()).await.unwrap();
        receive(&mut stream, &mut Vec::new()).await.unwrap()
    }

    pub(crate) async fn ready(&self) {
        for _ in 0..500 {
            if self.health_page(READY).await.status == 200 {
                return;
            }
            time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never ready: {}", self.health_page(READY).await.body);
    }
}

/// A review of an Istio Gateway called `name`.
pub(crate) fn review(name: &str) -> String {
    serde_json::json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "networking.istio.io", "version": "v1", "kind": "Gateway"},
            "name": name,
            "namespace": "knative-serving",
            "operation": "UPDATE",
            "userInfo": {"username": "ada"},
            "object": {"data": "what must not be logged"},
            "dryRun": true
        }
    })
    .to_string()
}

pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) struct Client {
    pub(crate) stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Client {
    pub(crate) async fn connect(
        address: SocketAddr,
        ca: &str,
        name: &'static str,
        identity: Option<&PemPair>,
    ) -> std::io::Result<Self> {
        Self::connect_as(address, configuration(ca, identity, ALL_VERSIONS), name).await
    }

    pub(crate) async fn connect_as(
        address: SocketAddr,
        configuration: ClientConfig,
        name: &'static str,
    ) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(configuration));
        let stream = connector.connect(ServerName::try_from(name).unwrap(), stream).await?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The same; whether the server still takes it.
    pub(crate) async fn try_send(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok() && self.stream.flush().await.is_ok()
    }

    pub(crate) async fn receive(&mut self) -> std::io::Result<Reply> {
        receive(&mut self.stream, &mut self.read).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(&request("GET", path, "", "")).await;
        self.receive().await.unwrap()
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send(&request("POST", path, "Content-Type: application/json\r\n", body)).await;
        self.receive().await.unwrap()
    }

    /// Waits for the server to close the connection, and returns what it still said.
    pub(crate) async fn closed(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = self.stream.read_to_end(&mut rest).await;
        String::from_utf8(rest).unwrap()
    }
}

/// Trusts `ca`, and shows `identity` if there is one.
pub(crate) fn configuration(
    ca: &str,
    identity: Option<&PemPair>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let Some(pair) = identity else {
        return builder.with_no_client_auth();
    };
    let chain = vec![CertificateDer::from_pem_slice(pair.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    builder.with_client_auth_cert(chain, key).unwrap()
}

async fn receive(stream: &mut (impl AsyncReadExt + Unpin), read: &mut Vec<u8>) -> std::io::Result<Reply> {
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if read.len() >= end + 4 + length {
                let body = String::from_utf8(read[end + 4..end + 4 + length].to_vec()).unwrap();
                read.drain(..end + 4 + length);
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Ok(Reply { status, head, body });
            }
        }
        if stream.read_buf(read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
