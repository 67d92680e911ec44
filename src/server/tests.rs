//! Stopping, certificates that change, and callers that are not wanted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::testing::{Client, Served, Wanted, configuration, request, review, serve};
use super::*;
use crate::certs::CertificateFiles;
use crate::certs::testing::{Leaf, PemPair, TestAuthority};

const VALIDATE: &str = "/validate";

fn with(edit: impl FnOnce(&mut Wanted)) -> Wanted {
    let mut wanted = Wanted::default();
    edit(&mut wanted);
    wanted
}

#[tokio::test]
async fn ready_after_a_request_of_its_own() {
    let served = serve(Wanted::default()).await;
    served.ready().await;
    assert_eq!(served.health_page(READY).await.body, "[+] self-probe\n");
    assert_eq!(served.health_page(LIVE).await.body, "ok\n");
    assert!(served.health_page(METRICS).await.body.ends_with("# EOF\n"));
    let page = served.client().await.get(METRICS).await;
    assert!(page.head.contains("openmetrics-text"), "{}", page.head);
    let review = served.health_page(VALIDATE).await;
    assert_eq!(review.status, 404, "plain HTTP judges nothing: {}", review.body);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let served = serve(Wanted::default()).await;
    let taken = Settings::new(served.address);
    let metrics = Arc::new(Metrics::new());
    let error = Server::bind(taken, Arc::clone(&served.certificates), None, metrics).await.err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {}: ", served.address)), "{error}");
}

#[tokio::test]
async fn stopping_serves_new_and_old_requests_before_it_ends() {
    let served = serve(with(|wanted| wanted.settings.drain = Duration::from_secs(1))).await;
    served.ready().await;
    let mut kept = served.client().await;
    assert!(!kept.post(VALIDATE, &review("fine")).await.head.contains("connection: close"));
    let held = served.posting("hold").await;
    served.counts("plumbline_reviews_in_flight 1").await;

    let stopped = Instant::now();
    served.stop.cancel();
    let page = served.health_page(READY).await;
    assert_eq!((page.status, page.body.as_str()), (503, "[+] self-probe\n[-] stopping\n"));
    assert_eq!(served.health_page(LIVE).await.status, 200);
    assert_eq!(served.post(VALIDATE, &review("fine")).await.status, 200, "a new connection");
    let reply = kept.post(VALIDATE, &review("fine")).await;
    assert_eq!(reply.status, 200, "an old connection");
    assert!(reply.head.contains("connection: close"), "it is sent to another replica: {}", reply.head);

    // Past the drain the port is closed, and the request in flight is still answered.
    while TcpStream::connect(served.address).await.is_ok() {
        assert!(stopped.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(stopped.elapsed() >= Duration::from_secs(1), "{:?}", stopped.elapsed());
    assert!(!served.task.is_finished());
    served.judge.release.add_permits(1);
    assert_eq!(held.await.unwrap().status, 200);
    served.task.await.unwrap();
}

#[tokio::test]
async fn idle_connections_end_with_the_drain() {
    let served = serve(with(|wanted| wanted.settings.drain = Duration::ZERO)).await;
    let mut idle = served.client().await;
    idle.post(VALIDATE, &review("fine")).await;
    served.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), served.task).await.unwrap().unwrap();
    assert_eq!(idle.closed().await, "");
}

#[tokio::test]
async fn requests_that_never_finish_do_not_hold_up_the_end() {
    let served = serve(with(|wanted| {
        wanted.settings.drain = Duration::ZERO;
        wanted.settings.finish = Duration::from_millis(200);
    }))
    .await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let held = served.posting("hold").await;
    served.counts("plumbline_reviews_in_flight 1").await;
    served.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), served.task).await.unwrap().unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert!(held.await.is_err(), "its client saw the connection break");
}

/// Lays a Secret's mount out as the kubelet does: files link into `..data`, which links to a folder per version.
fn mount(volume: &Path, version: &str, pair: &PemPair) {
    let folder = volume.join(version);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("tls.crt"), &pair.chain).unwrap();
    fs::write(folder.join("tls.key"), &pair.key).unwrap();
    symlink(version, volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
}

async fn shows(served: &Served, name: &'static str) -> bool {
    Client::connect(served.address, &served.authority.pem(), name, None).await.is_ok()
}

#[tokio::test]
async fn a_certificate_changes_with_each_swap_of_the_mount_and_open_connections_stay() {
    let served = serve(Wanted::default()).await;
    let volume = tempfile::tempdir().unwrap();
    mount(volume.path(), "..1", &served.authority.issue(&Leaf::named(["always.test", "one.test"])));
    let files = CertificateFiles { chain: volume.path().join("tls.crt"), key: volume.path().join("tls.key") };
    symlink("..data/tls.crt", &files.chain).unwrap();
    symlink("..data/tls.key", &files.key).unwrap();
    served.certificates.replace(files.load().await.unwrap());
    assert!(shows(&served, "one.test").await);
    let mut open = Client::connect(served.address, &served.authority.pem(), "one.test", None).await.unwrap();

    let (address, trusted) = (served.address, served.authority.pem());
    let load = tokio::spawn(async move {
        for calls in 0_u32.. {
            let client = Client::connect(address, &trusted, "always.test", None).await;
            let reply = client.expect("a handshake").post(VALIDATE, &review("fine")).await;
            assert_eq!(reply.status, 200, "call {calls}");
        }
    });
    let watched = Arc::clone(&served.certificates);
    let watch = tokio::spawn(async move { files.watch(&watched, Duration::from_millis(20)).await });
    for (version, before, name) in [("..2", "one.test", "two.test"), ("..3", "two.test", "three.test")] {
        assert!(shows(&served, before).await);
        mount(volume.path(), version, &served.authority.issue(&Leaf::named(["always.test", name])));
        let swapped = Instant::now();
        while !shows(&served, name).await {
            assert!(swapped.elapsed() < Duration::from_secs(5), "{name} is not in use");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!shows(&served, before).await);
        assert_eq!(open.post(VALIDATE, &review("fine")).await.status, 200, "an open connection lives on");
    }
    watch.abort();
    // It never ends by itself, except by a call that failed.
    assert!(!load.is_finished(), "{:?}", load.await);
    load.abort();
}

#[tokio::test]
async fn only_listed_clients_of_the_authority_send_reviews() {
    let authority = TestAuthority::new();
    let names = ["kube-apiserver".to_owned()];
    let clients = ClientAuthority::from_pem(authority.pem().as_bytes(), "ca.crt", names).unwrap();
    let served = serve(with(|wanted| wanted.clients = Some(clients))).await;
    served.ready().await;

    let listed = authority.issue(&Leaf::client("kube-apiserver"));
    let mut client = served.client_with(Some(&listed)).await.unwrap();
    assert_eq!(client.post(VALIDATE, &review("fine")).await.status, 200);

    let unlisted = authority.issue(&Leaf::client("mallory"));
    let reply = served.client_with(Some(&unlisted)).await.unwrap().post(VALIDATE, &review("fine")).await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.body, "the client certificate of \"mallory\" is not one of those that may call\n");

    let mut anonymous = served.client().await;
    let reply = anonymous.post(VALIDATE, &review("fine")).await;
    assert_eq!(reply.status, 403);
    assert!(reply.body.starts_with("a client certificate is needed here"), "{}", reply.body);
    assert_eq!(anonymous.get(LIVE).await.status, 200, "as the kubelet does");
    assert_eq!(anonymous.get(METRICS).await.status, 403);

    for stranger in [
        TestAuthority::new().issue(&Leaf::client("kube-apiserver")),
        authority.issue(&Leaf { common_name: "kube-apiserver", ..Leaf::named([]) }),
        authority.issue(&Leaf { from: -200, to: -100, ..Leaf::client("kube-apiserver") }),
    ] {
        let refused = match served.client_with(Some(&stranger)).await {
            // In TLS 1.3 the client is done before the server has seen its certificate.
            Ok(mut client) => {
                let _ = client.stream.write_all(request("GET", LIVE, "", "").as_bytes()).await;
                client.receive().await.is_err()
            }
            Err(_) => true,
        };
        assert!(refused);
    }
    served.counts(r#"plumbline_handshake_failures_total{reason="client_certificate"} 3"#).await;
}

#[test]
fn a_client_authority_without_certificates_is_refused() {
    let error = ClientAuthority::from_pem(b"", "ca.crt", []).unwrap_err().to_string();
    assert_eq!(error, "client CA ca.crt: no certificate in it; expected PEM blocks \"BEGIN CERTIFICATE\"");
    let error = ClientAuthority::from_file(Path::new("/nonexistent"), []).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the client CA /nonexistent: "), "{error}");
}

#[tokio::test]
async fn failed_handshakes_are_counted_by_reason() {
    let served = serve(with(|wanted| wanted.settings.handshake_timeout = Duration::from_secs(1))).await;
    let _silent = TcpStream::connect(served.address).await.unwrap();
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    drop(TcpStream::connect(served.address).await.unwrap());
    let wrong_bundle = TestAuthority::new().pem();
    assert!(Client::connect(served.address, &wrong_bundle, "localhost", None).await.is_err());
    assert!(Client::connect(served.address, &served.authority.pem(), "other.test", None).await.is_err());
    for (reason, count) in [("timeout", 1), ("not_tls", 1), ("closed", 1), ("certificate_refused", 2)] {
        served.counts(&format!("plumbline_handshake_failures_total{{reason=\"{reason}\"}} {count}")).await;
    }
    assert_eq!(served.post(VALIDATE, &review("fine")).await.status, 200);
}

#[tokio::test]
async fn speaks_tls_1_2_and_1_3_and_http_1_1_alone() {
    let served = serve(Wanted::default()).await;
    let connect = async |version, protocols: &[&str]| {
        let mut configuration = configuration(&served.authority.pem(), None, &[version]);
        configuration.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Client::connect_as(served.address, configuration, "localhost").await
    };
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for protocols in [&[][..], &["h2", "http/1.1"]] {
            let reply = connect(version, protocols).await.unwrap().post(VALIDATE, &review("fine")).await;
            assert_eq!(reply.status, 200, "{version:?} {protocols:?}");
        }
        assert!(connect(version, &["h2"]).await.is_err(), "{version:?}");
    }
    served.counts(r#"plumbline_handshake_failures_total{reason="nothing_in_common"} 2"#).await;
}

#[tokio::test]
async fn beyond_the_limit_connections_are_told_so() {
    let served = serve(with(|wanted| wanted.settings.connections = 1)).await;
    served.ready().await;
    served.counts("plumbline_connections 0").await;
    let mut first = served.client().await;
    first.post(VALIDATE, &review("fine")).await;
    let mut second = served.client().await;
    let reply = second.post(VALIDATE, &review("fine")).await;
    assert_eq!(reply.status, 503);
    assert!(reply.head.contains("connection: close") && reply.head.contains("retry-after: 1"), "{}", reply.head);
    assert_eq!(first.post(VALIDATE, &review("fine")).await.status, 200);
    drop(first);
    served.counts("plumbline_connections 0").await;
    assert_eq!(served.post(VALIDATE, &review("fine")).await.status, 200);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let served = serve(with(|wanted| wanted.settings.header_timeout = Duration::from_millis(200))).await;
    let mut client = served.client().await;
    client.send("POST /validate HTTP/1.1\r\nHost: a\r\n").await;
    let started = Instant::now();
    client.closed().await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_caller_that_takes_no_answers_is_cut_off() {
    let served = serve(with(|wanted| wanted.settings.write_timeout = Duration::from_millis(200))).await;
    let mut client = served.client().await;
    let requests = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    // More answers than all buffers on the way hold, and then no room for the requests either.
    let cut_off = async { while client.try_send(&requests).await {} };
    tokio::time::timeout(Duration::from_secs(20), cut_off).await.expect("the connection is held for who takes nothing");
}
