use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use rcgen::KeyPair;

use super::assets::Assets;
use super::users::token_file;
use crate::certificates::Authority;
use crate::port::Port;
use crate::process::Process;
use crate::scratch::Scratch;

/// etcd and kube-apiserver as processes on loopback.
#[derive(Debug)]
pub(crate) struct Servers {
    // Dropped first, so that the API server does not complain about a store that is gone.
    api_server: Mutex<Process>,
    _etcd: Process,
    etcd_port: Port,
    api_port: Port,
    ca_file: PathBuf,
}

impl Servers {
    /// Starts both; neither is ready yet.
    pub(crate) fn start(assets: &Assets, scratch: &Scratch) -> Self {
        let etcd_port = Port::lease();
        let api_port = Port::lease();
        let etcd = start_etcd(assets, scratch, &etcd_port);
        let ca_file = write_credentials(scratch);
        Self {
            api_server: Mutex::new(start_api_server(assets, scratch, &etcd_port, &api_port)),
            _etcd: etcd,
            etcd_port,
            api_port,
            ca_file,
        }
    }

    pub(crate) fn stop_api_server(&self) {
        self.api_server.lock().unwrap().kill();
    }

    pub(crate) fn restart_api_server(&self, assets: &Assets, scratch: &Scratch) {
        let mut api_server = self.api_server.lock().unwrap();
        api_server.kill();
        *api_server = start_api_server(assets, scratch, &self.etcd_port, &self.api_port);
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.api_port.number())
    }

    pub(crate) fn etcd_port(&self) -> u16 {
        self.etcd_port.number()
    }

    /// The authority that signed the API server's certificate.
    pub(crate) fn ca_file(&self) -> &PathBuf {
        &self.ca_file
    }

    pub(crate) fn api_server_log(&self) -> String {
        self.api_server.lock().unwrap().log()
    }

    /// Why the API server will never answer, if it ended.
    pub(crate) fn api_server_failure(&self) -> Option<String> {
        let mut api_server = self.api_server.lock().unwrap();
        let status = api_server.exited()?;
        Some(format!("kube-apiserver: {status}\n{}", api_server.log()))
    }
}

fn start_etcd(assets: &Assets, scratch: &Scratch, port: &Port) -> Process {
    let url = format!("http://127.0.0.1:{}", port.number());
    let mut command = Command::new(assets.program("etcd"));
    command
        .arg("--data-dir")
        .arg(scratch.path("etcd"))
        .args(["--listen-client-urls", &url])
        .args(["--advertise-client-urls", &url])
        // A single member never uses it, so any free port does.
        .args(["--listen-peer-urls", "http://127.0.0.1:0"])
        .args(["--unsafe-no-fsync", "--log-level", "warn"]);
    Process::start(&command, scratch.path("etcd.log"))
}

/// Writes what the API server proves itself with and checks others by; returns the authority's certificate.
fn write_credentials(scratch: &Scratch) -> PathBuf {
    let authority = Authority::generate();
    let leaf = authority.issue_for_loopback();
    scratch.write("api-server.crt", &leaf.certificate_pem);
    scratch.write("api-server.key", &leaf.key_pem);

    let service_accounts = KeyPair::generate().unwrap();
    scratch.write("service-accounts.pub", &service_accounts.public_key_pem());
    scratch.write("service-accounts.key", &service_accounts.serialize_pem());

    scratch.write("tokens.csv", &token_file());
    scratch.write("ca.crt", authority.certificate_pem())
}

fn start_api_server(assets: &Assets, scratch: &Scratch, etcd: &Port, port: &Port) -> Process {
    let flag = |name: &str, file: &str| format!("--{name}={}", scratch.path(file).display());
    let certificates = scratch.path("api-server-certificates");
    fs::create_dir_all(&certificates).unwrap();

    let mut command = Command::new(assets.program("kube-apiserver"));
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{}", etcd.number()))
        .arg(format!("--secure-port={}", port.number()))
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--cert-dir={}", certificates.display()))
        .arg(flag("tls-cert-file", "api-server.crt"))
        .arg(flag("tls-private-key-file", "api-server.key"))
        .arg(flag("token-auth-file", "tokens.csv"))
        .arg(flag("service-account-key-file", "service-accounts.pub"))
        .arg(flag("service-account-signing-key-file", "service-accounts.key"))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg("--service-cluster-ip-range=10.0.0.0/16")
        .arg("--authorization-mode=RBAC")
        .arg("--endpoint-reconciler-type=none")
        // Pods would have to name a service account that no controller makes.
        .arg("--disable-admission-plugins=ServiceAccount");
    Process::start(&command, scratch.path("kube-apiserver.log"))
}
