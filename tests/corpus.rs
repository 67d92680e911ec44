//! Labelled cluster changes: the verdict, the kind of break and the hop that upstream's own controllers produce.
//!
//! `tests/corpus/*.json` is packed by `tests/corpus/import.py`. A label says `deny` when a request that was reached is not
//! any more, or when a controller refuses its configuration; where it says that new services would not become ready,
//! plumbline refuses the change as well.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]

use std::collections::BTreeSet;
use std::path::Path;

use plumbline::engine::{Actor, Change, JudgeSettings, Judgement, Verdict, judge};
use plumbline::model::Object;
use plumbline::object::{Kind, ObjectKey};
use plumbline::view::Snapshot;
use plumbline::walk::RequestKind;
use serde::Deserialize;
use serde_json::Value;
use serving::Serving;

#[path = "support/serving.rs"]
mod serving;

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
    /// The cluster before the change.
    fn cluster(&self, layout: &Layout) -> Vec<Value> {
        let removed: Vec<_> = self.removed.iter().filter_map(|text| key_of(text)).collect();
        let replaced: Vec<_> = self.replaced.iter().filter_map(identify).map(|(_, key)| key).collect();
        let stays = |object: &&Value| {
            identify(object).is_none_or(|(_, key)| !removed.contains(&key) && !replaced.contains(&key))
        };
        layout.before.iter().filter(stays).chain(&self.replaced).cloned().collect()
    }

    fn snapshot(&self, layout: &Layout) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for object in self.cluster(layout) {
            let Some((kind, _)) = identify(&object) else { continue };
            let (key, object) = Object::from_value(kind, object).expect("well-formed");
            snapshot.insert(key, object);
        }
        snapshot
    }

    /// The object before and after, as a review carries it.
    fn review(&self, layout: &Layout) -> (Option<Value>, Option<Value>) {
        let key = match (&self.change, &self.delete) {
            (Some(object), _) => identify(object).expect("a known kind").1,
            (None, Some(text)) => key_of(text).expect("a known kind"),
            (None, None) => panic!("{}: no change", self.case),
        };
        let before =
            self.cluster(layout).into_iter().find(|object| identify(object).is_some_and(|(_, own)| own == key));
        (before, self.change.clone())
    }

    /// Whether the change is to be refused.
    fn denied(&self) -> bool {
        self.expected.verdict == "deny" || !self.expected.new_services_not_ready.is_empty()
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
        if (judgement.verdict == Verdict::Deny) != self.denied() {
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
        for (namespace, (count, names)) in turned.affected.namespaces.iter() {
            assert_eq!(*count, names.len(), "the corpus has few enough InferenceServices to name them all");
            requests.extend(names.iter().map(|name| format!("{namespace}/{name} {kind}")));
        }
    }
    requests
}

fn layouts() -> Vec<Layout> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let paths = std::fs::read_dir(folder).expect("the corpus is there").map(|entry| entry.expect("readable").path());
    let packed = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let layouts: Vec<Layout> = packed
        .map(|path| serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("a packed layout"))
        .collect();
    let count: usize = layouts.iter().map(|layout| layout.cases.len()).sum();
    assert!(count >= 135, "only {count} cases were found");
    layouts
}

#[test]
fn the_engine_agrees_with_upstream() {
    let mut failures = Vec::new();
    for layout in layouts() {
        for case in &layout.cases {
            let snapshot = case.snapshot(&layout);
            let judgement = judge(&snapshot, &case.change(&snapshot), &JudgeSettings::default());
            let said: Vec<_> = judgement.findings.iter().map(|finding| &finding.message).collect();
            failures.extend(
                case.problems(&judgement).iter().map(|problem| format!("{}: {problem}\n    {said:?}", case.case)),
            );
        }
    }
    assert!(failures.is_empty(), "{} problems:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_served_webhook_agrees_with_upstream() {
    let mut failures = Vec::new();
    for layout in layouts() {
        for case in &layout.cases {
            let directory = tempfile::tempdir().expect("a scratch folder");
            serving::write_manifests(directory.path(), case.cluster(&layout));
            let server = Serving::start(directory.path(), &[]);
            let (before, after) = case.review(&layout);
            let response = server.review(before.as_ref(), after.as_ref());
            let said = response["status"]["message"].as_str().unwrap_or_default();
            if response["allowed"] == case.denied() {
                failures.push(format!("{}: expected deny={}, got {response}", case.case, case.denied()));
            }
            if case.denied() && (response["status"]["code"] != 403 || !said.contains("PL")) {
                failures.push(format!("{}: a denial is a 403 that names a code: {response}", case.case));
            }
        }
    }
    assert!(failures.is_empty(), "{} problems:\n{}", failures.len(), failures.join("\n"));
}
