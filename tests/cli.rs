//! The commands for people, as processes: what they print, where, and how they end.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]

use std::fs;
use std::process::Stdio;

use ended::{Ended, plumbline, run_with_input};
use serde_json::{Value, json};

#[path = "support/ended.rs"]
mod ended;

const EXAMPLE: &str = "examples/custom-local-gateway";

#[test]
fn a_sound_cluster_is_clean() {
    let checked = run(&["check", EXAMPLE]);
    assert_eq!((checked.code, checked.errors.as_str()), (0, ""));
    assert!(checked.output.ends_with(" objects read: 0 errors, 0 warnings\n"), "{}", checked.output);

    let checked = run(&["check", "-o", "json", EXAMPLE]);
    assert_eq!(checked.code, 0);
    assert_eq!(checked.json(), json!({"findings": [], "warnings": []}));
}

#[test]
fn a_broken_cluster_is_shown_by_file_and_line() {
    let broken = BrokenExample::new();

    let checked = run(&["check", &broken.path()]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let first = checked.output.lines().next().unwrap_or_default();
    assert!(first.starts_with("error[PL110]"), "{}", checked.output);
    let place = format!("{}/20-gateways.yaml:15:", broken.path());
    assert!(checked.output.contains(&place), "{place}: {}", checked.output);
    assert!(checked.output.contains("plumbline explain PL110"), "{}", checked.output);
    assert!(!checked.output.contains('\u{1b}'), "no colours for a pipe: {}", checked.output);

    let checked = run(&["check", "--output=json", &broken.path()]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let report = checked.json();
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "PL110", "{report}");
    assert_eq!(finding["object"]["name"], "custom-local-gateway", "{report}");
    assert_eq!(finding["severity"], "error", "{report}");
}

#[test]
fn standard_input_and_lists_are_read() {
    let list = |objects: &[&str]| {
        let items: Vec<_> = objects.iter().map(|object| format!("- {}\n", object.replace('\n', "\n  "))).collect();
        let items = items.concat();
        format!("apiVersion: v1\nkind: List\nitems:\n{items}")
    };
    let example = read_example();
    let documents: Vec<_> = example.split("---\n").collect();

    for (form, text) in [("documents", example.clone()), ("a list", list(&documents))] {
        let checked = run_with_input(&["check", "-"], &text);
        assert_eq!(checked.code, 0, "{form}: {checked:?}");
        let broken = text.replace("\"*.online-serving.svc.cluster.local\"", "\"*.elsewhere\"");
        assert_ne!(broken, text);
        let checked = run_with_input(&["check", "-"], &broken);
        assert_eq!(checked.code, 1, "{form}: {checked:?}");
        let line = broken.lines().position(|line| line.contains("*.elsewhere")).expect("a line") + 1;
        let host_list = (line - 2..=line).map(|line| format!("<stdin>:{line}:"));
        let mut places = host_list.chain((line - 2..=line).map(|line| format!("stdin:{line}:")));
        assert!(places.any(|place| checked.output.contains(&place)), "{form}, line {line}: {}", checked.output);
    }
}

#[test]
fn what_cannot_be_read_is_an_error_whatever_the_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writable");
        path.to_string_lossy().into_owned()
    };
    let malformed = file("malformed.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: [\n");
    let mistyped =
        file("mistyped.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {ports: 7}\n");
    let foreign = file("foreign.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n");
    let missing = folder.path().join("missing.yaml").to_string_lossy().into_owned();

    for output in ["text", "json"] {
        for (path, says) in [
            (&malformed, "malformed.yaml:"),
            (&mistyped, "mistyped.yaml:"),
            (&foreign, "is of a kind that plumbline reads (1 of other kinds)"),
            (&missing, "missing.yaml"),
        ] {
            let checked = run(&["check", "-o", output, path]);
            assert_eq!((checked.code, checked.output.as_str()), (2, ""), "{path}");
            assert!(checked.errors.starts_with("error: ") && checked.errors.contains(says), "{}", checked.errors);
        }
        // One that is broken is not hidden by what can be read.
        let checked = run(&["check", "-o", output, EXAMPLE, &malformed]);
        assert_eq!(checked.code, 2, "{checked:?}");
    }
}

#[test]
fn wrong_arguments_are_no_findings() {
    for arguments in [
        &["check"][..],
        &["check", "-o", "yaml", EXAMPLE],
        &["check", "--kubeconfig", "file", EXAMPLE],
        &["trace"],
        &["trace", "/name", "--manifests", EXAMPLE],
        &["trace", "a/b", "--manifests", EXAMPLE, "--context", "c"],
        &["explain", "PL999"],
        &["explain", "gateway"],
        &["serve", "--tls-cert", "file"],
        &["--config", "missing.toml", "check", EXAMPLE],
        &["--kserve-version", "newest", "check", EXAMPLE],
        &["frobnicate"],
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{arguments:?}");
        assert!(ended.errors.starts_with("error: "), "{arguments:?}: {}", ended.errors);
    }
}

#[test]
fn a_kubeconfig_that_does_not_work_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "down",
        // Nothing ever listens on port 1.
        "clusters": [{"name": "down", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "down", "context": {"cluster": "down", "user": "somebody"}}],
        "users": [{"name": "somebody", "user": {"token": "token"}}],
    });
    fs::write(path("down"), kubeconfig.to_string()).expect("writable");
    fs::write(path("malformed"), "clusters: [").expect("writable");

    for (file, context, says) in [
        ("missing", "down", "missing cannot be read: No such file"),
        ("malformed", "down", "malformed: it is not a kubeconfig"),
        ("down", "up", "it has no context \"up\". Give one of the file's contexts with --context: down"),
        ("down", "down", "context down: the API server cannot be asked"),
    ] {
        let file = path(file);
        let access = ["--kubeconfig", &file, "--context", context];
        for command in
            [&["check", "--live", EXAMPLE][..], &["check", "--live", "-o", "json", EXAMPLE], &["trace", "a/b"]]
        {
            let ended = run(&[command, &access].concat());
            assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{ended:?}");
            assert!(ended.errors.starts_with("error: kubeconfig ") && ended.errors.contains(says), "{ended:?}");
        }
    }
    let served = run(&["serve", "--kubeconfig", &path("missing"), "--listen", "127.0.0.1:0"]);
    assert_eq!(served.code, 2, "{served:?}");
    assert!(served.errors.contains("error: kubeconfig ") && served.errors.contains("cannot be read"), "{served:?}");
}

#[test]
fn a_trace_shows_every_hop_and_what_decided_it() {
    let traced = run(&["trace", "online-serving/sklearn-iris", "--manifests", EXAMPLE]);
    assert_eq!((traced.code, traced.errors.as_str()), (0, ""), "{}", traced.output);
    for hop in ["L1", "L2", "L3", "L4", "L5", "L6", "L7", "E1", "E2"] {
        assert!(traced.output.contains(hop), "{hop}: {}", traced.output);
    }
    for object in
        ["inferenceservice-config", "istio-system/custom-local-gateway", "config-istio", "knative-ingress-gateway"]
    {
        assert!(traced.output.contains(object), "{object}: {}", traced.output);
    }

    let all = run(&["trace", "online-serving", "--manifests", EXAMPLE]);
    assert!(all.output.contains("bert-qa") && all.output.contains("sklearn-iris"), "{}", all.output);

    let broken = BrokenExample::new();
    let traced = run(&["trace", "online-serving/sklearn-iris", "--manifests", &broken.path()]);
    assert_eq!(traced.code, 1, "{traced:?}");
    assert!(traced.output.contains("PL110"), "{}", traced.output);
}

#[test]
fn codes_are_explained() {
    let explained = run(&["explain", "PL110"]);
    assert_eq!((explained.code, explained.errors.as_str()), (0, ""));
    assert!(explained.output.starts_with("PL110  hosts-not-covered\n"), "{}", explained.output);

    let all = run(&["explain"]);
    assert_eq!(all.code, 0);
    let codes: Vec<_> = all.output.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(codes.len() > 20 && codes.contains(&"PL110"), "{codes:?}");
    for code in codes {
        let explained = run(&["explain", code]);
        assert_eq!(explained.code, 0, "{explained:?}");
        assert!(explained.output.len() > 300, "{}", explained.output);
    }

    let unknown = run(&["explain", "PL999"]);
    assert_eq!(unknown.errors, "error: there is no PL999; `plumbline explain` lists the codes\n");
}

#[test]
fn the_settings_in_force_can_be_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plumbline.toml");
    let file = file.to_string_lossy();
    let changed = [
        "--kserve-namespace",
        "kubeflow",
        "--synthetic",
        "warn",
        "--knative-version",
        "1.18",
        "--judge-namespaces",
        "a,b",
    ];
    let printed = run(&[&["config", "--listen", "127.0.0.1:9443"][..], &changed].concat());
    assert_eq!((printed.code, printed.errors.as_str()), (0, ""));
    assert!(printed.output.contains("kserve-namespace = \"kubeflow\"\n"), "{}", printed.output);
    fs::write(&*file, &printed.output).expect("writable");

    let again = run(&["--config", &file, "config"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(again.output, printed.output);
    let overridden = run(&["config", "--config", &file, "--kserve-namespace", "kserve"]);
    assert_eq!(overridden.output, printed.output.replace("kubeflow", "kserve"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = plumbline(&["explain"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn an_audit_of_a_directory_says_what_counts_and_what_is_excepted() {
    let sound = run(&["audit", "--manifests", EXAMPLE]);
    assert_eq!((sound.code, sound.errors.as_str()), (0, ""));
    assert!(
        sound
            .output
            .ends_with("2 InferenceServices: 0 errors, 0 warnings; 0 transitions open, 0 overdue; 0 suppressions\n"),
        "{}",
        sound.output
    );

    let broken = BrokenExample::new();
    let audited = run(&["audit", "--manifests", &broken.path()]);
    assert_eq!(audited.code, 1, "{audited:?}");
    assert!(audited.output.starts_with("error[PL110]: "), "{}", audited.output);

    broken.annotate("plumbline.dev/allow.PL110: nobody calls them so");
    let audited = run(&["audit", "--manifests", &broken.path()]);
    assert_eq!(audited.code, 0, "{audited:?}");
    let in_force = "suppressions in force:\n  PL110 on Gateway istio-system/custom-local-gateway, since \"nobody calls them so\": takes out 1 finding\n";
    assert!(audited.output.contains(in_force), "{}", audited.output);
    let report = run(&["audit", "-o", "json", "--manifests", &broken.path()]).json();
    assert_eq!(report["findings"][0]["standing"], "suppressed", "{report}");
    assert_eq!(report["suppressions"][0]["findings"], 1, "{report}");
    assert_eq!(report["driftIsKnown"], false, "{report}");

    let overdue = BrokenExample::new();
    let until = "plumbline.dev/transition-until: \"2020-01-01T00:00:00Z\"";
    overdue.annotate(&format!("plumbline.dev/transition: narrow\n    {until}"));
    let audited = run(&["audit", "--manifests", &overdue.path()]);
    assert_eq!(audited.code, 1, "{audited:?}");
    let transition =
        "narrow on Gateway istio-system/custom-local-gateway: overdue since 2020-01-01 00:00Z; broken: PL110";
    assert!(audited.output.contains(transition), "{}", audited.output);
    assert!(audited.output.contains("error[PL704]"), "{}", audited.output);

    let nowhere = run(&["audit", "--manifests", "no/such/folder"]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
}

/// The example, but its local gateway lacks a host.
struct BrokenExample(tempfile::TempDir);

impl BrokenExample {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for entry in fs::read_dir(EXAMPLE).expect("the example") {
            let path = entry.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("text");
            let text = text.replace("        - \"*.online-serving.svc.cluster.local\"\n", "");
            fs::write(folder.path().join(path.file_name().expect("a name")), text).expect("writable");
        }
        Self(folder)
    }

    /// Puts annotations on the gateway.
    fn annotate(&self, lines: &str) {
        let Self(folder) = self;
        let path = folder.path().join("20-gateways.yaml");
        let text = fs::read_to_string(&path).expect("text");
        let name = "  name: custom-local-gateway\n";
        assert!(text.contains(name), "{text}");
        let annotated = text.replace(name, &format!("{name}  annotations:\n    {lines}\n"));
        fs::write(path, annotated).expect("writable");
    }

    fn path(&self) -> String {
        let Self(folder) = self;
        folder.path().to_string_lossy().into_owned()
    }
}

/// All files of the example as one.
fn read_example() -> String {
    let mut paths: Vec<_> =
        fs::read_dir(EXAMPLE).expect("the example").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let texts: Vec<_> = paths.iter().map(|path| fs::read_to_string(path).expect("text")).collect();
    texts.join("---\n")
}

impl Ended {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn run(arguments: &[&str]) -> Ended {
    run_with_input(arguments, "")
}
