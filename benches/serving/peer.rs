//! The servers that are measured, each a process of its own.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use plumbline::certs::Issued;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{bare, noop};

/// The webhook on plumbline's own server that allows everything.
pub(crate) const NOOP: &str = "no-op";
/// The least that answers a review over TLS.
const BARE: &str = "bare hyper";
/// plumbline as people run it.
const PLUMBLINE: &str = "plumbline";
/// The argument by which this program is one of the peers.
const PEER: &str = "--peer";
/// The argument with the file for the CA.
const CA: &str = "--write-ca";
/// Clock ticks in a second, which Linux has fixed for programs.
const TICKS: f64 = 100.0;

/// A running server; dropped, it is killed.
pub(crate) struct Peer {
    name: &'static str,
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Arc<ClientConfig>,
}

/// What a server has used up so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// When.
    pub(crate) at: Instant,
    /// In its own code and for it in the kernel.
    pub(crate) cpu_seconds: f64,
}

impl Peer {
    /// All of them; plumbline with a directory for its cluster and its usual log, which is read and thrown away.
    pub(crate) fn start_all(directory: &Path) -> Result<Vec<Self>, Box<dyn Error>> {
        let mut plumbline = Command::new(env!("CARGO_BIN_EXE_plumbline"));
        plumbline.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--manifests"]).arg(directory);
        let mut peers = vec![Self::start(PLUMBLINE, plumbline)?];
        for name in [NOOP, BARE] {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([PEER, name]);
            peers.push(Self::start(name, command)?);
        }
        Ok(peers)
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its verdict depends on what is written.
    pub(crate) fn judges(&self) -> bool {
        self.name == PLUMBLINE
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage, Box<dyn Error>> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name, in parentheses, may hold anything; after it comes the third field.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks = fields.skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
        Ok(Usage { at: Instant::now(), cpu_seconds: ticks / TICKS })
    }

    fn start(name: &'static str, mut command: Command) -> Result<Self, Box<dyn Error>> {
        let scratch = tempfile::tempdir()?;
        let ca = scratch.path().join("ca.pem");
        let mut child = command.arg(CA).arg(&ca).stderr(Stdio::piped()).spawn()?;
        let mut log = BufReader::new(child.stderr.take().ok_or("no log")?);
        let mut told = String::new();
        let address = loop {
            let mut line = String::new();
            if log.read_line(&mut line)? == 0 {
                return Err(format!("{name} ended before it listened:\n{told}").into());
            }
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = event["listening"].as_str() {
                break address.parse()?;
            }
            told += &line;
        };
        // A full pipe would stop the server.
        std::thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&ca)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { name, child, address, tls: Arc::new(tls) })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Which peer this program is asked to be.
pub(crate) fn asked_for(arguments: &[String]) -> Option<&str> {
    value_of(arguments, PEER)
}

/// Serves as a peer until it is killed.
#[expect(clippy::print_stderr, reason = "the log of the peer, with the one line that is waited for")]
pub(crate) fn be(name: &str, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let issued = Issued::new(&[])?;
    fs::write(value_of(arguments, CA).ok_or("no file for the CA")?, &issued.ca_pem)?;
    let listening = |address: SocketAddr| eprintln!("{}", json!({"listening": address.to_string()}));
    let address = ([127, 0, 0, 1], 0).into();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match name {
        NOOP => runtime.block_on(noop::serve(issued.pair, address, CancellationToken::new(), listening)),
        BARE => runtime.block_on(bare::serve(&issued.pair, address, listening))?,
        other => return Err(format!("no peer is called {other:?}").into()),
    }
    Ok(())
}

fn value_of<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let place = arguments.iter().position(|argument| argument == name)?;
    arguments.get(place + 1).map(String::as_str)
}
