//! What stands in a ConfigMap beside the gateways is nobody's business: not the log's, not the metrics', not the caller's.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::serving::{Serving, review};
use crate::wire::{PATIENCE, get};
use crate::{EXAMPLE, gateway};

const CANARY: &str = "canary-8c1f-do-not-repeat";

#[test]
fn secrets_beside_the_gateways_are_repeated_nowhere() {
    let serving = Serving::start(Path::new(EXAMPLE), &["--log", "trace"]);
    let config = |ingress: &str| {
        let mut object = crate::config(ingress);
        object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": CANARY});
        object["metadata"]["labels"] = json!({"token": CANARY});
        object["data"]["credentials"] = json!({"s3": {"s3SecretAccessKey": CANARY}}).to_string().into();
        object["data"]["storageInitializer"] = format!("{{ {CANARY}").into();
        object["data"]["logger"] = CANARY.into();
        object["binaryData"] = json!({"key": CANARY});
        object
    };
    let sound = json!({
        "ingressGateway": "knative-serving/knative-ingress-gateway",
        "localGateway": "istio-system/custom-local-gateway",
        "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local",
        "unknown": CANARY,
    })
    .to_string();
    let missing = sound.replace("istio-system/custom-local-gateway", "istio-system/gone");
    let mut answers = String::new();
    let mut send = |body: &[u8]| {
        let (status, answer) = serving.post(body);
        answers.push_str(&format!("{status} {answer}\n"));
    };
    for text in [&sound, &missing, "{}"] {
        send(review(Some(&config(&sound)), Some(&config(text)), true).to_string().as_bytes());
    }
    let mut broken = review(Some(&config(&sound)), Some(&config(&missing)), true);
    broken["request"]["object"]["data"]["credentials"] = json!([CANARY]);
    send(broken.to_string().as_bytes());
    broken["request"]["object"] = json!([CANARY]);
    send(broken.to_string().as_bytes());
    let cut = broken.to_string();
    send(&cut.as_bytes()[..cut.len() - 2]);
    let mut annotated = gateway(&["*"]);
    annotated["metadata"]["annotations"] = json!({"note": CANARY});
    annotated["spec"]["servers"][0]["tls"] = json!({"mode": "SIMPLE", "privateKey": CANARY, "credentialName": "a"});
    send(review(None, Some(&annotated), true).to_string().as_bytes());

    assert!(answers.contains("\"allowed\":false") && answers.contains("400 "), "{answers}");
    let metrics = get(&serving, "/metrics").1;
    // Whoever closes without a word is told at debug level only, which proves that the level is on.
    drop(serving.tcp());
    let started = Instant::now();
    let log = loop {
        let log = serving.log.lock().expect("kept").clone();
        if log.contains("\"level\":\"DEBUG\"") {
            break log;
        }
        assert!(started.elapsed() < PATIENCE, "{log}");
        thread::sleep(Duration::from_millis(20));
    };
    assert!(log.contains("\"verdict\":\"deny\""), "{log}");
    for (what, text) in [("an answer", answers), ("the metrics", metrics), ("the log", log)] {
        assert!(!text.contains(CANARY), "{what} repeats it: {text}");
        assert!(!text.contains("PRIVATE KEY"), "{what} holds a key: {text}");
    }
}
