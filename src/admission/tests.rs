//! The endpoint as a caller sees it: real TLS, real requests, a judge that does as it is told.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::server::testing::{Served, Wanted, request, review, serve};
use crate::telemetry::{LogFormat, subscriber};

fn limited(edit: impl FnOnce(&mut Limits)) -> Wanted {
    let mut wanted = Wanted::default();
    edit(&mut wanted.limits);
    wanted
}

async fn served() -> Served {
    serve(Wanted::default()).await
}

#[tokio::test]
async fn allows_and_denies_over_one_connection() {
    let served = served().await;
    let mut client = served.client().await;
    let allowed = client.post("/validate?timeout=10s", &review("fine")).await;
    assert_eq!(allowed.status, 200);
    assert!(allowed.head.contains("content-type: application/json"), "{}", allowed.head);
    assert_eq!(allowed.json()["response"], serde_json::json!({"uid": "u-1", "allowed": true}));
    let denied = client.post("/validate", &review("deny")).await.json();
    assert_eq!(denied["response"]["allowed"], false);
    assert_eq!(denied["response"]["status"]["code"], 403);
    assert_eq!(denied["response"]["status"]["details"]["causes"][0]["reason"], "PL104");
    served.counts("plumbline_reviews_in_flight 0").await;
    served
        .counts(r#"plumbline_reviews_total{kind="Gateway.networking.istio.io",operation="UPDATE",verdict="deny",dry_run="true"} 1"#)
        .await;
}

#[tokio::test]
async fn exceptions_are_counted_by_what_they_are() {
    let served = served().await;
    let excepted = served.client().await.post("/validate", &review("except")).await.json();
    assert_eq!(excepted["response"]["allowed"], true);
    for exception in ["transition", "suppression"] {
        served.counts(&format!(r#"plumbline_exceptions_total{{exception="{exception}",dry_run="true"}} 1"#)).await;
    }
}

#[tokio::test]
async fn a_content_type_that_is_not_json_is_415() {
    let served = served().await;
    let mut client = served.client().await;
    for (header, status) in [
        ("Content-Type: application/yaml\r\n", 415),
        ("", 415),
        ("Content-Type: application/jsonl\r\n", 415),
        ("Content-Type: Application/JSON; charset=utf-8\r\n", 200),
    ] {
        client.send(&request("POST", PATH, header, &review("fine"))).await;
        let reply = client.receive().await.unwrap();
        assert_eq!(reply.status, status, "{header}: {}", reply.body);
    }
    served.counts(r#"plumbline_requests_refused_total{reason="content_type"} 3"#).await;
}

#[tokio::test]
async fn other_methods_and_paths_are_told_what_is_here() {
    let served = served().await;
    let mut client = served.client().await;
    let reply = client.get(PATH).await;
    assert_eq!((reply.status, reply.body.as_str()), (405, "/validate takes admission reviews by POST only\n"));
    let reply = client.get("/nowhere").await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.body, "\"/nowhere\" is not served here: this port has /validate, /livez, /readyz and /metrics\n");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_whether_announced_or_not() {
    let served = serve(limited(|limits| limits.body = 1000)).await;
    let large = format!("{}{}", review("fine"), " ".repeat(1500));
    let reply = served.post(PATH, &large).await;
    assert_eq!(reply.status, 413);
    assert!(reply.body.starts_with("the body is larger than 1000 bytes"), "{}", reply.body);

    let mut client = served.client().await;
    client.send("POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n").await;
    client.send(&format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len())).await;
    assert_eq!(client.receive().await.unwrap().status, 413);
    let fitting = format!("{}{}", review("fine"), " ".repeat(1000 - review("fine").len()));
    assert_eq!(served.post(PATH, &fitting).await.status, 200, "exactly the limit");
}

#[tokio::test]
async fn seven_mebibytes_fit() {
    let served = served().await;
    let body = review("fine");
    let padding = " ".repeat(Limits::default().body - body.len());
    assert_eq!(served.post(PATH, &(body + &padding)).await.status, 200);
}

#[tokio::test]
async fn a_slow_body_is_cut_off_and_holds_up_nobody() {
    let served = serve(limited(|limits| {
        limits.body_read = Duration::from_millis(1500);
        limits.concurrency = 1;
    }))
    .await;
    let mut slow = served.client().await;
    let started = Instant::now();
    slow.send("POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
        .await;
    served.counts("plumbline_reviews_in_flight 1").await;
    assert_eq!(served.post(PATH, &review("fine")).await.status, 200);
    served.counts("plumbline_reviews_in_flight 1").await;
    assert!(!served.metrics.page().unwrap().contains("slow_body"), "the other one did not wait for the slow one");
    let reply = slow.receive().await.unwrap();
    assert_eq!(reply.status, 408, "{}", reply.body);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(slow.closed().await.is_empty());
}

#[tokio::test]
async fn a_verdict_that_takes_too_long_is_504_before_the_caller_gives_up() {
    let served = served().await;
    let mut client = served.client().await;
    let started = Instant::now();
    let reply = client.post("/validate?timeout=2s", &review("hang")).await;
    assert_eq!(reply.status, 504, "{}", reply.body);
    assert!(reply.body.starts_with("no verdict in time for the caller's timeout of 2s"), "{}", reply.body);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    served.counts(r#"plumbline_review_faults_total{fault="deadline_exceeded"} 1"#).await;
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let served = served().await;
    let mut client = served.client().await;
    let reply = client.post(PATH, &review("panic")).await;
    assert_eq!(reply.status, 500);
    assert_eq!(client.post(PATH, &review("fine")).await.status, 200, "on the same connection");
    served.counts("plumbline_panics_total 1").await;
    served.counts(r#"plumbline_review_faults_total{fault="panic"} 1"#).await;
    served.counts("plumbline_reviews_in_flight 0").await;
}

#[tokio::test]
async fn faults_are_call_errors_with_a_sentence() {
    let served = served().await;
    let mut client = served.client().await;
    let reply = client.post(PATH, &review("unavailable")).await;
    assert_eq!((reply.status, reply.body.as_str()), (503, "cannot read Gateways\n"));
    assert!(reply.head.contains("retry-after: 1"), "{}", reply.head);
    let reply = client.post(PATH, r#"{"apiVersion": "v1"}"#).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.starts_with("apiVersion: expected \"admission.k8s.io/v1\", found \"v1\""), "{}", reply.body);
}

#[tokio::test]
async fn beyond_the_queue_the_answer_is_503_at_once() {
    let served = serve(limited(|limits| (limits.concurrency, limits.queue) = (1, 1))).await;
    let first = served.posting("hold").await;
    let second = served.posting("hold").await;
    served.counts("plumbline_reviews_in_flight 2").await;
    let started = Instant::now();
    let reply = served.post(PATH, &review("fine")).await;
    assert_eq!(reply.status, 503);
    assert_eq!(
        reply.body,
        "no room: 1 reviews at a time and 1 that wait, of 67108864 bytes together, is the limit; ask again, or add replicas\n"
    );
    assert!(reply.head.contains("retry-after: 1"), "{}", reply.head);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    served.counts(r#"plumbline_requests_refused_total{reason="saturated"} 1"#).await;

    served.judge.release.add_permits(2);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(second.await.unwrap().status, 200, "the one that waited");
    assert_eq!(served.post(PATH, &review("fine")).await.status, 200);
}

#[tokio::test]
async fn bodies_beyond_the_memory_for_them_are_503_at_once() {
    let served = serve(limited(|limits| (limits.body, limits.bodies) = (8192, 8192))).await;
    let first = served.posting("hold").await;
    let second = served.posting("hold").await;
    served.counts("plumbline_reviews_in_flight 2").await;
    assert_eq!(served.post(PATH, &review("fine")).await.status, 503);
    served.judge.release.add_permits(2);
    assert_eq!((first.await.unwrap().status, second.await.unwrap().status), (200, 200));
    assert_eq!(served.post(PATH, &review("fine")).await.status, 200);
}

#[tokio::test]
async fn who_waits_for_a_turn_past_the_deadline_gets_504() {
    let served = serve(limited(|limits| limits.concurrency = 1)).await;
    let _held = served.posting("hold").await;
    served.counts("plumbline_reviews_in_flight 1").await;
    let reply = served.post("/validate?timeout=300ms", &review("fine")).await;
    assert_eq!(reply.status, 504, "{}", reply.body);
    assert!(reply.body.starts_with("1 reviews are being judged and none ended"), "{}", reply.body);
}

#[tokio::test]
async fn a_caller_who_hangs_up_frees_its_place() {
    let served = serve(limited(|limits| (limits.concurrency, limits.queue) = (1, 0))).await;
    let mut client = served.client().await;
    client.send(&request("POST", PATH, "Content-Type: application/json\r\n", &review("hold"))).await;
    served.counts("plumbline_reviews_in_flight 1").await;
    drop(client);
    served.counts(r#"plumbline_review_faults_total{fault="abandoned"} 1"#).await;
    assert_eq!(served.post(PATH, &review("fine")).await.status, 200);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn one_line_for_each_verdict_without_the_object() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = subscriber("info,plumbline=trace", LogFormat::Json, false, move || writer.clone(), None).unwrap();
    let _logging = tracing::subscriber::set_default(subscriber);
    let served = served().await;
    let judged = async || {
        for name in ["deny", "unavailable"] {
            served.post(PATH, &review(name)).await;
        }
    };
    // tracing remembers for each log statement whether anybody listens, and asks in the thread that reaches it first:
    // that may be another test's, where nobody does. So every statement is reached once, and then all are asked again.
    judged().await;
    tracing::callsite::rebuild_interest_cache();
    lines.0.lock().unwrap().clear();
    judged().await;
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains("must not be logged"), "{log}");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = lines.iter().filter(|line| line.get("verdict").is_some()).collect();
    let [denial, fault] = verdicts[..] else {
        panic!("{log}");
    };
    for (field, value) in [
        ("level", "INFO"),
        ("operation", "UPDATE"),
        ("kind", "Gateway.networking.istio.io"),
        ("namespace", "knative-serving"),
        ("name", "deny"),
        ("user", "ada"),
        ("verdict", "deny"),
        ("codes", "PL104,PL201"),
        ("hop", "listener"),
    ] {
        assert_eq!(denial[field], value, "{field} of {denial}");
    }
    assert_eq!(denial["dry_run"], true);
    assert!(denial["milliseconds"].as_f64().unwrap() >= 0.0);
    assert_eq!((&fault["verdict"], &fault["fault"]), (&"none".into(), &"unavailable".into()));
    assert_eq!(fault["error"], "cannot read\nGateways");
}
