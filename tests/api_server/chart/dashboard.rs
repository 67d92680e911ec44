//! The dashboard shows metrics that plumbline has, all of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::alerts::{metrics_in, series};
use super::rendering::Rendering;

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let set = "grafanaDashboard.enabled=true,grafanaDashboard.labels.team=platform";
    let config =
        Rendering::of("plumbline", &["--set", set, "--show-only", "templates/grafanadashboard.yaml"]).only("ConfigMap");
    assert_eq!(config["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(config["metadata"]["labels"]["team"], "platform");

    let dashboard: Value = serde_json::from_str(config["data"]["plumbline.json"].as_str().unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let used: BTreeSet<_> = expressions.iter().copied().flat_map(metrics_in).collect();
    let series = series();

    for metric in &used {
        assert!(series.contains(*metric), "{metric} is none of {series:#?}");
    }
    // A metric that nobody looks at is one that nobody needs. Of a histogram the buckets are shown.
    let unseen: Vec<_> = series
        .iter()
        .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
        .filter(|name| !used.contains(name.as_str()))
        .collect();
    assert_eq!(unseen, [""; 0]);
    for expression in expressions {
        let selectors = expression.matches('{').count();
        assert_eq!(expression.matches(r#"job="$job", namespace="$namespace"}"#).count(), selectors, "{expression}");
    }
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}
