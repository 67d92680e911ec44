//! Reviews sent over connections that stay open, as the API server keeps them, each as soon as the one before is answered.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What is sent to whom, and what has to come back.
pub(crate) struct Load<'a> {
    /// Who answers, for errors.
    pub(crate) server: &'a str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Whom to trust.
    pub(crate) tls: &'a Arc<ClientConfig>,
    /// The name in its certificate.
    pub(crate) server_name: &'static str,
    /// The review.
    pub(crate) body: &'a [u8],
    /// The verdict that is right.
    pub(crate) is_allowed: bool,
    /// How many reviews are under way at a time.
    pub(crate) connections: usize,
}

impl Load<'_> {
    /// Sends for so long; gives the number of reviews that were answered.
    ///
    /// Fails where an answer is not what it has to be.
    pub(crate) fn last(&self, time: Duration) -> Result<u64, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let head = format!(
                "POST /validate?timeout=10s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n",
                self.body.len()
            );
            let request = [head.as_bytes(), self.body].concat();
            let opened = try_join_all((0..self.connections).map(|_| self.open())).await?;
            let until = Instant::now() + time;
            let counts = try_join_all(opened.into_iter().map(|stream| self.converse(stream, &request, until))).await?;
            Ok(counts.into_iter().sum())
        })
    }

    async fn open(&self) -> Result<TlsStream<TcpStream>, Box<dyn Error>> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(self.tls));
        Ok(connector.connect(ServerName::try_from(self.server_name)?, socket).await?)
    }

    async fn converse(
        &self,
        mut stream: TlsStream<TcpStream>,
        request: &[u8],
        until: Instant,
    ) -> Result<u64, Box<dyn Error>> {
        let mut answer = Vec::new();
        let mut count = 0;
        while Instant::now() < until {
            stream.write_all(request).await?;
            stream.flush().await?;
            answer.clear();
            let body = loop {
                if stream.read_buf(&mut answer).await? == 0 {
                    return Err(format!("{} closed the connection", self.server).into());
                }
                if let Some(body) = body_of(&answer)? {
                    break body;
                }
            };
            let verdict = if self.is_allowed { "\"allowed\":true" } else { "\"allowed\":false" };
            if !answer.starts_with(b"HTTP/1.1 200 ") || !body.contains(verdict) {
                return Err(format!("{}: {}", self.server, String::from_utf8_lossy(&answer)).into());
            }
            count += 1;
        }
        Ok(count)
    }
}

/// The body of an answer, once all of it is there.
fn body_of(answer: &[u8]) -> Result<Option<&str>, Box<dyn Error>> {
    let text = std::str::from_utf8(answer).unwrap_or_default();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(None) };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    let length: usize = length.ok_or("an answer without a length")?.parse()?;
    Ok((body.len() >= length).then_some(body))
}
