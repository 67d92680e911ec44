//! Connections that do as they like, and what a process holds.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::serving::Serving;

/// Longer than any of the server's own limits but that for a head, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Completes the handshake of a connection.
pub(crate) fn shake_hands(stream: &mut Tls) {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).expect("a handshake");
    }
}

/// Sends a byte as often as nothing comes back in the time that the connection is read for; gives what comes in the end.
pub(crate) fn drip(stream: &mut Tls, byte: &[u8], longest: Duration) -> String {
    let (started, mut answer) = (Instant::now(), [0; 1024]);
    loop {
        assert!(started.elapsed() < longest, "what drips is read for ever");
        match stream.write_all(byte).and_then(|()| stream.flush()).and_then(|()| stream.read(&mut answer)) {
            Ok(read) => break String::from_utf8_lossy(&answer[..read]).into_owned(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => break error.to_string(),
        }
    }
}

impl Serving {
    /// A connection that has said nothing yet.
    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the port is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time");
        stream
    }

    /// A connection with TLS on it, its handshake done with the first byte.
    pub(crate) fn tls(&self) -> Tls {
        let name = ServerName::try_from("localhost").expect("a name");
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.tls), name).expect("a client"), self.tcp())
    }

    /// Sends bytes over TLS and gives all that comes back until the server closes.
    pub(crate) fn exchange(&self, sent: &[u8]) -> String {
        let mut stream = self.tls();
        // The server may close before it has read all of it.
        let _ = stream.write_all(sent);
        let _ = stream.flush();
        until_closed(&mut stream)
    }

    /// Proves that somebody else is served, and soon.
    pub(crate) fn serves_others(&self) {
        let started = Instant::now();
        let (status, page) = get(self, "/livez");
        assert_eq!(status, 200, "{page}");
        let (status, answer) =
            self.post(crate::review(None, Some(&crate::gateway(&["*"])), true).to_string().as_bytes());
        assert_eq!(status, 200, "{answer}");
        assert!(started.elapsed() < PATIENCE / 2, "others waited {:?}", started.elapsed());
    }

    /// The most memory that the process ever held, in MiB.
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let found = status.lines().find_map(|candidate| candidate.strip_prefix(line)).expect("a line of that name");
        found.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }
}

/// Reads a page; gives its status and its body.
pub(crate) fn get(serving: &Serving, path: &str) -> (u16, String) {
    let answer = serving.exchange(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes());
    (status(&answer), answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// Reads until the other end closes, and fails where it does not.
pub(crate) fn until_closed(stream: &mut impl Read) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("still open after {PATIENCE:?}: {:?}", String::from_utf8_lossy(&answer))
        }
        // A reset is an end as well, and so is one without TLS's own farewell.
        Ok(_) | Err(_) => {}
    }
    String::from_utf8_lossy(&answer).into_owned()
}
