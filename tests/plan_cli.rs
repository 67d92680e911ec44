//! `plumbline plan` as a process: what it prints, what it writes, and how it ends.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ended::{Ended, run_with_input};
use plumbline::syntax::yaml;
use serde_json::{Value, json};

#[path = "support/ended.rs"]
mod ended;

const SHARED: &str = "examples/shared-local-gateway";
const CUSTOM: &str = "examples/custom-local-gateway";

/// Pods with a label of their own take over from those of the public gateway, which no detour leads around.
const EDGE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: edge}}
  template: {metadata: {labels: {istio: edge}}, spec: {containers: [{name: istio-proxy, image: auto}]}}
---
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  type: LoadBalancer
  selector: {istio: edge}
  ports: [{name: http2, port: 80, targetPort: 8080}]
---
apiVersion: operator.knative.dev/v1beta1
kind: KnativeServing
metadata: {name: knative-serving, namespace: knative-serving}
spec:
  ingress: {istio: {enabled: true, knative-ingress-gateway: {selector: {istio: edge}}}}
  config:
    domain: {example.com: ''}
    istio:
      local-gateways: |
        - {name: custom-local-gateway, namespace: istio-system, service: custom-local-gateway.istio-system.svc.cluster.local}
";

/// Somebody tidies up the hosts of the local gateway and drops the last of three.
const NARROWED: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: custom-local-gateway, namespace: istio-system}
spec:
  selector: {app: custom-local-gateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.online-serving', '*.online-serving.svc']}]
";

#[test]
fn a_safe_order_is_told_step_by_step() {
    let planned = run(&["--from", SHARED, "--to", CUSTOM], "");
    assert_eq!((planned.code, planned.errors.as_str()), (0, ""));
    insta::assert_snapshot!(planned.output);
}

#[test]
fn the_documentation_shows_what_is_printed() {
    let printed = run(&["--from", SHARED, "--to", CUSTOM], "").output;
    let documentation = fs::read_to_string("docs/plan.md").expect("docs/plan.md");
    let shown = documentation.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    for line in shown.lines().filter(|line| *line != "…") {
        assert!(
            printed.lines().any(|other| other == line),
            "docs/plan.md shows what is not printed: {line}\n{printed}"
        );
    }
}

#[test]
fn the_way_back_is_found_as_well() {
    let planned = run(&["--from", CUSTOM, "--to", SHARED], "");
    assert_eq!((planned.code, planned.errors.as_str()), (0, ""));
    insta::assert_snapshot!(planned.output);
}

#[test]
fn where_no_order_is_safe_it_says_what_is_cut_when_and_why() {
    let planned = run(&["--from", CUSTOM, "--keep-missing", "--to", "-"], EDGE);
    assert_eq!((planned.code, planned.errors.as_str()), (1, ""));
    insta::assert_snapshot!(planned.output);
}

#[test]
fn what_is_wanted_may_be_wrong_itself() {
    let planned = run(&["--from", CUSTOM, "--keep-missing", "--to", "-"], NARROWED);
    assert_eq!((planned.code, planned.errors.as_str()), (1, ""));
    insta::assert_snapshot!(planned.output);
}

#[test]
fn nothing_to_do_is_no_finding() {
    let planned = run(&["--from", CUSTOM, "--to", CUSTOM], "");
    assert_eq!((planned.code, planned.output.as_str()), (0, "Nothing that a request depends on differs.\n"));
}

#[test]
fn json_holds_every_manifest() {
    let planned = run(&["--from", SHARED, "--to", CUSTOM, "-o", "json"], "");
    let plan: Value = serde_json::from_str(&planned.output).expect("JSON");
    assert_eq!(plan["outcome"], "safe");
    let steps: Vec<&Value> =
        plan["waves"].as_array().unwrap().iter().flat_map(|wave| wave["steps"].as_array().unwrap()).collect();
    assert_eq!(steps.len(), 6, "{plan:#}");
    for step in &steps {
        assert_eq!(step["manifest"]["kind"], step["object"]["kind"], "{step:#}");
        assert_eq!(step["manifest"]["metadata"]["name"], step["object"]["name"], "{step:#}");
        assert_eq!((&step["admitted"], &step["findings"]), (&json!(true), &json!([])), "{step:#}");
    }
    let serving: Vec<_> = steps.iter().filter(|step| step["object"]["kind"] == "KnativeServing").collect();
    assert!(serving[0]["intermediate"].is_string() && serving[1]["intermediate"].is_null(), "{serving:#?}");
    // What nobody asked to change stays in between as well.
    assert_eq!(serving[0]["manifest"]["spec"]["config"]["domain"], json!({"example.com": ""}));

    let planned = run(&["--from", CUSTOM, "--keep-missing", "--to", "-", "-o", "json"], NARROWED);
    let plan: Value = serde_json::from_str(&planned.output).expect("JSON");
    assert_eq!((planned.code, &plan["outcome"]), (1, &json!("unsound")));
    assert_eq!(plan["findings"][0]["code"], "PL110", "{plan:#}");
}

#[test]
fn a_script_is_one_that_bash_reads() {
    let planned = run(&["--from", SHARED, "--to", CUSTOM, "-o", "script"], "");
    assert_eq!((planned.code, planned.errors.as_str()), (0, ""));
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash");
    bash.stdin.take().unwrap().write_all(planned.output.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success(), "{}", planned.output);
    for line in [
        "set -euo pipefail",
        "rolled_out deployment/custom-local-gateway istio-system",
        "kserve_follows kserve",
        "operator_follows knative-serving knative-serving",
        "reached online-serving/bert-qa",
    ] {
        assert!(planned.output.lines().any(|other| other == line), "{line}: {}", planned.output);
    }
}

#[test]
fn argocd_gets_waves_and_no_object_twice_in_a_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(&["--from", SHARED, "--to", CUSTOM, "-o", "argocd"], folder.path());
    let wave = |path: &str| {
        let manifest = read(&folder.path().join(path));
        manifest["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str().map(str::to_owned)
    };
    let serving = "knativeserving-knative-serving-knative-serving.yaml";
    assert_eq!(wave("commit-1/gateway-istio-system-custom-local-gateway.yaml").as_deref(), Some("1"));
    assert_eq!(wave(&format!("commit-1/{serving}")).as_deref(), Some("2"));
    assert_eq!(wave("commit-1/configmap-kserve-inferenceservice-config.yaml").as_deref(), Some("3"));
    assert_eq!(wave(&format!("commit-2/{serving}")).as_deref(), Some("4"));
    assert_eq!(files.len(), 7, "{files:?}");
}

#[test]
fn a_new_namespace_comes_before_everything() {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh}\n";
    let arguments = ["--from", SHARED, "--to", CUSTOM, "-"];
    let told = run(&arguments, namespace).output;
    assert!(told.find("Namespace fresh") < told.find("Wave 1"), "{told}");
    let script = run(&[&arguments[..], &["-o", "script"]].concat(), namespace).output;
    assert!(script.find("name: fresh") < script.find("say 'Wave 1"), "{script}");
    let argocd = run(&[&arguments[..], &["-o", "argocd"]].concat(), namespace).output;
    assert!(argocd.contains("# commit-1/namespace-fresh.yaml") && argocd.contains("sync-wave: \"0\""), "{argocd}");
    let flux = run(&[&arguments[..], &["-o", "flux"]].concat(), namespace).output;
    assert!(flux.contains("# commit-1/wave-1/namespace-fresh.yaml"), "{flux}");
}

#[test]
fn flux_gets_kustomizations_that_wait_for_one_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(&["--from", SHARED, "--to", CUSTOM, "-o", "flux"], folder.path());
    let mut waves = Vec::new();
    for path in files.iter().filter(|path| path.contains("kustomization-")) {
        let kustomization = read(&folder.path().join(path));
        let spec = &kustomization["spec"];
        assert_eq!((&spec["wait"], &spec["prune"]), (&json!(true), &json!(false)), "{path}");
        let held = folder.path().join(spec["path"].as_str().unwrap());
        assert!(fs::read_dir(&held).expect("the folder of the wave").count() > 0, "{}", held.display());
        waves.push((kustomization["metadata"]["name"].clone(), spec["dependsOn"][0]["name"].clone()));
    }
    waves.sort_by_key(|(name, _)| name.to_string());
    let name = |wave: usize| json!(format!("plumbline-wave-{wave}"));
    // The fourth is in the next commit.
    assert_eq!(waves, [(name(1), Value::Null), (name(2), name(1)), (name(3), name(2)), (name(4), Value::Null)]);
}

#[test]
fn nothing_is_written_where_nothing_is_safe_or_something_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_string_lossy().into_owned();
    for format in ["script", "argocd", "flux"] {
        let planned = run(&["--from", CUSTOM, "--keep-missing", "--to", "-", "-o", format, "--write", &path], EDGE);
        assert_eq!((planned.code, planned.output.as_str()), (1, ""), "{planned:?}");
        assert!(planned.errors.contains("error: no safe order was found"), "{planned:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(folder.path().join("mine"), "").unwrap();
    let planned = run(&["--from", SHARED, "--to", CUSTOM, "-o", "flux", "--write", &path], "");
    assert_eq!(planned.code, 2);
    assert!(planned.errors.contains("the folder is not empty"), "{planned:?}");
}

#[test]
fn what_cannot_be_used_is_an_error_that_says_why() {
    let foreign = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
    let deletes = |key: &'static str| vec!["--from", CUSTOM, "--to", CUSTOM, "--delete", key];
    for (arguments, input, says) in [
        (vec!["--from", CUSTOM], "", "--to"),
        (vec!["--to", CUSTOM, "--keep-missing"], "", "--from"),
        (vec!["--from", CUSTOM, "--to", CUSTOM, "--context", "c"], "", "--context"),
        (vec!["--from", CUSTOM, "--to", "-"], foreign, "is of a kind that plumbline reads (1 of other kinds)"),
        (vec!["--from", CUSTOM, "--to", "missing.yaml"], "", "missing.yaml"),
        (deletes("Gateway"), "", "write KIND/NAMESPACE/NAME"),
        (deletes("Secret/a/b"), "", "is no kind that a plan deletes"),
        (deletes("Gateway/a/$(b)"), "", "lower-case letters"),
        (deletes("Gateway/a/b"), "", "Gateway a/b is to be deleted with --delete, and is not in --from"),
        (deletes("Gateway/istio-system/custom-local-gateway"), "", "is in --to and is to be deleted"),
    ] {
        let ended = run(&arguments, input);
        assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(ended.errors.contains(says), "{arguments:?}: {}", ended.errors);
    }
}

fn run(arguments: &[&str], input: &str) -> Ended {
    run_with_input(&[&["plan"], arguments].concat(), input)
}

/// The files that a plan writes into a folder, below it.
fn written(arguments: &[&str], folder: &Path) -> Vec<String> {
    let path = folder.to_string_lossy().into_owned();
    let planned = run(&[arguments, &["--write", &path]].concat(), "");
    assert_eq!((planned.code, planned.errors.as_str()), (0, ""));
    let below = |line: &str| PathBuf::from(line).strip_prefix(folder).expect("below it").to_string_lossy().into_owned();
    planned.output.lines().map(below).collect()
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Value::from(&yaml::parse(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display())))
}
