//! Watches whose place in history is gone: etcd was compacted and the API server begins anew while we were cut off.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use plumbline::cluster::{Cluster, Connection, ConnectionOptions};
use plumbline::gather::Source as _;
use plumbline::object::{Kind, ObjectKey};
use tokio::time::{sleep, timeout};

use super::review::options;
use super::writer::{Writer, service, service_path};
use crate::control_plane::{ControlPlane, User};
use crate::relay::Relay;

/// How long watches may take to begin anew.
const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_expired_begins_anew_and_forgets_what_was_deleted_meanwhile() {
    let control_plane = ControlPlane::start();
    let writer = Writer::new(&control_plane, "history").await;
    writer.apply(&service_path("history", "gone"), service("gone", 1)).await;
    let way = Relay::to_api_server(&control_plane);
    let kubeconfig = way.kubeconfig(&control_plane, User::Admin);
    let connection = ConnectionOptions { kubeconfig: Some(kubeconfig.path().to_owned()), context: None };
    let client = Connection::open(&connection).await.unwrap().client;
    let cluster = Cluster::start(client, &options("history"));
    timeout(LIMIT, cluster.wait_until_synced()).await.unwrap();
    assert!(knows(&cluster, "gone"));

    way.cut();
    writer.delete(&service_path("history", "gone")).await;
    for port in 1..=20 {
        writer.apply(&service_path("history", "new"), service("new", port)).await;
    }
    compact(control_plane.etcd_port(), revision(control_plane.etcd_port()));
    // Its own memory of what was written goes with it.
    control_plane.restart_api_server();
    way.heal_with_loss();

    let mut expired = false;
    let begun_anew = async || {
        while !knows(&cluster, "new") || knows(&cluster, "gone") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let look = async {
        loop {
            let watches = cluster.watches();
            let broken = watches.iter().filter_map(|watch| watch.broken.as_ref());
            expired |= broken.into_iter().any(|(_, why)| why.contains("no longer has that revision"));
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = timeout(LIMIT, begun_anew()) => ended.unwrap(),
        () = look => {}
    }
    assert!(expired, "the watches went on where they were, so nothing was proven");
    let whole = async || {
        while cluster.staleness().is_some() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, whole()).await.unwrap();
}

/// Whether the snapshot holds a Service, without asking the API server.
fn knows(cluster: &Cluster, name: &str) -> bool {
    let snapshot = cluster.snapshot().read().unwrap();
    snapshot.object(&ObjectKey::new(Kind::Service, "history", name)).present().is_some()
}

/// The revision that etcd is at.
fn revision(port: u16) -> u64 {
    let answer = ask_etcd(port, "/v3/kv/range", r#"{"key": "AA=="}"#);
    answer["header"]["revision"].as_str().unwrap().parse().unwrap()
}

/// Has etcd forget everything before a revision.
fn compact(port: u16, revision: u64) {
    ask_etcd(port, "/v3/kv/compaction", &format!(r#"{{"revision": "{revision}", "physical": true}}"#));
}

fn ask_etcd(port: u16, path: &str, body: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{answer}");
    serde_json::from_str(body).unwrap()
}
