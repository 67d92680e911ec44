use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, StreamExt};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use hyper::{Request, Response};
use kube::Client;
use kube::client::Body;

/// An API server that says what it was told to, once for each time it was told.
#[derive(Clone, Default)]
pub(super) struct Api(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: BTreeMap<String, VecDeque<Option<(u16, String)>>>,
    /// By a part of the query.
    streams: Vec<(String, String, bool)>,
    asked: Vec<String>,
}

type Stream = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

impl Api {
    pub(super) fn client(&self) -> Client {
        Client::new(self.clone(), "default")
    }

    /// Answers a request for this path and query.
    pub(super) fn answer(&self, path: &str, code: u16, body: &str) {
        self.script(path, Some((code, body.to_owned())));
    }

    /// Loses the connection on a request for this path and query.
    pub(super) fn lose(&self, path: &str) {
        self.script(path, None);
    }

    /// Answers a watch with these events, and keeps it open.
    pub(super) fn stream(&self, query: &str, events: &[(&str, String)]) {
        self.0.lock().unwrap().streams.push((query.to_owned(), lines(events), true));
    }

    /// Answers a watch with these events, and ends it after a while.
    pub(super) fn stream_that_ends(&self, query: &str, events: &[(&str, String)]) {
        self.0.lock().unwrap().streams.push((query.to_owned(), lines(events), false));
    }

    /// The paths and queries that were asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    fn script(&self, path: &str, answer: Option<(u16, String)>) {
        self.0.lock().unwrap().answers.entry(path.to_owned()).or_default().push_back(answer);
    }

    fn respond(&self, path: &str) -> io::Result<Response<Stream>> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(path.to_owned());
        if path.contains("watch=true") {
            let place = script.streams.iter().position(|(query, ..)| path.contains(query.as_str()));
            let Some(place) = place else { return Err(io::ErrorKind::ConnectionRefused.into()) };
            let (_, events, stays) = script.streams.remove(place);
            let end = stream::once(async move {
                if stays {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
                Ok(Frame::data(Bytes::new()))
            });
            return Ok(Response::new(StreamBody::new(frames(&events).chain(end).boxed())));
        }
        let answer = script.answers.get_mut(path).and_then(VecDeque::pop_front).flatten();
        let (code, body) = answer.ok_or(io::ErrorKind::ConnectionReset)?;
        let response = Response::builder().status(code).body(StreamBody::new(frames(&body).boxed()));
        response.map_err(io::Error::other)
    }
}

impl tower::Service<Request<Body>> for Api {
    type Response = Response<Stream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Response<Stream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.respond(&request.uri().to_string());
        async { answer }.boxed()
    }
}

/// A list of Services.
pub(super) fn list(revision: u64, next: &str, items: &[String]) -> String {
    let items = items.join(",");
    format!(r#"{{"metadata":{{"resourceVersion":"{revision}","continue":"{next}"}},"items":[{items}]}}"#)
}

/// A Service in the namespace `ns`.
pub(super) fn service(name: &str, revision: u64) -> String {
    format!(r#"{{"metadata":{{"name":"{name}","namespace":"ns","resourceVersion":"{revision}"}}}}"#)
}

fn lines(events: &[(&str, String)]) -> String {
    let lines = events.iter().map(|(kind, object)| format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"));
    lines.collect::<Vec<_>>().concat()
}

/// A body in two pieces, as the network may cut it.
fn frames(body: &str) -> impl stream::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + use<> {
    let (first, rest) = body.as_bytes().split_at(body.len() / 2);
    stream::iter([first.to_vec(), rest.to_vec()].map(|piece| Ok(Frame::data(Bytes::from(piece)))))
}
