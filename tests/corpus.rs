//! Labelled cluster changes: the verdict, the kind of break and the hop that upstream's own controllers produce.
//!
//! `tests/corpus/*.json` is packed by `tests/corpus/import.py`. A label says `deny` when a request that was reached is not
//! any more, or when a controller refuses its configuration; where it says that new services would not become ready,
//! plumbline refuses the change as well.

use std::collections::BTreeSet;
use std::path::Path;

use plumbline::engine::{Actor, Change, JudgeSettings, Judgement, Verdict, judge};
use plumbline::model::Object;
use plumbline::object::{Kind, ObjectKey};
use plumbline::view::Snapshot;
use plumbline::walk::RequestKind;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Layout {
    before: Vec<Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    #[serde(default)]
    change: Option<Value>,
    #[serde(default)]
    delete: Option<String>,
    expected: Expected,
    replaced: Vec<Value>,
    removed: Vec<String>,
}

#[derive(Deserialize)]
struct Expected {
    verdict: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    newly_broken: Vec<Request>,
    #[serde(default)]
    newly_fixed: Vec<Request>,
    #[serde(default)]
    new_services_not_ready: Vec<String>,
}

#[derive(Deserialize, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    isvc: String,
    kind: String,
}

/// The kind of an object and its key, or nothing for kinds that plumbline does not read.
fn identify(object: &Value) -> Option<(Kind, ObjectKey)> {
    let api_version = object["apiVersion"].as_str()?;
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind = Kind::from_group_kind(group, object["kind"].as_str()?)?;
    let (key, _) = Object::from_value(kind, object.clone()).expect("an object of the corpus is well-formed");
    Some((kind, key))
}

fn key_of(text: &str) -> Option<ObjectKey> {
    let [group, kind, namespace, name] = text.split('/').collect::<Vec<_>>()[..] else { panic!("{text}") };
    Some(ObjectKey::new(Kind::from_group_kind(group, kind)?, namespace, name))
}

impl Case {
    fn snapshot(&self, layout: &Layout) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for object in layout.before.iter().chain(&self.replaced) {
            let Some((kind, _)) = identify(object) else { continue };
            let (key, object) = Object::from_value(kind, object.clone()).expect("well-formed");
            snapshot.insert(key, object);
        }
        for key in self.removed.iter().filter_map(|text| key_of(text)) {
            snapshot.remove(&key);
        }
        snapshot
    }

    fn change(&self, snapshot: &Snapshot) -> Change {
        let (key, after) = match (&self.change, &self.delete) {
            (Some(object), _) => {
                let (kind, key) = identify(object).expect("a known kind");
                (key, Some(Object::from_value(kind, object.clone()).expect("well-formed").1))
            }
            (None, Some(text)) => (key_of(text).expect("a known kind"), None),
            (None, None) => panic!("{}: no change", self.case),
        };
        let before = snapshot.object(&key).present();
        Change { key, before, after, actor: Actor::Anybody }
    }

    fn problems(&self, judgement: &Judgement) -> Vec<String> {
        let mut problems = Vec::new();
        let expected = &self.expected;
        let deny = expected.verdict == "deny" || !expected.new_services_not_ready.is_empty();
        if (judgement.verdict == Verdict::Deny) != deny {
            problems.push(format!("expected {} ({}), got {:?}", expected.verdict, expected.reason, judgement.verdict));
        }
        let reasons: Vec<_> = judgement.findings.iter().map(|finding| finding.reason).collect();
        if expected.verdict == "deny" && !reasons.contains(&expected.reason.as_str()) {
            problems.push(format!("expected the reason {}, got {reasons:?}", expected.reason));
        }
        // A refused configuration stops every request in the labels; plumbline refuses it for its own sake.
        if expected.reason != "controller-error" {
            for (reached, wanted) in [(false, &expected.newly_broken), (true, &expected.newly_fixed)] {
                let wanted: BTreeSet<_> =
                    wanted.iter().map(|request| format!("{} {}", request.isvc, request.kind)).collect();
                let got = turned(judgement, reached);
                if got != wanted {
                    problems.push(format!("turned reached={reached}: expected {wanted:?}, got {got:?}"));
                }
            }
        }
        problems
    }
}

/// The local and external requests that turn, as the labels write them.
fn turned(judgement: &Judgement, reached: bool) -> BTreeSet<String> {
    let mut requests = BTreeSet::new();
    for turned in judgement.turned.iter().filter(|turned| turned.reached == reached) {
        let kind = match turned.kind {
            RequestKind::Local => "cluster-local",
            RequestKind::External => "external",
            _ => continue,
        };
        for (namespace, (count, names)) in &turned.affected.namespaces {
            assert_eq!(*count, names.len(), "the corpus has few enough InferenceServices to name them all");
            requests.extend(names.iter().map(|name| format!("{namespace}/{name} {kind}")));
        }
    }
    requests
}

#[test]
fn the_engine_agrees_with_upstream() {
    let mut failures = Vec::new();
    let mut count = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read(&path).expect("readable");
        let layout: Layout = serde_json::from_slice(&text).expect("a packed layout");
        for case in &layout.cases {
            let snapshot = case.snapshot(&layout);
            let judgement = judge(&snapshot, &case.change(&snapshot), &JudgeSettings::default());
            count += 1;
            for problem in case.problems(&judgement) {
                failures.push(format!("{}: {problem}\n    {:?}", case.case, judgement.findings.iter().map(|f| &f.message).collect::<Vec<_>>()));
            }
        }
    }
    assert!(count >= 135, "only {count} cases were found");
    assert!(failures.is_empty(), "{} problems in {count} cases:\n{}", failures.len(), failures.join("\n"));
}
