//! A collector of traces: it takes OTLP over HTTP as OpenTelemetry's own does, and remembers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// How long spans may take: they are sent every five seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens on a free port of loopback until the test run ends.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    spans: Receiver<Span>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let (sender, spans) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || serve(stream, &sender));
            }
        });
        Self { endpoint, spans }
    }

    /// Waits for a review's span, and gives it with those that came before it: a span is sent when it ends.
    pub(crate) fn wait_for(&self, is_wanted: impl Fn(&Span) -> bool) -> (Span, Vec<Span>) {
        let until = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let span = self.spans.recv_timeout(left).unwrap_or_else(|_| panic!("no such span among {before:#?}"));
            if is_wanted(&span) {
                return (span, before);
            }
            before.push(span);
        }
    }
}

/// An attribute, where it is text.
pub(crate) fn attribute<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn serve(stream: TcpStream, spans: &Sender<Span>) {
    let mut answers = stream.try_clone().expect("a second handle");
    let mut requests = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if requests.read_line(&mut head).unwrap_or_default() == 0 {
                return;
            }
        }
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.expect("a length")];
        requests.read_exact(&mut body).expect("a body");
        let request = ExportTraceServiceRequest::decode(&*body).expect("OTLP");
        for resource in request.resource_spans {
            for scope in resource.scope_spans {
                scope.spans.into_iter().for_each(|span| drop(spans.send(span)));
            }
        }
        answers.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("answered");
    }
}
