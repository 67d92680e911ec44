use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::certificates::Authority;
use crate::control_plane::Endpoint;
use crate::port::Port;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::wait;

const NAMESPACE: &str = "plumbline";
const SERVICE: &str = "plumbline";

/// The built `plumbline serve` as a process, with a certificate for `plumbline.plumbline.svc`.
#[derive(Debug)]
pub(crate) struct PlumblineServer {
    process: Process,
    port: Port,
    ca_pem: String,
    _scratch: Scratch,
}

impl PlumblineServer {
    /// Starts it against the cluster of a kubeconfig file; returns once it listens.
    pub(crate) fn start(kubeconfig: &Path, extra_args: &[&str]) -> Self {
        let kubeconfig = kubeconfig.to_str().unwrap();
        Self::serve(&[&["--kubeconfig", kubeconfig], extra_args].concat())
    }

    /// Starts it with nothing but where to listen and `source_args`, which say where to read from.
    ///
    /// # Panics
    /// With its log, if it ends instead of listening.
    pub(crate) fn serve(source_args: &[&str]) -> Self {
        let scratch = Scratch::new();
        let endpoint_name = format!("{SERVICE}.{NAMESPACE}.svc");
        let authority = Authority::generate();
        let leaf = authority.issue(&endpoint_name);

        let chain = scratch.write("tls.crt", &leaf.certificate_pem);
        let key = scratch.write("tls.key", &leaf.key_pem);
        let files = ["--tls-cert", chain.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        Self::launch(scratch, authority.certificate_pem(), &[&files, source_args].concat())
    }

    /// Starts it with where to listen and `args`, which say all else, the certificate too; whom to trust is for the
    /// webhook configuration to tell.
    pub(crate) fn with_its_own_certificate(args: &[&str]) -> Self {
        Self::launch(Scratch::new(), "", args)
    }

    fn launch(scratch: Scratch, ca_pem: &str, args: &[&str]) -> Self {
        let port = Port::lease();
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", port.number())]).args(args);
        let mut server = Self {
            process: Process::start(&command, scratch.path("plumbline.log")),
            port,
            ca_pem: ca_pem.to_owned(),
            _scratch: scratch,
        };
        server.wait_until_listening();
        server
    }

    /// Where the API server is to find it.
    pub(crate) fn endpoint(&self) -> Endpoint<'_> {
        Endpoint { namespace: NAMESPACE, service: SERVICE, port: self.port.number(), ca_pem: &self.ca_pem }
    }

    /// The port of loopback that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// All that it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// What Linux says of its memory under a name of `/proc/<pid>/status`, in KiB.
    pub(crate) fn memory_kib(&self, name: &str) -> u32 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Asks it to end, as the kubelet does.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits until it has drained and ended.
    pub(crate) fn wait_until_stopped(mut self, limit: Duration) {
        wait::until("the end of plumbline serve", limit, || {
            self.process.exited().ok_or_else(|| self.process.log()).map(|status| assert!(status.success(), "{status}"))
        });
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    fn wait_until_listening(&mut self) {
        let address = (Ipv4Addr::LOCALHOST, self.port.number());
        wait::until("plumbline serve", Duration::from_secs(30), || {
            if let Some(status) = self.process.exited() {
                panic!("plumbline serve: {status}\n{}", self.process.log());
            }
            TcpStream::connect(address).map_err(|error| error.to_string())
        });
    }
}
