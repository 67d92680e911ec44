//! The alerts ask for metrics that plumbline has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plumbline::audit::AuditMetrics;
use plumbline::cluster::{Cluster, ClusterOptions, Connection, ConnectionOptions, Measures};
use plumbline::engine::JudgeSettings;
use plumbline::exception::{Moment, Policy};
use plumbline::metrics::{KindLabel, Metrics, ReviewLabels};
use plumbline::model::Object;
use plumbline::object::Kind;
use plumbline::survey::{Survey, survey};
use plumbline::view::Snapshot;
use serde_json::json;

use super::cluster::cluster;
use super::rendering::Rendering;
use crate::control_plane::User;

#[test]
fn alerts_rest_on_metrics_that_exist() {
    let rule = Rendering::of("plumbline", &["--set", "prometheusRule.enabled=true"]).only("PrometheusRule");
    let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    let expressions = alerts.iter().map(|alert| alert["expr"].as_str().unwrap());
    let used: BTreeSet<_> = expressions.flat_map(metrics_in).collect();

    let series = series();
    assert!(used.len() >= 6, "{used:?}");
    for metric in used {
        assert!(series.contains(metric), "{metric} is none of {series:#?}");
    }
}

#[test]
fn alerts_ask_for_the_series_of_this_release() {
    let rule = Rendering::of("blue", &["--set", "prometheusRule.enabled=true"]).only("PrometheusRule");

    for alert in rule["spec"]["groups"][0]["rules"].as_array().unwrap() {
        let expression = alert["expr"].as_str().unwrap();
        let selectors = expression.matches('{').count();
        assert!(selectors > 0, "{expression}");
        assert_eq!(expression.matches(r#"job="blue-plumbline", namespace="plumbline"}"#).count(), selectors);
    }
}

#[test]
fn a_certificate_is_renewed_before_its_expiry_is_an_alert() {
    for (leaf, limit) in [(7_776_000, 604_800), (3600, 600)] {
        let values = format!("prometheusRule.enabled=true,certificate.selfManaged.leafSeconds={leaf}");
        let rule = Rendering::of("plumbline", &["--set", &values]).only("PrometheusRule");
        let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
        let alert = alerts.iter().find(|alert| alert["alert"] == "PlumblineCertificateExpiring").unwrap();
        let expression = alert["expr"].as_str().unwrap();
        assert!(expression.ends_with(&format!(" - time() < {limit}")), "{expression}");
        assert!(limit < leaf / 3);
    }
}

pub(super) fn metrics_in(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("plumbline_"))
}

/// A cluster in which an annotation has no effect.
fn a_finding() -> Survey {
    let service = json!({
        "metadata": {"name": "a", "namespace": "a", "annotations": {"plumbline.dev/allow.PL001": "why"}},
        "spec": {"ports": [{"port": 80}]},
    });
    let (key, object) = Object::from_value(Kind::Service, service).unwrap();
    let mut snapshot = Snapshot::default();
    snapshot.insert(key, object);
    survey(&snapshot, &JudgeSettings::default(), &Policy::default(), Moment(0), None)
}

/// The names of all series of `plumbline serve` on a live cluster.
///
/// By the types that the page declares, most of them with the first event only.
pub(super) fn series() -> BTreeSet<String> {
    let page = page();
    let declared = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = |(name, kind): (&str, &str)| -> Vec<String> {
        match kind {
            "counter" => vec![format!("{name}_total")],
            "info" => vec![format!("{name}_info")],
            "histogram" => ["bucket", "sum", "count"].map(|suffix| format!("{name}_{suffix}")).into(),
            "gauge" => vec![name.to_owned()],
            other => panic!("{name} is a {other}"),
        }
    };
    declared.flat_map(names).collect()
}

fn page() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let kubeconfig = cluster().kubeconfig(User::Admin).to_owned();
        let options = ConnectionOptions { kubeconfig: Some(kubeconfig), context: None };
        let connection = Connection::open(&options).await.unwrap();
        let source = Arc::new(Cluster::start(connection.client, &ClusterOptions::default()));
        let mut metrics = Metrics::new();
        metrics.registry().register_collector(Box::new(Measures::of(&source)));
        AuditMetrics::register(metrics.registry()).show(&a_finding(), Duration::from_millis(1));
        let labels = ReviewLabels { kind: KindLabel(None), operation: "CREATE", verdict: "allow", dry_run: false };
        metrics.verdict(&labels);
        metrics.named("PL104", "deny", false);
        metrics.excepted("transition", false);
        metrics.fault("internal");
        metrics.refused("saturated");
        metrics.handshake_failed("certificate_refused");
        metrics.certificate_refused();
        metrics.certificate_step("renew");
        metrics.certificate_step_failed("publish");
        metrics.page().unwrap()
    })
}
