//! What stands in a ConfigMap beside the gateways is nobody's business: not the log's, not the metrics', not the caller's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

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

/// What the background audit puts into Events and its page are these findings.
#[test]
fn secrets_of_a_broken_cluster_are_told_by_no_command() {
    let scratch = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(EXAMPLE).expect("the example") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("readable");
        // A break in what requests go by, and secrets beside it in every place that nobody has to read.
        let text = text
            .replace("istio-system/custom-local-gateway", "istio-system/gone")
            .replace("  deploy: |-\n", &format!("  credentials: '{{\"key\": \"{CANARY}\"'\n  deploy: |-\n"))
            .replace("      \"urlScheme\"", &format!("      \"unknown\": \"{CANARY}\",\n      \"urlScheme\""))
            .replace("\nmetadata:\n", &format!("\nmetadata:\n  annotations: {{token: {CANARY}}}\n"));
        fs::write(scratch.path().join(path.file_name().expect("a name")), text).expect("writable");
    }
    let folder = scratch.path().display().to_string();
    let commands: [&[&str]; 5] = [
        &["audit", "--manifests", &folder, "--output", "text"],
        &["audit", "--manifests", &folder, "--output", "json"],
        &["check", &folder, "--output", "json"],
        &["check", &folder, "--output", "text"],
        &["trace", "online-serving", "--manifests", &folder],
    ];
    for arguments in commands {
        let run = Command::new(env!("CARGO_BIN_EXE_plumbline")).args(arguments).output();
        let run = run.expect("it starts");
        let mut told = String::from_utf8_lossy(&run.stdout).into_owned();
        if let Ok(mut report) = serde_json::from_str(&told) {
            // A patch restates the one text that it mends, for whoever may write it; no Event and no page has one.
            without_patches(&mut report);
            told = report.to_string();
        }
        let said = format!("{told}{}", String::from_utf8_lossy(&run.stderr));
        assert!(said.contains("istio-system/gone"), "{arguments:?} tells nothing of what is broken: {said}");
        assert!(!said.contains(CANARY), "{arguments:?} repeats it: {said}");
    }
}

fn without_patches(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("patch");
            fields.values_mut().for_each(without_patches);
        }
        Value::Array(items) => items.iter_mut().for_each(without_patches),
        _ => {}
    }
}
