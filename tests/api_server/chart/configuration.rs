//! The webhook configuration is stored as it was rendered: nothing is added that a tool would take for drift.

use serde_json::{Value, json};

use super::cluster::{alone_with_webhooks, cluster};
use super::rendering::Rendering;
use crate::certificates::Authority;

#[test]
fn the_api_server_adds_nothing_to_what_is_rendered() {
    let _alone = alone_with_webhooks();
    let bundle = format!("certificate.supplied.caBundle={}", Authority::generate().certificate_pem());
    let supplied = "certificate.mode=supplied,certificate.supplied.secretName=ours";
    for (release, args) in [
        ("drift", &[][..]),
        ("drift-with-cert-manager", &["--set", "certificate.mode=cert-manager"]),
        ("drift-with-a-bundle", &["--set", supplied, "--set-string", &bundle]),
        ("drift-without-services", &["--set", "webhook.gatewayServices.enabled=false,webhook.failurePolicy=Ignore"]),
    ] {
        let rendered = Rendering::of(release, args).only("ValidatingWebhookConfiguration");
        let stored = stored(&rendered);
        assert_eq!(stored["webhooks"], rendered["webhooks"]);
        assert_eq!(stored["metadata"]["labels"], rendered["metadata"]["labels"]);
        let annotations = |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        assert_eq!(annotations(&stored), annotations(&rendered));
    }
}

#[test]
fn a_bundle_that_pods_write_is_not_rendered() {
    let rendered = Rendering::of("plumbline", &[]).only("ValidatingWebhookConfiguration");
    for webhook in rendered["webhooks"].as_array().unwrap() {
        assert_eq!(webhook["clientConfig"].as_object().unwrap().keys().collect::<Vec<_>>(), ["service"]);
    }
    assert_eq!(rendered["metadata"]["annotations"], Value::Null);
}

#[test]
fn the_webhooks_are_those_that_serve_expects() {
    let configuration = Rendering::of("plumbline", &[]).only("ValidatingWebhookConfiguration");
    let webhooks = configuration["webhooks"].as_array().unwrap();

    let summary: Vec<_> = webhooks
        .iter()
        .map(|webhook| {
            let rule = &webhook["rules"][0];
            json!([
                webhook["name"],
                rule["apiGroups"],
                rule["apiVersions"],
                rule["resources"],
                webhook["failurePolicy"]
            ])
        })
        .collect();
    let expected = [
        json!(["configmaps.plumbline.dev", [""], ["v1"], ["configmaps"], "Fail"]),
        json!(["knativeservings.plumbline.dev", ["operator.knative.dev"], ["v1beta1"], ["knativeservings"], "Fail"]),
        json!([
            "istio-gateways.plumbline.dev",
            ["networking.istio.io"],
            ["v1", "v1beta1", "v1alpha3"],
            ["gateways"],
            "Fail"
        ]),
        json!([
            "gateway-api-gateways.plumbline.dev",
            ["gateway.networking.k8s.io"],
            ["v1", "v1beta1"],
            ["gateways"],
            "Fail"
        ]),
        json!(["gateway-services.plumbline.dev", [""], ["v1"], ["services"], "Ignore"]),
    ];
    assert_eq!(summary, expected);
    for webhook in webhooks {
        assert_eq!(webhook["rules"].as_array().unwrap().len(), 1);
        assert_eq!(webhook["rules"][0]["operations"], json!(["CREATE", "UPDATE", "DELETE"]));
        assert_eq!(webhook["clientConfig"]["service"]["path"], plumbline::admission::PATH);
        assert_eq!(webhook["timeoutSeconds"], 5);
    }
}

fn stored(rendered: &Value) -> Value {
    let name = rendered["metadata"]["name"].as_str().unwrap();
    cluster().apply(&rendered.to_string(), &[]).expect_success();
    let kind = "validatingwebhookconfiguration";
    let stored = cluster().kubectl(&["get", kind, name, "-o", "json"]).expect_success();
    cluster().kubectl(&["delete", kind, name]).expect_success();
    let mut stored: Value = serde_json::from_str(&stored).unwrap();
    // The client's own note of what it applied.
    let annotations = stored["metadata"]["annotations"].as_object_mut().unwrap();
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    stored
}
