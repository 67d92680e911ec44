//! The body of a review, on the way that the server sends it: from its bytes to those of the answer.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use plumbline::admission::{self, Limits};
use plumbline::engine::JudgeSettings;
use plumbline::exception::Policy;
use plumbline::gather::Fixed;
use plumbline::manifests::Manifests;
use plumbline::metrics::Metrics;
use plumbline::model::Object;
use plumbline::view::Snapshot;
use plumbline::webhook::Webhook;
use serde_json::{Value, json};
use tower::Service;

use super::text;

/// What is looked at of a review that has a verdict. What else it holds may be no text, or half an escape, where nobody looks.
#[derive(serde::Deserialize)]
struct Sent {
    request: Identified,
}

#[derive(serde::Deserialize)]
struct Identified {
    uid: Value,
}

/// The cluster at which writes are aimed.
static CLUSTER: LazyLock<(Snapshot, Vec<Value>)> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|parent| parent.join("examples"));
    let folder = folder.into_iter().find(|examples| examples.is_dir()).expect("the examples");
    let manifests = Manifests::load(&[folder.join("custom-local-gateway")]).expect("an example");
    let mut snapshot = Snapshot::default();
    for object in manifests.objects() {
        let (_, read) = Object::from_value(object.key.kind, object.to_json()).expect("well formed");
        snapshot.insert(object.key.clone(), read);
    }
    (snapshot, manifests.objects().map(plumbline::manifests::ManifestObject::to_json).collect())
});

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));

/// Any bytes as a review's body.
pub(super) fn review(bytes: &[u8]) {
    let first = answer(bytes);
    let again = answer(bytes);
    assert_eq!(decision(first), decision(again), "one review, two verdicts");
}

/// Any text as the part of `inferenceservice-config` that says where requests go.
pub(super) fn kserve_config(bytes: &[u8]) {
    written("inferenceservice-config", bytes, |object, text| object["data"]["ingress"] = text.into());
}

/// Any text as the lists of gateways in `config-istio`: the local one, and the external one behind a NUL.
pub(super) fn istio_config(bytes: &[u8]) {
    written("config-istio", bytes, |object, text| match text.split_once('\0') {
        None => object["data"]["local-gateways"] = text.into(),
        Some((local, external)) => {
            object["data"] = json!({"local-gateways": local, "external-gateways": external});
        }
    });
}

/// Any YAML as the `spec` of a KnativeServing.
pub(super) fn knative_serving(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(node) = plumbline::syntax::yaml::parse(text) else { return };
    let spec = Value::from(&node);
    let kept = json!({
        "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"}, "spec": {},
    });
    let mut new = kept.clone();
    new["spec"] = spec;
    judged(Some(&kept), &new);
    judged(None, &new);
}

/// Writes an object of the cluster anew, with a text in it.
fn written(name: &str, bytes: &[u8], put: impl Fn(&mut Value, &str)) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let found = |object: &&Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name;
    let stock = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "knative-serving"}, "data": {}
    });
    let kept = CLUSTER.1.iter().find(found).unwrap_or(&stock);
    let mut new = kept.clone();
    put(&mut new, text);
    // To the text and away from it.
    judged(Some(kept), &new);
    judged(Some(&new), kept);
}

fn judged(old: Option<&Value>, new: &Value) {
    let api_version = new["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let body = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": {"group": group, "version": version, "kind": new["kind"]},
            "resource": {"group": group, "version": version, "resource": "any"},
            "name": new["metadata"]["name"], "namespace": new["metadata"]["namespace"],
            "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
            "userInfo": {"username": "alex"}, "object": new, "oldObject": old,
        }
    });
    answer(body.to_string().as_bytes());
}

/// Sends a body to a webhook that never saw another one, and holds the answer to its contract.
fn answer(bytes: &[u8]) -> (u16, String) {
    let source = Arc::new(Fixed::new(CLUSTER.0.clone()));
    let webhook = Webhook::new(source, JudgeSettings::default(), Policy::default(), Vec::new());
    let mut router = admission::router(Arc::new(webhook), Limits::default(), Arc::new(Metrics::new()));
    let request = Request::post("/validate?timeout=10s").header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(bytes.to_vec())).expect("a request");
    let (status, body) = RUNTIME.block_on(async {
        let response = router.call(request).await.expect("no error but an answer");
        let status = response.status().as_u16();
        (status, response.into_body().collect().await.expect("a body").to_bytes())
    });
    let body = String::from_utf8(body.to_vec()).expect("an answer is text");
    match status {
        200 => verdict(bytes, &body),
        400 => text::one_line("an error", body.strip_suffix('\n').expect("a line ends")),
        // Not in time, no room, or a bug: none is a matter of what was sent.
        _ => panic!("{status}: {body}"),
    }
    (status, body)
}

fn verdict(bytes: &[u8], body: &str) {
    let Sent { request: Identified { uid } } = serde_json::from_slice(bytes).expect("what has a verdict has a uid");
    let review: Value = serde_json::from_str(body).expect("an answer is JSON");
    assert_eq!(review["apiVersion"], "admission.k8s.io/v1", "{body}");
    assert_eq!(review["kind"], "AdmissionReview", "{body}");
    let response = review["response"].as_object().expect("a response");
    assert_eq!(response["uid"], uid, "{body}");
    let known = BTreeSet::from(["uid", "allowed", "status", "warnings", "auditAnnotations"]);
    assert!(response.keys().all(|key| known.contains(&**key)), "{body}");
    if !response["allowed"].as_bool().expect("a verdict") {
        assert_eq!(response["status"]["code"], 403, "{body}");
        assert_ne!(response["status"]["message"], "", "a denial says why");
        assert!(!response["status"]["details"]["causes"].as_array().expect("causes").is_empty(), "{body}");
    }
    for (part, value) in response {
        if part != "uid" {
            texts(part, value);
        }
    }
    for line in response.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        text::one_line("a warning", line.as_str().expect("text"));
    }
    // The API server cuts nothing of what is longer; it is ours to be brief.
    assert!(body.len() < 64 * 1024, "{} bytes", body.len());
}

fn texts(part: &str, value: &Value) {
    match value {
        Value::String(said) => text::shown(part, said),
        Value::Array(items) => items.iter().for_each(|item| texts(part, item)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| {
            text::one_line(part, key);
            texts(part, field);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What was decided and for which reasons; the words may name the hour.
fn decision((status, body): (u16, String)) -> (u16, Value, Value) {
    let response = serde_json::from_str::<Value>(&body).unwrap_or_default()["response"].take();
    (status, response["allowed"].clone(), response["auditAnnotations"]["codes"].clone())
}
