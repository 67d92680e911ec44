//! `kubectl apply -k deploy/kustomize` installs what the chart's defaults render, and nothing that was written by hand.

use std::fs;

use serde_json::Value;

use super::cluster::{NAMESPACE, cluster};
use super::rendering::Rendering;
use crate::yaml;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kustomize");
const REGENERATE: &str = "PLUMBLINE_WRITE_DOCS";
const HEAD: &str = "# Generated from charts/plumbline; mend it with\n\
                    # PLUMBLINE_WRITE_DOCS=1 cargo test --test api_server chart::kustomize\n";

#[test]
fn the_manifests_are_what_the_chart_renders() {
    let rendering = Rendering::of("plumbline", &[]);
    // Nobody installed it with Helm.
    let foreign = ["helm.sh/chart:", "app.kubernetes.io/managed-by:"];
    let lines = rendering.text().lines().filter(|line| !foreign.iter().any(|label| line.trim().starts_with(label)));
    let expected = format!("{HEAD}{}\n", lines.collect::<Vec<_>>().join("\n"));

    let path = format!("{FOLDER}/plumbline.yaml");
    if std::env::var_os(REGENERATE).is_some() {
        return fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "deploy/kustomize/plumbline.yaml is stale; mend it with {REGENERATE}=1 cargo test --test api_server chart::kustomize"
    );
}

#[test]
fn the_api_server_takes_the_kustomization() {
    let built = cluster().kubectl(&["kustomize", FOLDER]).expect_success();
    let objects = yaml::objects(&built);
    let rendered = Rendering::of("plumbline", &[]).objects();
    let name = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]);
    let mut names: Vec<_> = objects.iter().map(name).collect();
    let mut expected: Vec<_> = rendered.iter().map(name).chain([format!("\"Namespace\" {NAMESPACE:?}")]).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);

    let args = ["apply", "--dry-run=server", "--server-side", "--field-manager=kustomize", "--force-conflicts", "-k"];
    let answer = cluster().kubectl(&[&args[..], &[FOLDER]].concat());
    assert!(!answer.stderr.contains("Warning"), "{answer:#?}");
    let applied = answer.expect_success();
    assert_eq!(applied.lines().count(), objects.len(), "{applied}");
}
