use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::object::{FieldPath, Kind};

/// A folder with these files in it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn load(path: &Path) -> Result<Manifests, ManifestError> {
    Manifests::load_from(&[path.to_owned()], DEFAULT_NAMESPACE, io::empty())
}

fn load_text(text: &str) -> Result<Manifests, ManifestError> {
    Manifests::load_from(&["-".into()], "apps", text.as_bytes())
}

fn names(manifests: &Manifests) -> Vec<String> {
    manifests.objects().map(|object| object.key.to_string()).collect()
}

fn problems(result: Result<Manifests, ManifestError>) -> Vec<String> {
    result.unwrap_err().problems.iter().map(Problem::to_string).collect()
}

fn notes(manifests: &Manifests) -> Vec<String> {
    manifests.notes.iter().map(Note::to_string).collect()
}

#[test]
fn a_folder_is_read_in_order_without_what_is_hidden_or_no_manifest() {
    let service = |name: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n");
    let folder = folder(&[
        ("b.yaml", &service("b")),
        ("a/z.YML", &service("z")),
        ("c.json", r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c", "namespace": "n"}}"#),
        (".hidden/d.yaml", &service("d")),
        (".e.yaml", "{"),
        ("README.md", "{"),
    ]);
    let manifests = load(folder.path()).unwrap();
    assert_eq!(names(&manifests), ["Service default/b", "Service default/z", "Service n/c"]);
    let b = manifests.object(&ObjectKey::new(Kind::Service, "default", "b")).unwrap();
    assert_eq!((&*b.file, b.line()), (&*folder.path().join("b.yaml").to_string_lossy(), 1));
    assert_eq!(b.to_json(), json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b"}}));
    assert_eq!((b.api_version.as_str(), manifests.skipped), ("v1", 0));
}

#[test]
fn objects_keep_the_order_in_which_they_would_be_sent() {
    let service = |name: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n");
    let folder = folder(&[
        ("one/b.yaml", &[service("z"), service("w")].join("---\n")),
        ("one/a.yaml", &service("x")),
        ("two.yaml", &[service("a"), service("w")].join("---\n")),
    ]);
    let order = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let manifests = Manifests::load_from(&paths, DEFAULT_NAMESPACE, io::empty()).unwrap();
        manifests.in_order().iter().map(|object| object.key.name.to_string()).collect::<String>()
    };
    assert_eq!(order(&["one", "two.yaml"]), "xzaw", "the later of two stays, at its place");
    assert_eq!(order(&["two.yaml", "one"]), "axzw");
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_never_in_circles() {
    let folder = folder(&[("a/one.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: one}\n")]);
    let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    link(folder.path(), "a/up");
    link(&folder.path().join("a"), "b");
    link(&folder.path().join("a/one.yaml"), "c.yaml");
    let manifests = load(folder.path()).unwrap();
    assert_eq!((names(&manifests), notes(&manifests)), (vec!["Namespace one".to_owned()], vec![]));
    link(Path::new("self.yaml"), "self.yaml");
    let errors = problems(load(folder.path()));
    assert!(matches!(errors.as_slice(), [one] if one.contains("self.yaml: cannot be read: ")), "{errors:?}");
}

#[test]
fn a_file_named_twice_is_read_once_and_a_folder_without_manifests_is_noted() {
    let folder = folder(&[("a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"), ("empty/x.txt", "")]);
    let paths = [folder.path().to_owned(), folder.path().join("a.yaml"), folder.path().join("empty")];
    let manifests = Manifests::load_from(&paths, DEFAULT_NAMESPACE, io::empty()).unwrap();
    assert!(manifests.notes.is_empty(), "the empty folder was met before: {:?}", manifests.notes);
    let manifests = load(&folder.path().join("empty")).unwrap();
    let [note] = manifests.notes.as_slice() else { panic!("{:?}", manifests.notes) };
    assert_eq!((note.line, note.message.as_str()), (None, "no .yaml, .yml or .json file in this folder"));
}

#[test]
fn documents_and_lists_are_taken_apart() {
    let text = "\
# comment
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- apiVersion: v1
  kind: List
  items: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: b, namespace: ns}}]
- {apiVersion: v1, kind: Secret, metadata: {name: s}}
---
apiVersion: networking.istio.io/v1beta1
kind: GatewayList
items:
- metadata: {name: g}
- {apiVersion: networking.istio.io/v1, metadata: {name: h}}
---
{apiVersion: v1, kind: ConfigMapList, items: null}
---
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
";
    let manifests = load_text(text).unwrap();
    let expected =
        ["ConfigMap apps/a", "Gateway apps/g", "Gateway apps/h", "Gateway API Gateway apps/g", "Deployment ns/b"];
    assert_eq!(names(&manifests), expected);
    assert_eq!((manifests.skipped, notes(&manifests).len()), (1, 0));
    let versions: Vec<_> = manifests.objects().map(|object| object.api_version.as_str()).collect();
    let written: Vec<_> = manifests.objects().map(ManifestObject::to_json).collect();
    assert_eq!(written[1]["kind"], "Gateway", "a Gateway that its list says it is");
    assert_eq!(written.iter().map(|object| object["apiVersion"].as_str().unwrap()).collect::<Vec<_>>(), versions);
    assert_eq!(
        versions,
        ["v1", "networking.istio.io/v1beta1", "networking.istio.io/v1", "gateway.networking.k8s.io/v1", "apps/v1"]
    );
    let lines: Vec<_> = manifests.objects().map(ManifestObject::line).collect();
    assert_eq!(lines, [6, 15, 16, 21, 9]);
}

#[test]
fn streams_of_json_values_are_read_as_kubectl_reads_them() {
    let object = |name: &str| format!(r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "{name}"}}}}"#);
    let read = |text: String| load_text(&text).map(|manifests| names(&manifests));
    assert_eq!(read(object("a") + &object("b")).unwrap(), ["Pod apps/a", "Pod apps/b"]);
    assert_eq!(read(object("a") + "\n---\n" + &object("b")).unwrap(), ["Pod apps/a", "Pod apps/b"]);
    let flow = "{apiVersion: v1, kind: Pod, metadata: {name: a,},} # YAML\n";
    assert_eq!(read(flow.to_owned()).unwrap(), ["Pod apps/a"]);
    let error = read(object("a") + &object("b") + "\n{,}").unwrap_err().to_string();
    assert_eq!(error, "stdin:2:2: invalid character ',' looking for beginning of object key string");
    let error = read("\n{\"a\": 1,,}".to_owned()).unwrap_err().to_string();
    assert_eq!(error, "stdin:2:9: invalid character ',' looking for beginning of object key string");
}

#[test]
fn every_problem_of_every_file_is_told() {
    let folder = folder(&[
        ("a.yaml", "a: [\n---\nb: 'é' ü: x\n---\napiVersion: v1\nkind: Service\nmetadata: {namespace: n}\n"),
        ("b.json", "{\"apiVersion\": \"v1\",\n \"kind\": \"Pod\",, }"),
        ("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 12\n"),
        ("d.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ok\n  namespace: Not_ok\n"),
        ("e.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: '{{ .Release.Name }}-x'\n"),
    ]);
    fs::write(folder.path().join("f.yaml"), b"a: b\nc: \xff\n").unwrap();
    let prefix = folder.path().join("").to_string_lossy().into_owned();
    let found: Vec<_> = problems(load(folder.path())).iter().map(|problem| problem.replace(&prefix, "")).collect();
    let expected = [
        "a.yaml:1:4: did not find expected ',' or ']': unclosed '['",
        "a.yaml:3:8: invalid trailing content after single-quoted scalar",
        "a.yaml:7:11: this Service has no metadata.name: give it one",
        "b.json:2:16: invalid character ',' looking for beginning of object key string",
        "c.yaml:4:9: ConfigMap: metadata.name must be a string: put it in quotes",
        "d.yaml:5:14: ConfigMap ok: metadata.namespace \"Not_ok\" may hold lower case letters, digits, '-' and '.' only",
        "e.yaml:4:9: ConfigMap: metadata.name \"{{ .Release.Name }}-x\" may hold lower case letters, digits, '-' and '.' \
         only: if this is a template, render it first",
        "f.yaml:2:4: is not UTF-8 text: save it as UTF-8",
    ];
    assert_eq!(found, expected);
    let missing = problems(load(Path::new("no/such/file.yaml")));
    assert!(
        matches!(missing.as_slice(), [one] if one.starts_with("no/such/file.yaml: cannot be read: ")),
        "{missing:?}"
    );
}

#[test]
fn a_template_is_told_once() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n---\nname: {{ .Values.x }}\n---\n{{- end }}\n";
    let expected = "stdin:6:8: invalid map key: a list or mapping cannot be a key. This looks like a template ('{{' in \
                    line 6): render it first, for example with `helm template`";
    assert_eq!(problems(load_text(text)), [expected]);
    let text = "{{- if .Values.x }}\na: 1\n{{- end }}\n";
    assert!(problems(load_text(text))[0].ends_with("with `helm template`"));
}

#[test]
fn what_is_left_aside_is_noted() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: a}
---
resources: [x.yaml]
---
- a
---
apiVersion: v1
kind: Pod
metadata: {generateName: a-}
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: apps}
spec: {}
";
    let manifests = load_text(text).unwrap();
    let expected = [
        "stdin:5: not read: no object of Kubernetes, which has a kind and an apiVersion",
        "stdin:7: not read: no object of Kubernetes, which has a kind and an apiVersion",
        "stdin:9: not read: a Pod that gets its name from the API server",
        "stdin:1: Service apps/a is left aside: it comes again, at stdin:13",
    ];
    assert_eq!((notes(&manifests), manifests.skipped), (expected.map(str::to_owned).to_vec(), 3));
    assert!(manifests.objects().next().unwrap().node.field("spec").is_some());
}

/// What stands at a path of the only object, with its key, line and column, and whether it is the thing itself.
fn located<'m>(manifests: &'m Manifests, path: &FieldPath) -> (&'m str, Option<&'m str>, (u32, u32), bool) {
    let object = manifests.objects().next().unwrap();
    let Located { span, key_span, line, column, exact } = object.locate(path);
    let written = |span: crate::syntax::Span| &object.text[span.start..span.end];
    (written(span), key_span.map(written), (line, column), exact)
}

const CONFIG: &str = "\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: é
data:
  ingress: |-
    {
      \"ingressGateway\": \"a/b\", \"é\": 1,
      \"LocalGateway\": \"c/d\", \"localgateway\": null
    }
  local-gateways: |
    # the gateways
    - name: x

      namespace: y
    - name: z
  gateway.a.b: host
  escaped: \"{\\n \\\"a\\\": [1, {\\\"b\\\": true}]}\"
  broken: '{'
  list: [a, b]
";

#[test]
fn a_path_leads_to_its_bytes() {
    let manifests = load_text(&CONFIG.replace("name: é", "name: e")).unwrap();
    let data = |key: &str| FieldPath::of("data").key(key);
    let vectors = [
        (FieldPath::of("metadata.name"), ("e", Some("name"), (5, 9), true)),
        (data("gateway.a.b"), ("host", Some("gateway.a.b"), (18, 16), true)),
        (data("list").index(1), ("b", None, (21, 13), true)),
        (data("ingress").text().key("ingressGateway"), ("\"a/b\"", Some("\"ingressGateway\""), (9, 25), true)),
        (data("ingress").text().key("localGateway"), ("\"c/d\"", Some("\"LocalGateway\""), (10, 23), true)),
        (data("local-gateways").text().index(0).key("namespace"), ("y", Some("namespace"), (16, 18), true)),
        (data("local-gateways").text().index(1), ("name: z", None, (17, 7), true)),
        (data("escaped").text().key("a").index(1).key("b"), ("true", Some("\\\"b\\\""), (19, 36), true)),
        (data("gateway.a.b").text(), ("host", Some("gateway.a.b"), (18, 16), true)),
        // What is missing stands in for by what is around it.
        (data("list").index(2), ("[a, b]", Some("list"), (21, 9), false)),
        (FieldPath::of("metadata.namespace"), ("name: e", Some("metadata"), (5, 3), false)),
        (data("local-gateways").text().index(1).key("service"), ("name: z", None, (17, 7), false)),
        (data("broken").text().key("a"), ("'{'", Some("broken"), (20, 11), false)),
        (data("list").text().key("a"), ("[a, b]", Some("list"), (21, 9), false)),
        (
            data("escaped").text().key("x"),
            ("\"{\\n \\\"a\\\": [1, {\\\"b\\\": true}]}\"", Some("escaped"), (19, 12), false),
        ),
    ];
    for (path, expected) in vectors {
        assert_eq!(located(&manifests, &path), expected, "{path}");
    }
    let root = located(&manifests, &FieldPath::of("nothing"));
    assert_eq!((root.1, root.2, root.3), (None, (2, 1), false));
    assert!(root.0.starts_with("apiVersion: v1") && root.0.ends_with("[a, b]"), "{root:?}");
}

#[test]
fn of_keys_that_go_takes_for_one_the_last_that_says_something_is_found() {
    let text = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"ingress":
        "{\"a\": 1, \"A\": {\"b\": 2}, \"a\": {\"c\": 3}, \"a\": null}"}}"#
        .replace('\n', "");
    let manifests = load_text(&text).unwrap();
    let at = |path: &FieldPath| located(&manifests, path).0;
    let a = FieldPath::of("data.ingress").text().key("a");
    assert_eq!(at(&a), r#"{\"c\": 3}"#);
    assert_eq!(at(&a.clone().key("c")), "3");
    assert_eq!(at(&a.key("b")), "2", "structs merge");
}

#[test]
fn a_byte_inside_a_text_is_found() {
    let manifests = load_text(&CONFIG.replace("name: é", "name: e")).unwrap();
    let object = manifests.objects().next().unwrap();
    let path = FieldPath::of("data.ingress");
    let Some(text) = object.node.field("data").and_then(|data| data.value.field("ingress")?.value.as_str()) else {
        panic!("no text");
    };
    let found = object.locate_in_text(&path, text.find("\"é\"").unwrap());
    assert_eq!((found.line, found.column, found.exact), (9, 32, true));
    let end = object.locate_in_text(&path, text.len());
    assert_eq!((end.line, end.column, end.span.is_empty(), end.exact), (11, 6, true, true));
    let beyond = object.locate_in_text(&path, text.len() + 1);
    assert_eq!((beyond.line, beyond.exact), (8, false));
    assert!(!object.locate_in_text(&FieldPath::of("data.nothing"), 0).exact);
}

/// A text of each kind that a ConfigMap may hold, with the path of a value in it and what stands there.
fn embedded() -> impl Strategy<Value = (String, FieldPath, String)> {
    // Words of YAML 1.1 (`y`, `off`) would be no strings.
    let (name, word) = ("k[a-zé]{1,4}", "[a-zé]{1,5}");
    let path = || FieldPath::of("data.k").text();
    prop_oneof![
        (name, word, any::<bool>()).prop_map(move |(key, value, pretty)| {
            let document = json!({"z": [1, {key.clone(): value}], "é\n": "\"\\\t"});
            let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
            (text, path().key("z").index(1).key(key), json!(value).to_string())
        }),
        (name, word, 0..3_usize).prop_map(move |(key, value, blank)| {
            let text = format!("# é\n- x: y\n{}  {key}: '{value}' # c\n", "\n".repeat(blank));
            (text, path().index(0).key(key), format!("'{value}'"))
        }),
    ]
}

proptest! {
    #[test]
    fn a_value_inside_a_text_is_found_however_the_text_is_written(
        (text, path, expected) in embedded(), style in 0..3_usize, indent in 1..5_usize,
    ) {
        let lines = text.trim_end().replace('\n', &format!("\n{}", " ".repeat(indent)));
        let object = |data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{data}");
        let file = match style {
            0 => object(&format!("{:indent$}k: |-\n{:inner$}{}", "", "", lines.replace('\n', &format!("\n{:indent$}", "")), inner = 2 * indent)),
            1 => object(&format!(" k: {}", json!(text))),
            _ => json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": text}}).to_string(),
        };
        let manifests = load_text(&file).unwrap();
        let value = &manifests.objects().next().unwrap().to_json()["data"]["k"];
        prop_assert_eq!(value.as_str().unwrap().trim_end(), text.trim_end(), "{}", file);
        let (written, _, _, exact) = located(&manifests, &path);
        prop_assert!(exact, "{}", file);
        prop_assert_eq!(written.replace("\\\"", "\""), expected, "{}", file);
    }

    #[test]
    fn no_file_makes_loading_panic(text in "[-{}\\[\\]:,'\"a \n]{0,40}", kind in "(Service|List|GatewayList|Pod)") {
        for prefix in ["", "apiVersion: v1\nkind: "] {
            let _ = load_text(&format!("{prefix}{kind}\nitems: {text}"));
            let _ = load_text(&format!("{{\"apiVersion\": \"v1\", \"kind\": \"{kind}\", {text}"));
        }
    }
}
