//! Callers that mean harm or are broken: each gets an error or a close in its time, memory stays bounded, and others are
//! served meanwhile.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::{Value, json};

use crate::serving::{Serving, review};
use crate::wire::{PATIENCE, drip, get, status, until_closed};
use crate::{EXAMPLE, HOSTS, config, gateway, named};

/// The largest body that is read.
const LARGEST: usize = 7 * 1024 * 1024;

fn serving() -> Serving {
    Serving::start(Path::new(EXAMPLE), &[])
}

/// Fails on a text with what a terminal would act on.
fn harmless(text: &str) {
    let acts = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert!(!text.contains(acts), "{text:?}");
}

/// Every text of an answer but the uid, which is the API server's own.
fn texts(value: &Value) {
    match value {
        Value::String(text) => harmless(text),
        Value::Array(items) => items.iter().for_each(texts),
        Value::Object(fields) => fields.iter().filter(|(key, _)| *key != "uid").for_each(|(_, field)| texts(field)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn reviews_as_large_as_may_be_are_answered_in_bounded_memory() {
    let serving = serving();
    let padded = |object: &Value| {
        let mut object = object.clone();
        object["metadata"]["annotations"] = json!({"padding": ""});
        let short = review(Some(&gateway(&HOSTS)), Some(&object), true).to_string();
        object["metadata"]["annotations"]["padding"] = "x".repeat(LARGEST - short.len()).into();
        review(Some(&gateway(&HOSTS)), Some(&object), true).to_string()
    };
    let mut hosts = gateway(&[]);
    hosts["spec"]["servers"][0]["hosts"] = vec![json!("a"); 1_000_000].into();
    let million = review(Some(&gateway(&HOSTS)), Some(&hosts), true).to_string();
    assert!(million.len() < LARGEST);
    let nested = |open: &str| {
        let whole = review(None, Some(&gateway(&["*"])), true).to_string();
        let deep = format!("\"spec\":{}", open.repeat(3_000_000 / open.len()));
        whole.replacen("\"spec\":", &deep, 1)
    };
    let unread = {
        let whole = review(None, Some(&gateway(&["*"])), true).to_string();
        let deep = "{\"a\":".repeat(500_000) + "1" + &"}".repeat(500_000);
        whole.replacen("\"spec\":", &format!("\"x\":{deep},\"spec\":"), 1)
    };
    let sent = [
        ("7 MiB", padded(&gateway(&["*"])), &[200][..]),
        ("7 MiB, denied", padded(&gateway(&["elsewhere.example.com"])), &[200]),
        // Without optimisation a million hosts can outlast the caller's timeout.
        ("a million hosts", million, &[200, 504]),
        ("nested lists", nested("["), &[400]),
        ("nested objects", nested("{\"a\":"), &[400]),
        ("nested where nobody reads", unread, &[200, 400]),
    ];
    for (what, body, expected) in &sent {
        let started = Instant::now();
        thread::scope(|scope| {
            let hostile = scope.spawn(|| serving.post(body.as_bytes()));
            serving.serves_others();
            let (status, answer) = hostile.join().expect("answered");
            let shown: String = answer.chars().take(300).collect();
            assert!(expected.contains(&status), "{what}: {status} {shown}");
            assert!(answer.len() < 64 * 1024, "{what}: an answer of {} bytes", answer.len());
        });
        assert!(started.elapsed() < PATIENCE, "{what} took {:?}", started.elapsed());
        assert!(serving.peak() < 512, "{what}: {} MiB", serving.peak());
    }
    // Many at a time: the room for bodies is limited, and who finds none is told so.
    let padded = &sent[0].1;
    let head =
        "POST /validate?timeout=20s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{padded}", padded.len());
    thread::scope(|scope| {
        let hostile: Vec<_> = (0..16).map(|_| scope.spawn(|| serving.exchange(request.as_bytes()))).collect();
        assert_eq!(get(&serving, "/livez").0, 200);
        for one in hostile {
            let answer = one.join().expect("answered or closed");
            assert!(answer.is_empty() || [200, 408, 503, 504].contains(&status(&answer)), "{answer:.300}");
        }
    });
    assert!(serving.peak() < 512, "{} MiB", serving.peak());
    serving.serves_others();
}

#[test]
fn control_characters_and_markup_in_names_act_on_nobody() {
    let serving = serving();
    let evil = "\u{1b}]0;owned\u{7}\r\n<script>alert(1)</script>\u{202e}\0";
    let mut marked = gateway(&[evil, "*.online-serving"]);
    marked["metadata"]["labels"] = json!({evil: evil});
    marked["metadata"]["annotations"] = json!({"plumbline.dev/transition": evil, "plumbline.dev/suppress": evil});
    marked["spec"]["selector"] = json!({evil: evil});
    marked["spec"]["servers"][0]["port"] = json!({"number": 80, "name": evil, "protocol": evil});
    let istio = |text: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "config-istio", "namespace": "knative-serving"},
            "data": {"local-gateways": text, evil: evil},
        })
    };
    let quoted = serde_json::to_string(evil).expect("JSON");
    let list = format!("- name: {quoted}\n  namespace: {quoted}\n  service: {quoted}\n");
    let ingress = json!({"ingressGateway": evil, "localGateway": format!("a/{evil}"), "localGatewayService": evil});
    let mut denied = 0;
    for (before, after) in [
        (Some(gateway(&HOSTS)), marked.clone()),
        (None, named(&marked, evil)),
        (Some(config("{}")), config(&ingress.to_string())),
        (Some(config("{}")), config(evil)),
        (None, istio(&list)),
        (None, istio(evil)),
    ] {
        let mut sent = review(before.as_ref(), Some(&after), true);
        sent["request"]["userInfo"]["username"] = evil.into();
        let (status, answer) = serving.post(sent.to_string().as_bytes());
        match status {
            200 => {
                let answer: Value = serde_json::from_str(&answer).expect("JSON");
                denied += u32::from(answer["response"]["allowed"] == false);
                texts(&answer);
            }
            400 => harmless(&answer),
            _ => panic!("{status}: {answer}"),
        }
    }
    assert!(denied >= 2, "only {denied} were denied: too little was said to prove anything");
    harmless(&get(&serving, "/metrics").1);
    harmless(&serving.log.lock().expect("kept"));
    serving.serves_others();
}

#[test]
fn yaml_that_explodes_is_refused_where_it_stands() {
    let serving = serving();
    let mut text = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (from, to) in ('a'..'y').zip('b'..='y') {
        text.push_str(&format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 9].join(",")));
    }
    let istio = |text: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "config-istio", "namespace": "knative-serving"}, "data": {"local-gateways": text},
        })
    };
    let sound = "- name: knative-local-gateway\n  namespace: knative-serving\n  \
                 service: knative-local-gateway.istio-system.svc.cluster.local\n";
    for text in [text, "- ".repeat(500_000), "[".repeat(500_000), format!("a: &a\n  b: *a\n{}", "? ".repeat(100_000))] {
        let started = Instant::now();
        let answer = thread::scope(|scope| {
            let hostile = scope.spawn(|| serving.review(Some(&istio(sound)), Some(&istio(&text))));
            serving.serves_others();
            hostile.join().expect("answered")
        });
        let start: String = text.chars().take(20).collect();
        assert_eq!(answer["allowed"], false, "{start}: {answer}");
        assert!(answer["status"]["message"].as_str().expect("text").contains("local-gateways"), "{start}: {answer}");
        assert!(started.elapsed() < PATIENCE, "{start} took {:?}", started.elapsed());
    }
    assert!(serving.peak() < 512, "{} MiB", serving.peak());
}

#[test]
fn slow_and_silent_senders_are_cut_off_while_others_are_served() {
    let serving = serving();
    let head = |length: usize, timeout: &str| {
        format!(
            "POST /validate?timeout={timeout} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    thread::scope(|scope| {
        // One byte every now and then, for a caller that waits two seconds.
        let dripping = scope.spawn(|| {
            let mut stream = serving.tls();
            stream.write_all(head(100_000, "2s").as_bytes()).expect("sent");
            stream.sock.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
            drip(&mut stream, b" ", PATIENCE)
        });
        // Nothing more, and nothing at all, from ends that are open or half closed.
        let silent = scope.spawn(|| {
            let mut stream = serving.tls();
            stream.write_all(&[head(100, "3s").as_bytes(), b"{"].concat()).expect("sent");
            until_closed(&mut stream)
        });
        let half_closed = scope.spawn(|| {
            let mut stream = serving.tls();
            stream.write_all(&[head(100, "30s").as_bytes(), b"{"].concat()).expect("sent");
            stream.sock.shutdown(std::net::Shutdown::Write).expect("half closed");
            until_closed(&mut stream)
        });
        let never_greeted = scope.spawn(|| until_closed(&mut serving.tcp()));
        let half_greeted = scope.spawn(|| {
            let mut stream = serving.tcp();
            stream.write_all(&client_hello([3, 3])[..20]).expect("sent");
            until_closed(&mut stream)
        });
        // Heads that never end keep their connections for longer than a test should last; they keep nobody else out.
        let heads: Vec<_> = (0..20)
            .map(|_| {
                let mut stream = serving.tls();
                stream.write_all(b"POST /validate HTTP/1.1\r\nHost: a\r\nX: ").expect("sent");
                stream
            })
            .collect();
        for _ in 0..5 {
            serving.serves_others();
        }
        let dripped = dripping.join().expect("cut off");
        assert!(!dripped.contains("\"allowed\""), "{dripped}");
        let answer = silent.join().expect("cut off");
        assert_eq!(status(&answer), 408, "{answer}");
        assert!(answer.contains("did not arrive in time"), "{answer}");
        assert!(!half_closed.join().expect("cut off").contains("\"allowed\""));
        assert_eq!(never_greeted.join().expect("cut off"), "");
        let _alert = half_greeted.join().expect("cut off");
        drop(heads);
    });
    assert!(serving.peak() < 256, "{} MiB", serving.peak());
    serving.serves_others();
}

#[test]
fn a_thousand_connections_at_once_leave_room_for_another() {
    let serving = serving();
    assert!(rlimit::increase_nofile_limit(4096).unwrap() >= 4096, "this test opens some 2,500 connections");
    let silent: Vec<_> = (0..1000).map(|_| serving.tcp()).collect();
    serving.serves_others();
    assert!(serving.peak() < 256, "{} MiB", serving.peak());
    for mut stream in silent {
        assert_eq!(until_closed(&mut stream), "");
    }
    // Beyond the limit, too, for as long as it lasts: nobody hangs, and afterwards all is well.
    let many: Vec<_> = (0..1300).map(|_| serving.tcp()).collect();
    let beyond = serving.exchange(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(beyond.is_empty() || [200, 503].contains(&status(&beyond)), "{beyond}");
    drop(many);
    let started = Instant::now();
    while !serving.exchange(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").contains(" 200 ") {
        assert!(started.elapsed() < PATIENCE, "it never recovered");
        thread::sleep(Duration::from_millis(50));
    }
    let metrics = get(&serving, "/metrics").1;
    assert!(
        metrics.contains("plumbline_requests_refused_total{reason=\"connections\"}"),
        "nobody was refused: {metrics}"
    );
    serving.serves_others();
    assert!(serving.peak() < 256, "{} MiB", serving.peak());
}

#[test]
fn http_that_is_not_what_the_api_server_speaks_gets_an_error_or_a_close() {
    let serving = serving();
    let body = review(None, Some(&gateway(&["*"])), true).to_string();
    let post = |version: &str, headers: &str, body: &str| {
        let end = "Connection: close\r\n\r\n";
        serving.exchange(format!("POST /validate {version}\r\nHost: a\r\n{headers}{end}{body}").as_bytes())
    };
    let length = format!("Content-Length: {}\r\n", body.len());
    for (kind, expected) in [
        ("text/plain", 415),
        ("application/yaml", 415),
        ("application/jsonx", 415),
        ("\"", 415),
        ("application/json; charset=utf-8", 200),
    ] {
        let answer = post("HTTP/1.1", &format!("Content-Type: {kind}\r\n{length}"), &body);
        assert_eq!(status(&answer), expected, "{kind}: {answer}");
    }
    assert_eq!(status(&post("HTTP/1.1", &length, &body)), 415);

    let json = "Content-Type: application/json\r\n";
    let old = post("HTTP/1.0", &format!("{json}{length}"), &body);
    assert_eq!(status(&old), 200, "it is understood: {old}");
    assert!(old.starts_with("HTTP/1.0 "), "{old}");

    // Two ends of one body: what one reader takes for the next request, another takes for the body.
    let smuggled = post("HTTP/1.1", &format!("{json}{length}Content-Length: 3\r\n"), &body);
    assert_eq!(status(&smuggled), 400, "{smuggled}");
    for (headers, body) in [
        (format!("{json}Content-Length: -1\r\n"), body.clone()),
        (format!("{json}Transfer-Encoding: chunked\r\n"), "fffffffffffffffff\r\n{".to_owned()),
        (format!("{json}Transfer-Encoding: chunked\r\n"), "zz\r\n{".to_owned()),
        (format!("X: {}\r\n", "x".repeat(1_000_000)), body.clone()),
        ("X: y\r\n".repeat(10_000), body.clone()),
    ] {
        let answer = post("HTTP/1.1", &headers, &body);
        assert!(answer.is_empty() || [400, 431].contains(&status(&answer)), "{answer}");
    }
    for garbage in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", &[0xff; 4096]] {
        let answer = serving.exchange(garbage);
        assert!(answer.is_empty() || [400, 505].contains(&status(&answer)), "{answer}");
    }

    // One after the other on one connection, sent all at once: each has its answer, in order.
    let one = |end: &str, body: &str| {
        format!("POST /validate HTTP/1.1\r\nHost: a\r\n{json}{end}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let named = |uid: &str| body.replace("705ab4f5-6393-11e8-b7cc-42010a800002", uid);
    let pipelined = serving.exchange(
        [
            one("", &named("uid-1")),
            one("", "{"),
            one("", &named("uid-3")),
            one("Connection: close\r\n", &named("uid-4")),
        ]
        .concat()
        .as_bytes(),
    );
    let places: Vec<_> = ["uid-1", " 400 ", "uid-3", "uid-4"].iter().map(|part| pipelined.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {pipelined}");
    serving.serves_others();
}

/// A greeting in an older TLS: one record with the version that is all the client speaks.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    // No session, one cipher suite of each age, no compression, no extensions.
    hello.extend([0, 0, 4, 0xc0, 0x14, 0xc0, 0x2f, 1, 0]);
    let mut handshake = vec![1, 0, 0, u8::try_from(hello.len()).expect("short")];
    handshake.extend(hello);
    let mut record = vec![22, 3, 1, 0, u8::try_from(handshake.len()).expect("short")];
    record.extend(handshake);
    record
}

#[test]
fn no_tls_but_1_2_and_1_3_and_no_wrong_certificate() {
    let serving = serving();
    for sent in [client_hello([3, 0]), client_hello([3, 1]), client_hello([3, 2]), vec![0; 600], vec![0xff; 70_000]] {
        let mut stream = serving.tcp();
        let _ = stream.write_all(&sent);
        let mut answer = Vec::new();
        let started = Instant::now();
        let _ = stream.read_to_end(&mut answer);
        assert!(started.elapsed() < PATIENCE, "still open: {:?}", &sent[..8]);
        // An alert, or nothing.
        assert!(answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
    }
    let mut plain = serving.tcp();
    plain.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    assert!(!until_closed(&mut plain).contains("200"), "nothing without TLS");

    // A client that wants another name turns away, which harms nobody.
    let other = ServerName::try_from("other.test").expect("a name");
    let other = ClientConnection::new(serving.tls.clone(), other).expect("a client");
    let mut refused = StreamOwned::new(other, serving.tcp());
    let error = refused.write_all(b"GET").expect_err("the name is another").to_string();
    assert!(error.contains("certificate"), "{error}");
    drop(refused);

    let metrics = get(&serving, "/metrics").1;
    for reason in ["nothing_in_common", "not_tls", "certificate_refused"] {
        assert!(metrics.contains(&format!("reason=\"{reason}\"")), "{reason}: {metrics}");
    }
    serving.serves_others();
}

#[test]
fn an_expired_certificate_is_not_served() {
    let scratch = tempfile::tempdir().expect("a folder");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let (chain, secret) = (scratch.path().join("tls.crt"), scratch.path().join("tls.key"));
    fs::write(&chain, params.self_signed(&key).expect("signed").pem()).expect("writable");
    fs::write(&secret, key.serialize_pem()).expect("writable");
    let run = Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["serve", "--listen", "127.0.0.1:0", "--manifests", EXAMPLE, "--tls-cert"])
        .arg(&chain)
        .arg("--tls-key")
        .arg(&secret)
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && said.contains("tls.crt") && said.contains("which is not now"), "{said}");
    assert!(!said.contains("PRIVATE KEY"), "{said}");
}
