use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::control_plane::{ControlPlane, User};

/// A way to one of several ports of loopback, as a Service is one to its endpoints, and one that can be cut.
///
/// A connection goes to the next target in turn, and stays there, whatever the targets are by then.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    targets: Arc<Mutex<Vec<u16>>>,
    line: Arc<Line>,
}

impl Relay {
    /// Listens on a free port until the test run ends.
    pub(crate) fn to(targets: &[u16]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let relay = Self { port, targets: Arc::new(Mutex::new(targets.to_vec())), line: Arc::default() };
        let (targets, line) = (Arc::clone(&relay.targets), Arc::clone(&relay.line));
        thread::spawn(move || {
            for (turn, client) in listener.incoming().enumerate() {
                let target = {
                    let targets = targets.lock().unwrap();
                    targets[turn % targets.len()]
                };
                let (client, line) = (client.unwrap(), Arc::clone(&line));
                thread::spawn(move || pass_on(&client, target, &line));
            }
        });
        relay
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sends connections to these from now on.
    pub(crate) fn send_to(&self, targets: &[u16]) {
        *self.targets.lock().unwrap() = targets.to_vec();
    }

    /// Lets nothing through in either direction, without a word to anybody.
    pub(crate) fn cut(&self) {
        self.line.cut.store(true, Ordering::SeqCst);
    }

    /// Lets everything through again, what was held back included.
    pub(crate) fn heal(&self) {
        self.line.cut.store(false, Ordering::SeqCst);
    }

    /// The same for connections to come; those that were open are lost with what was under way.
    pub(crate) fn heal_with_loss(&self) {
        self.line.era.fetch_add(1, Ordering::SeqCst);
        self.heal();
    }

    /// A way to the API server.
    pub(crate) fn to_api_server(control_plane: &ControlPlane) -> Self {
        let config = kubeconfig(control_plane.kubeconfig(User::Admin));
        let (_, port) = config["clusters"][0]["cluster"]["server"].as_str().unwrap().rsplit_once(':').unwrap();
        Self::to(&[port.parse().unwrap()])
    }

    /// A user's kubeconfig that leads here.
    pub(crate) fn kubeconfig(&self, control_plane: &ControlPlane, user: User) -> NamedTempFile {
        let mut config = kubeconfig(control_plane.kubeconfig(user));
        config["clusters"][0]["cluster"]["server"] = format!("https://127.0.0.1:{}", self.port).into();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(config.to_string().as_bytes()).unwrap();
        file
    }
}

fn kubeconfig(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn pass_on(client: &TcpStream, target: u16, line: &Line) {
    let era = line.era();
    line.wait_while_cut();
    // Whoever dials a port on which nobody listens is refused, through a Service too.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
        return drop(client.shutdown(Shutdown::Both));
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &server, line, era));
        scope.spawn(|| copy(&server, client, line, era));
    });
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, line: &Line, era: usize) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        line.wait_while_cut();
        if line.era() != era || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    line.wait_while_cut();
    let how = if line.era() == era { Shutdown::Write } else { Shutdown::Both };
    let _ = to.shutdown(how);
}

/// Whether anything gets through.
#[derive(Debug, Default)]
struct Line {
    cut: AtomicBool,
    era: AtomicUsize,
}

impl Line {
    /// A number that changes when connections are lost.
    fn era(&self) -> usize {
        self.era.load(Ordering::SeqCst)
    }

    fn wait_while_cut(&self) {
        while self.cut.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
