//! `serve --manifests` over real TLS: what bad input is told, and what is remembered of what was admitted.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use serving::{Serving, review, write_manifests};

#[path = "serve/certificates.rs"]
mod certificates;
#[path = "serve/half_open.rs"]
mod half_open;
#[path = "serve/hostile.rs"]
mod hostile;
#[path = "serve/secrets.rs"]
mod secrets;
#[path = "support/serving.rs"]
mod serving;
#[path = "serve/wire.rs"]
mod wire;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-local-gateway");

#[test]
fn a_review_that_cannot_be_read_is_an_error_that_says_what_is_wrong() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let whole = review(None, Some(&gateway(&["*"])), false);
    let but = |change: &dyn Fn(&mut Value)| {
        let mut review = whole.clone();
        change(&mut review);
        review.to_string()
    };

    for (body, status, says) in [
        (String::new(), 400, "empty"),
        ("{".to_owned(), 400, "line 1 column 1"),
        ("[]".to_owned(), 400, "object"),
        ("apiVersion: admission.k8s.io/v1".to_owned(), 400, "line 1 column 1"),
        (whole.to_string().replace("\"hosts\":", "\"hosts\""), 400, "line 1 column"),
        (but(&|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1")), 400, "admissionReviewVersions"),
        (but(&|review| review["kind"] = json!("ConversionReview")), 400, "expected \"AdmissionReview\""),
        (but(&|review| review["request"] = Value::Null), 400, "request is missing"),
        (but(&|review| review["request"]["uid"] = json!("")), 400, "request.uid is missing"),
        (but(&|review| review["request"]["operation"] = json!("APPLY")), 400, "request.operation"),
        (but(&|review| review["request"]["object"] = Value::Null), 400, "request.object is missing"),
        (but(&|review| review["request"]["object"] = json!("text")), 400, "request.object: expected a JSON object"),
        (but(&|review| review["request"]["object"]["spec"]["servers"] = json!(7)), 400, "request.object"),
        (
            but(&|review| review["request"]["kind"]["kind"] = json!("Potato")),
            400,
            "does not judge Potato.networking.istio.io",
        ),
        (" ".repeat(8 * 1024 * 1024), 413, "larger than 7340032 bytes"),
    ] {
        let (found, answer) = serving.post(body.as_bytes());
        let sent: String = body.chars().take(100).collect();
        assert_eq!(found, status, "{sent}: {answer}");
        assert!(answer.contains(says), "{sent}: {answer}");
        assert!(!answer.contains("\"allowed\""), "a fault is no verdict: {answer}");
    }

    let answer = serving.review(None, Some(&gateway(&["*"])));
    assert_eq!(answer["allowed"], true, "and it still judges: {answer}");
}

#[test]
fn a_config_map_that_is_no_json_is_refused_at_its_character() {
    let serving = Serving::start(Path::new(EXAMPLE), &[]);
    let sound = r#"{
  "ingressGateway": "knative-serving/knative-ingress-gateway",
  "localGateway": "istio-system/custom-local-gateway",
  "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local"
}"#;
    let before = config(sound);

    for (right, wrong, place) in [
        ("\"istio-system/custom-local-gateway\"", "istio-system", ["(line 3)", "column 19\n"]),
        ("svc.cluster.local\"\n}", "svc.cluster.local\",\n}", ["(line 5)", "invalid character '}'"]),
        ("\n}", "\n", ["(line 5)", "unexpected end"]),
        ("\"localGateway\":", "\"localGateway\"", ["(line 3)", "column 18\n"]),
    ] {
        let text = &sound.replace(right, wrong);
        assert_ne!(text, sound);
        let answer = serving.review(Some(&before), Some(&config(text)));
        assert_eq!(answer["allowed"], false, "{text}: {answer}");
        assert_eq!(answer["status"]["code"], 403, "{text}: {answer}");
        let message = answer["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("data.ingress"), "{message}");
        assert!(place.iter().all(|part| message.contains(part)), "{place:?}: {message}");
    }
}

#[test]
fn what_is_admitted_is_remembered_and_the_directory_is_not_written() {
    let (_scratch, directory) = copy_of_example();
    let before = files(&directory);
    let serving = Serving::start(&directory, &[]);
    let (shipped, spare) = (gateway(&HOSTS), named(&gateway(&["*"]), "spare"));
    let kserve = |gateway: &str| {
        config(
            &json!({
                "ingressGateway": "knative-serving/knative-ingress-gateway",
                "localGateway": format!("istio-system/{gateway}"),
                "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local",
                "ingressClassName": "istio",
            })
            .to_string(),
        )
    };
    let (uses_shipped, uses_spare) = (kserve("custom-local-gateway"), kserve("spare"));
    let allowed = |before: Option<&Value>, after: Option<&Value>, dry_run: bool| {
        let (status, body) = serving.post(review(before, after, dry_run).to_string().as_bytes());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).expect("JSON")["response"]["allowed"].as_bool().expect("a verdict")
    };

    assert!(!allowed(Some(&uses_shipped), Some(&uses_spare), false), "it is not there");
    assert!(allowed(None, Some(&spare), true), "a dry run");
    assert!(!allowed(Some(&uses_shipped), Some(&uses_spare), false), "a dry run creates nothing");
    assert!(allowed(None, Some(&spare), false));
    assert!(allowed(Some(&uses_shipped), Some(&uses_spare), true), "a dry run gets the same verdict");
    assert!(allowed(Some(&uses_shipped), Some(&uses_spare), false));
    assert!(!allowed(Some(&spare), None, false), "it is in use now");
    assert!(!allowed(Some(&spare), None, true), "for a dry run too");
    // Refused writes leave no trace.
    assert!(allowed(Some(&uses_spare), Some(&uses_shipped), false));
    assert!(allowed(Some(&spare), None, false));
    assert!(!allowed(Some(&shipped), Some(&gateway(&["elsewhere.example.com"])), false));

    assert_eq!(files(&directory), before);
}

#[test]
fn the_reviews_own_objects_count_and_the_directory_for_their_siblings() {
    let (_scratch, directory) = copy_of_example();
    let serving = Serving::start(&directory, &[]);
    let narrow = gateway(&["*.online-serving"]);

    // Narrow as it is by the review, though not by the directory.
    let unchanged = serving.review(Some(&narrow), Some(&narrow));
    assert_eq!(unchanged["allowed"], true, "{unchanged}");
    let broken = serving.review(Some(&gateway(&HOSTS)), Some(&narrow));
    assert_eq!(broken["allowed"], false, "{broken}");
    assert!(broken["status"]["details"]["causes"][0]["field"].is_string(), "{broken}");
}

#[test]
fn a_directory_of_a_thousand_models_is_served_in_time() {
    let scratch = tempfile::tempdir().expect("a folder");
    let models = (0..1000).map(|number| {
        json!({
            "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": {"name": format!("model-{number}"), "namespace": "models"},
        })
    });
    write_manifests(scratch.path(), models);
    let serving = Serving::start(scratch.path(), &[]);

    let started = Instant::now();
    let answer = serving.review(None, Some(&gateway(&["*"])));
    assert_eq!(answer["allowed"], true, "{answer}");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

const HOSTS: [&str; 3] = ["*.online-serving", "*.online-serving.svc", "*.online-serving.svc.cluster.local"];

fn gateway(hosts: &[&str]) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "custom-local-gateway", "namespace": "istio-system"},
        "spec": {
            "selector": {"app": "custom-local-gateway"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}],
        },
    })
}

fn named(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["name"] = name.into();
    object
}

fn config(ingress: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {"deploy": "{\"defaultDeploymentMode\": \"Serverless\"}", "ingress": ingress},
    })
}

fn copy_of_example() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().expect("a folder");
    let directory = scratch.path().join("manifests");
    fs::create_dir(&directory).expect("writable");
    for (name, content) in files(Path::new(EXAMPLE)) {
        fs::write(directory.join(name), content).expect("writable");
    }
    (scratch, directory)
}

/// What is in a directory, by name.
fn files(directory: &Path) -> BTreeMap<PathBuf, String> {
    let entries = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").path());
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").into();
        (name, fs::read_to_string(path).expect("text"))
    };
    entries.map(read).collect()
}
