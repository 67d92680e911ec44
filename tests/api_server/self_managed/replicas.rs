use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use k8s_openapi::ByteString;
use plumbline::certs::{ChainVerifier, Pair, client_config, crypto_provider};
use rustls::client::danger::ServerCertVerifier;
use rustls::{ClientConnection, RootCertStore, Stream};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::{Value, json};

use super::{PATIENCE, text};
use crate::control_plane::{ControlPlane, User};
use crate::plumbline_server::PlumblineServer;
use crate::rest::Rest;
use crate::wait;

const SERVICE: &str = "plumbline";
const SECRET: &str = "plumbline-self-managed";

/// Some servers that share a Secret, and a webhook configuration that has each of them called for every Gateway in a namespace.
pub(super) struct Replicas {
    name: &'static str,
    servers: Vec<PlumblineServer>,
    rest: Rest,
}

impl Replicas {
    /// Starts servers at once. `name` is the namespace of all, and the configuration's name.
    pub(super) fn start(name: &'static str, count: usize, args: &[&str]) -> Self {
        let cluster = ControlPlane::shared();
        cluster.install_upstream_crds();
        cluster.kubectl(&["create", "namespace", name]).expect_success();
        let service = ["create", "service", "externalname", SERVICE, "--external-name=localhost", "--namespace", name];
        cluster.kubectl(&service).expect_success();
        let kubeconfig = cluster.kubeconfig(User::Admin).to_str().unwrap();
        let secret = format!("{name}/{SECRET}");
        let common = [
            "--kubeconfig",
            kubeconfig,
            "--tls-secret",
            &secret,
            "--tls-service",
            SERVICE,
            "--webhook-configuration",
            name,
        ];
        let args = [&common, args].concat();
        let servers: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..count).map(|_| scope.spawn(|| PlumblineServer::with_its_own_certificate(&args))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let replicas = Self { name, servers, rest: Rest::open(cluster, User::Admin) };
        cluster.apply(&replicas.manifest(5), &[]).expect_success();
        replicas
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn server_name(&self) -> String {
        format!("{SERVICE}.{}.svc", self.name)
    }

    pub(super) fn ports(&self) -> Vec<u16> {
        self.servers.iter().map(PlumblineServer::port).collect()
    }

    /// The configuration as a tool applies it: without any bundle.
    pub(super) fn manifest(&self, timeout: u32) -> String {
        let webhooks: Vec<_> = self
            .ports()
            .into_iter()
            .zip(self.webhooks())
            .map(|(port, name)| {
                json!({
                    "name": name,
                    "clientConfig": {"service": {
                        "namespace": self.name, "name": SERVICE, "port": port, "path": plumbline::admission::PATH,
                    }},
                    "rules": [{
                        "apiGroups": ["networking.istio.io"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                        "resources": ["gateways"],
                    }],
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.name}},
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": "Fail",
                    "timeoutSeconds": timeout,
                })
            })
            .collect();
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": self.name},
            "webhooks": webhooks,
        })
        .to_string()
    }

    /// The names of the webhooks, one for each server.
    pub(super) fn webhooks(&self) -> Vec<String> {
        (0..self.servers.len()).map(|index| format!("replica-{index}.plumbline.test")).collect()
    }

    pub(super) fn configuration(&self) -> Value {
        let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
        self.rest.read(&format!("{path}/{}", self.name)).unwrap()
    }

    /// What every webhook trusts, as PEM; nothing where they differ.
    pub(super) fn trusted(&self) -> String {
        let configuration = self.configuration();
        let webhooks = configuration["webhooks"].as_array().unwrap();
        let bundles: Vec<_> = webhooks.iter().map(|webhook| text(&webhook["clientConfig"]["caBundle"])).collect();
        let same = bundles.iter().all(|bundle| *bundle == bundles[0]);
        if same { bundles[0].clone() } else { String::new() }
    }

    /// The data of the Secret, which has to be there.
    pub(super) fn secret(&self) -> Value {
        self.read_secret().unwrap()["data"].clone()
    }

    fn read_secret(&self) -> Option<Value> {
        self.rest.read(&format!("/api/v1/namespaces/{}/secrets/{SECRET}", self.name))
    }

    pub(super) fn delete_secret(&self) {
        ControlPlane::shared().kubectl(&["delete", "secret", SECRET, "--namespace", self.name]).expect_success();
    }

    pub(super) fn patch_secret(&self, data: &Value) {
        // The type asks for a leaf, so a patch sets one or leaves it.
        let patch = json!({"data": data}).to_string();
        let args = ["patch", "secret", SECRET, "--namespace", self.name, "--type=merge", "--patch", &patch];
        ControlPlane::shared().kubectl(&args).expect_success();
    }

    pub(super) fn overwrite_bundle(&self, pem: &str) {
        let bundle = json!(ByteString(pem.as_bytes().to_vec()));
        let path = "/webhooks/0/clientConfig/caBundle";
        let patch = json!([{"op": "replace", "path": path, "value": bundle}]).to_string();
        let args = ["patch", "validatingwebhookconfiguration", self.name, "--type=json", "--patch", &patch];
        ControlPlane::shared().kubectl(&args).expect_success();
    }

    pub(super) fn wait_for_secret(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait::until(what, PATIENCE, || {
            let data = self.read_secret().map(|secret| secret["data"].clone()).unwrap_or_default();
            if fits(&data) { Ok(data) } else { Err(self.logs()) }
        })
    }

    /// Whether the Secret's leaf is one that callers can verify.
    pub(super) fn is_sound(&self, secret: &Value) -> bool {
        let (chain, key) = (text(&secret["tls.crt"]), text(&secret["tls.key"]));
        let Ok(pair) = Pair::from_pem(chain.as_bytes(), "tls.crt", key.as_bytes(), "tls.key") else { return false };
        let leaf = &pair.certified().cert[0];
        let Some(verifier) = verifier(&text(&secret["ca.crt"])) else { return false };
        let name = ServerName::try_from(self.server_name()).unwrap();
        verifier.verify_server_cert(leaf, &[], &name, &[], UnixTime::now()).is_ok()
    }

    /// Waits until all show the leaf of the Secret and one CA is left.
    pub(super) fn wait_until_settled(&self) {
        wait::until("one CA and one leaf", PATIENCE, || {
            let secret = self.secret();
            let leaf = text(&secret["tls.crt"]);
            let same = self.shown().iter().all(|shown| leaf.contains(shown));
            let settled = secret["next-ca.crt"].is_null() && secret["previous-ca.crt"].is_null();
            let trusted = self.trusted() == text(&secret["ca.crt"]);
            if same && settled && trusted { Ok(()) } else { Err(self.logs()) }
        });
    }

    /// Waits until every server says that reviews are welcome, and the configuration that came after them trusts them.
    pub(super) fn wait_until_ready(&self) {
        wait::until("a bundle", PATIENCE, || if self.trusted().is_empty() { Err(self.logs()) } else { Ok(()) });
        for port in self.ports() {
            wait::until("readiness", PATIENCE, || {
                let answer = get(port, anybody(), &self.server_name(), plumbline::server::READY)?.1;
                if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(format!("{answer}\n{}", self.logs())) }
            });
        }
    }

    /// Waits until the API server calls them, which it does a moment after the configuration was written.
    pub(super) fn wait_until_called(&self) {
        wait::until("the first review", PATIENCE, || self.rest.attempt(&gateway(self.name, "first")));
        sleep(Duration::from_secs(1));
    }

    /// What each server shows, as the base64 of its certificate's PEM.
    pub(super) fn shown(&self) -> Vec<String> {
        self.ports()
            .into_iter()
            .map(|port| {
                let (leaf, _) = get(port, anybody(), &self.server_name(), plumbline::server::LIVE).unwrap();
                let encoded = serde_json::to_value(ByteString(leaf.as_ref().to_vec())).unwrap();
                // PEM breaks lines after 64 characters; the second is enough to know it by.
                encoded.as_str().unwrap()[128..192].to_owned()
            })
            .collect()
    }

    /// What the servers' logs complain about.
    pub(super) fn complaints(&self) -> Vec<String> {
        let log = self.logs();
        log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).map(str::to_owned).collect()
    }

    fn logs(&self) -> String {
        self.servers.iter().map(PlumblineServer::log).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        let _ = ControlPlane::shared().kubectl(&["delete", "validatingwebhookconfiguration", self.name]);
    }
}

pub(super) fn gateway(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"istio": "nobody"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
        },
    })
}

/// Trusts the authorities of a PEM text.
pub(super) fn verifier(bundle: &str) -> Option<Arc<dyn ServerCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.ok()?).ok()?;
    }
    let builder = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto_provider());
    Some(builder.build().ok()?)
}

/// Asks for a page over a connection of its own; returns the certificate shown, and the answer.
pub(super) fn get(
    port: u16,
    verifier: Arc<dyn ServerCertVerifier>,
    name: &str,
    path: &str,
) -> Result<(CertificateDer<'static>, String), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let configuration = client_config(verifier).map_err(|error| text(&error))?;
    let name = ServerName::try_from(name.to_owned()).map_err(|error| text(&error))?;
    let mut connection = ClientConnection::new(configuration, name).map_err(|error| text(&error))?;
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|error| text(&error))?;
    let mut stream = Stream::new(&mut connection, &mut socket);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| text(&error))?;
    let mut answer = Vec::new();
    // The server may close without a farewell.
    let _ = stream.read_to_end(&mut answer);
    let leaf = connection.peer_certificates().and_then(<[_]>::first).ok_or("no certificate")?.clone().into_owned();
    Ok((leaf, String::from_utf8_lossy(&answer).into_owned()))
}

/// Trusts everybody, to see what they show.
pub(super) fn anybody() -> Arc<dyn ServerCertVerifier> {
    ChainVerifier::new(|_| Ok(()))
}
