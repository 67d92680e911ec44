//! What `serve` tells a collector of traces, and that nobody waits for one that is away.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]
#![allow(dead_code, reason = "files under support are shared with other tests")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use collector::{Collector, attribute};
use serving::Serving;

#[path = "support/collector.rs"]
mod collector;
#[path = "support/serving.rs"]
mod serving;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-local-gateway");
const REVIEW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/reviews/hosts-narrowed.json");

#[test]
fn a_review_is_part_of_the_trace_of_who_sent_it() {
    let collector = Collector::start();
    let serving = Serving::start(Path::new(EXAMPLE), &["--otlp-endpoint", &collector.endpoint]);
    let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    let (status, _) = serving.post_with(traceparent, &fs::read(REVIEW).unwrap());
    assert_eq!(status, 200);

    let (review, before) = collector.wait_for(|span| span.name == "review");
    assert_eq!(review.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(review.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    for (key, value) in [
        ("verdict", "deny"),
        ("codes", "PL110"),
        ("operation", "UPDATE"),
        ("namespace", "istio-system"),
        ("name", "custom-local-gateway"),
    ] {
        assert_eq!(attribute(&review, key), Some(value), "{review:#?}");
    }
    let judging = before.iter().find(|span| span.name == "judge").expect("the judgement");
    assert_eq!((&judging.trace_id, &judging.parent_span_id), (&review.trace_id, &review.span_id));
    // What an object holds is nobody's business there.
    let told = format!("{review:#?}{before:#?}");
    assert!(!told.contains("*.online-serving"), "{told}");
}

#[test]
fn a_caller_that_collects_nothing_is_not_collected_for() {
    let collector = Collector::start();
    let serving = Serving::start(Path::new(EXAMPLE), &["--otlp-endpoint", &collector.endpoint]);
    let review = fs::read(REVIEW).unwrap();
    let unsampled = "traceparent: 00-11111111111111111111111111111111-2222222222222222-00\r\n";
    assert_eq!(serving.post_with(unsampled, &review).0, 200);
    assert_eq!(serving.post(&review).0, 200);

    let (review, before) = collector.wait_for(|span| span.name == "review");
    assert!(review.parent_span_id.is_empty() && before.iter().all(|span| span.trace_id == review.trace_id));
}

#[test]
fn no_verdict_waits_for_a_collector_that_is_away() {
    // Nobody takes what is sent there, and nobody refuses it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let serving = Serving::start(Path::new(EXAMPLE), &["--otlp-endpoint", &endpoint]);
    let review = fs::read(REVIEW).unwrap();
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(serving.post(&review).0, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn an_endpoint_that_cannot_be_used_is_an_error_that_says_why() {
    for endpoint in ["https://collector:4318", "collector:4317", "http://a b"] {
        let args = ["serve", "--listen", "127.0.0.1:0", "--manifests", EXAMPLE, "--otlp-endpoint", endpoint];
        let output = Command::new(env!("CARGO_BIN_EXE_plumbline")).args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("otlp-endpoint: {endpoint:?}: ")), "{said}");
        assert!(said.contains("as in http://collector:4318"), "{said}");
    }
}
