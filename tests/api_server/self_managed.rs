//! Certificates that plumbline keeps itself: rotated, repaired and trusted, while the API server calls without a pause.

mod load;
mod replicas;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::certificates::Authority;
use crate::control_plane::ControlPlane;
use crate::wait;
use load::Load;
use replicas::Replicas;

/// A CA each 20 seconds, a leaf each 8.
const BRISK: [&str; 8] =
    ["--tls-ca-seconds", "30", "--tls-leaf-seconds", "12", "--tls-settle-seconds", "1", "--tls-retire-seconds", "4"];
/// Nothing comes of age, so that what changes was tampered with.
const CALM: [&str; 4] = ["--tls-settle-seconds", "1", "--tls-retire-seconds", "4"];
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn three_rotations_under_load_fail_no_request() {
    let replicas = Replicas::start("rotated", 2, &BRISK);
    replicas.wait_until_ready();
    replicas.wait_until_called();
    // Until then the API server called with the configuration as it was at first.
    let complaints = replicas.complaints();
    let load = Load::start(&replicas);

    let mut authorities = vec![replicas.secret()["ca.crt"].clone()];
    let mut leaves = BTreeSet::new();
    while authorities.len() < 4 {
        let secret = wait::until("a rotation", PATIENCE, || {
            let secret = replicas.secret();
            leaves.insert(secret["tls.crt"].as_str().unwrap().to_owned());
            if Some(&secret["ca.crt"]) == authorities.last() { Err("the same CA".to_owned()) } else { Ok(secret) }
        });
        authorities.push(secret["ca.crt"].clone());
    }
    wait::until("the retirement of the third", PATIENCE, || {
        let bundle = replicas.trusted();
        let gone = authorities[..3].iter().all(|ca| !bundle.contains(&text(ca)));
        if gone && bundle.contains(&text(&authorities[3])) { Ok(()) } else { Err(bundle) }
    });
    let calls = load.stop();

    assert!(calls.reviews > 100 && calls.handshakes > 100, "{calls:?}");
    assert!(leaves.len() >= 6, "leaves are renewed between rotations: {}", leaves.len());
    assert_eq!(replicas.complaints(), complaints);
}

#[test]
fn a_secret_that_is_lost_or_tampered_with_is_mended_under_load() {
    let replicas = Replicas::start("tampered", 2, &CALM);
    replicas.wait_until_ready();
    replicas.wait_until_called();
    let load = Load::start(&replicas);
    let sound = replicas.secret();

    replicas.delete_secret();
    // Whoever deleted it may have had a reason: another CA takes over.
    replicas.wait_for_secret("a new CA", |secret| !secret.is_null() && secret["ca.key"] != sound["ca.key"]);
    replicas.wait_until_settled();

    let stranger = Authority::generate();
    let leaf = stranger.issue(&replicas.server_name());
    let misnamed = stranger.issue("elsewhere.svc");
    let bytes = |text: &str| json!(ByteString(text.as_bytes().to_vec()));
    for (what, patch) in [
        ("garbage", json!({"ca.crt": bytes("garbage"), "tls.crt": bytes("\u{0}")})),
        ("no keys at all", json!({"ca.crt": null, "ca.key": null})),
        ("a CA of another key", json!({"ca.crt": bytes(stranger.certificate_pem())})),
        ("a leaf of another key", json!({"tls.crt": bytes(&leaf.certificate_pem)})),
        ("a leaf of another CA", json!({"tls.crt": bytes(&leaf.certificate_pem), "tls.key": bytes(&leaf.key_pem)})),
        (
            "another CA and a leaf for another name",
            json!({
                "ca.crt": bytes(stranger.certificate_pem()), "ca.key": bytes(&stranger.key_pem()),
                "tls.crt": bytes(&misnamed.certificate_pem), "tls.key": bytes(&misnamed.key_pem),
            }),
        ),
    ] {
        let before = replicas.secret();
        replicas.patch_secret(&patch);
        replicas.wait_for_secret(what, |secret| replicas.is_sound(secret) && secret["tls.key"] != before["tls.key"]);
        replicas.wait_until_settled();
    }
    let calls = load.stop();
    assert!(calls.reviews > 100 && calls.handshakes > 100, "{calls:?}");
}

#[test]
fn replicas_that_start_at_once_agree() {
    for round in ["agreed-one", "agreed-two", "agreed-three"] {
        let replicas = Replicas::start(round, 3, &CALM);
        replicas.wait_until_ready();

        let secret = replicas.secret();
        assert_eq!(replicas.trusted(), text(&secret["ca.crt"]), "one CA, and no other");
        for shown in replicas.shown() {
            assert!(text(&secret["tls.crt"]).contains(&shown), "each shows the one leaf");
        }
    }
}

#[test]
fn the_bundle_alone_is_owned_and_put_back() {
    let replicas = Replicas::start("owned", 2, &CALM);
    replicas.wait_until_ready();
    let trusted = replicas.trusted();

    let configuration = replicas.configuration();
    let managers = configuration["metadata"]["managedFields"].as_array().unwrap();
    let ours: Vec<_> = managers.iter().filter(|entry| entry["manager"] == plumbline::certs::FIELD_MANAGER).collect();
    let bundle = json!({".": {}, "f:name": {}, "f:clientConfig": {"f:caBundle": {}}});
    let owned: serde_json::Map<String, Value> =
        replicas.webhooks().into_iter().map(|name| (format!("k:{}", json!({"name": name})), bundle.clone())).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0]["operation"], "Apply");
    assert_eq!(ours[0]["fieldsV1"], json!({"f:webhooks": owned}));

    // As Argo CD and Flux apply, and as kubectl and Helm do: what they do not name stays.
    let cluster = ControlPlane::shared();
    for args in [&["--server-side", "--force-conflicts", "--field-manager=argocd-controller"][..], &[]] {
        cluster.apply(&replicas.manifest(7), args).expect_success();
        assert_eq!(replicas.trusted(), trusted, "{args:?}");
        assert_eq!(replicas.configuration()["webhooks"][0]["timeoutSeconds"], 7);
    }

    // As `kubectl replace` and Argo CD's Replace=true do, and then somebody who knows better.
    let replace = ["replace", "--filename=-"];
    cluster.kubectl_with_input(crate::control_plane::User::Admin, &replace, &replicas.manifest(5)).expect_success();
    wait::until("the bundle", Duration::from_secs(5), || {
        let found = replicas.trusted();
        if found == trusted { Ok(()) } else { Err(found) }
    });
    replicas.overwrite_bundle(Authority::generate().certificate_pem());
    wait::until("the bundle", PATIENCE, || {
        let found = replicas.trusted();
        if found == trusted { Ok(()) } else { Err(found) }
    });

    // A new configuration, of a tool that knows server-side apply only.
    let apply = ["--server-side", "--field-manager=kustomize-controller"];
    cluster.kubectl(&["delete", "validatingwebhookconfiguration", replicas.name()]).expect_success();
    sleep(Duration::from_secs(1));
    cluster.apply(&replicas.manifest(5), &apply).expect_success();
    wait::until("the bundle of a new configuration", Duration::from_secs(5), || {
        let found = replicas.trusted();
        if found == trusted { Ok(()) } else { Err(found) }
    });
    // What certs/README.md warns of.
    let mut one: Value = serde_json::from_str(&replicas.manifest(5)).unwrap();
    one["webhooks"].as_array_mut().unwrap().pop();
    let refused = cluster.apply(&one.to_string(), &apply).expect_failure();
    assert!(refused.contains("webhooks[1].sideEffects: Required value"), "{refused}");
}

/// The PEM behind base64.
fn text(encoded: &Value) -> String {
    let bytes: ByteString = serde_json::from_value(encoded.clone()).unwrap_or_default();
    String::from_utf8(bytes.0).unwrap()
}
