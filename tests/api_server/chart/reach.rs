//! Which writes the rendered webhooks see: with nobody behind them, those are the writes that fail.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{alone_with_webhooks, cluster};
use super::rendering::{Rendering, template};
use crate::control_plane::{Output, User};
use crate::wait;

const RELEASE: &str = "reach";
const KSERVE: &str = "reach-kserve";
const KNATIVE: &str = "reach-knative";
const GATEWAYS: &str = "reach-gateways";

#[test]
fn the_webhooks_see_what_decides_and_nothing_else() {
    let _alone = alone_with_webhooks();
    for namespace in [RELEASE, KSERVE, KNATIVE, GATEWAYS] {
        cluster().kubectl(&["create", "namespace", namespace]).expect_success();
    }
    let existing = [config_map(KNATIVE, "config-istio"), config_map(KNATIVE, "config-features")];
    for object in &existing {
        cluster().apply(&object.to_string(), &[]).expect_success();
    }
    let _registered = Registered::new();

    let sees = |webhook: &str, object: &Value| {
        let answer = dry_run(object);
        assert_eq!(called(&answer), Some(webhook), "{object}: {answer:?}");
    };
    let passes = |object: &Value| {
        let answer = dry_run(object);
        assert!(answer.status.success(), "{object}: {answer:?}");
    };

    let config_maps = "configmaps.plumbline.dev";
    sees(config_maps, &config_map(KSERVE, "inferenceservice-config"));
    for name in ["config-istio", "config-domain", "config-network"] {
        sees(config_maps, &config_map(KNATIVE, name));
        passes(&config_map(KSERVE, name));
    }
    passes(&config_map(KNATIVE, "config-logging"));
    passes(&config_map(KNATIVE, "inferenceservice-config"));
    passes(&config_map(GATEWAYS, "inferenceservice-config"));
    passes(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-", "namespace": KNATIVE}}));
    passes(&json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "leader", "namespace": KSERVE},
    }));

    for version in ["v1", "v1beta1", "v1alpha3"] {
        sees("istio-gateways.plumbline.dev", &istio_gateway(version, GATEWAYS));
    }
    for version in ["v1", "v1beta1"] {
        sees("gateway-api-gateways.plumbline.dev", &gateway_api_gateway(version, GATEWAYS));
    }
    sees(
        "knativeservings.plumbline.dev",
        &json!({
            "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
            "metadata": {"name": "knative-serving", "namespace": KNATIVE},
        }),
    );
    for exempt in [RELEASE, "kube-system"] {
        passes(&istio_gateway("v1", exempt));
        passes(&gateway_api_gateway("v1", exempt));
    }

    // Updates of what exists.
    let label = |name| {
        let args = ["label", "--dry-run=server", "--namespace", KNATIVE, "configmap", name, "team=platform"];
        cluster().kubectl(&args)
    };
    assert_eq!(called(&label("config-istio")), Some(config_maps));
    label("config-features").expect_success();

    // Deletes too, one by one and as a collection, whose requests carry no name.
    for args in [&["configmap", "config-istio"][..], &["configmap", "--all"]] {
        let args = [&["delete", "--dry-run=server", "--namespace", KNATIVE], args].concat();
        assert_eq!(called(&cluster().kubectl(&args)), Some(config_maps), "{args:?}");
    }
    let collection = format!("/api/v1/namespaces/{KNATIVE}/configmaps");
    let refused = cluster().kubectl(&["delete", "--raw", &collection]);
    assert_eq!(called(&refused), Some(config_maps), "{refused:?}");
    cluster().kubectl(&["get", "configmap", "config-istio", "--namespace", KNATIVE]).expect_success();
}

#[test]
fn services_in_front_of_gateways_are_seen_and_never_held_up() {
    let _alone = alone_with_webhooks();
    let namespaces = ["reach-ingress", "reach-elsewhere"];
    for namespace in namespaces {
        cluster().kubectl(&["create", "namespace", namespace]).expect_success();
    }
    let args = ["--set", "webhook.gatewayServices.namespaces={reach-ingress}"];
    let rendered = Rendering::of("reach-services", &args).only("ValidatingWebhookConfiguration");
    cluster().apply(&rendered.to_string(), &[]).expect_success();

    let create = |namespace: &str| {
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "istio-ingressgateway", "namespace": namespace},
            "spec": {"ports": [{"port": 80}]},
        });
        dry_run(&service).expect_success();
    };
    let before = calls_failed_open();
    wait::until("the webhook for Services", Duration::from_secs(20), || {
        create("reach-ingress");
        if calls_failed_open() > before { Ok(()) } else { Err("no call was counted".to_owned()) }
    });
    let before = calls_failed_open();
    create("reach-elsewhere");
    assert_eq!(calls_failed_open(), before);
    create("reach-ingress");
    assert_eq!(calls_failed_open(), before + 1);

    let name = rendered["metadata"]["name"].as_str().unwrap();
    cluster().kubectl(&["delete", "validatingwebhookconfiguration", name]).expect_success();
}

/// The chart's webhook configuration, in force until this is dropped.
struct Registered {
    name: String,
}

impl Registered {
    fn new() -> Self {
        let kserve = format!("namespaces.kserve={KSERVE}");
        let knative = format!("namespaces.knative={KNATIVE}");
        let services = format!("webhook.gatewayServices.namespaces={{{GATEWAYS}}}");
        let configuration = "templates/validatingwebhookconfiguration.yaml";
        let args = ["--show-only", configuration, "--set", &kserve, "--set", &knative, "--set", &services];
        let rendered = template(RELEASE, RELEASE, &args).expect_success();
        cluster().apply(&rendered, &[]).expect_success();
        wait::until("the webhooks", Duration::from_secs(20), || {
            let answer = dry_run(&istio_gateway("v1", GATEWAYS));
            if called(&answer).is_some() { Ok(()) } else { Err(format!("{answer:?}")) }
        });
        Self { name: format!("{RELEASE}-plumbline") }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _ = cluster().kubectl(&["delete", "validatingwebhookconfiguration", &self.name]);
    }
}

fn dry_run(object: &Value) -> Output {
    let args = ["create", "--dry-run=server", "-f", "-"];
    cluster().kubectl_with_input(User::Admin, &args, &object.to_string())
}

/// The webhook that a write failed for.
fn called(answer: &Output) -> Option<&str> {
    let (_, rest) = answer.stderr.split_once("failed calling webhook ")?;
    rest.trim_start_matches(['\\', '"']).split(['\\', '"']).next()
}

/// How often the API server went on without the webhook for Services.
fn calls_failed_open() -> u64 {
    let metrics = cluster().kubectl(&["get", "--raw", "/metrics"]).expect_success();
    let counters = metrics.lines().filter(|line| {
        line.starts_with("apiserver_admission_webhook_fail_open_count{")
            && line.contains("gateway-services.plumbline.dev")
    });
    counters.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn config_map(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
}

fn istio_gateway(version: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": format!("networking.istio.io/{version}"), "kind": "Gateway",
        "metadata": {"name": "local", "namespace": namespace},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
        },
    })
}

fn gateway_api_gateway(version: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": format!("gateway.networking.k8s.io/{version}"), "kind": "Gateway",
        "metadata": {"name": "local", "namespace": namespace},
        "spec": {"gatewayClassName": "istio", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    })
}
