//! The cluster that the examples change, and what a change to it gives.

use std::collections::{BTreeMap, BTreeSet};

use plumbline::engine::{Actor, Change, JudgeSettings, Judgement, Warning, inspect, judge, projected};
use plumbline::exception::{Asker, Moment, Permission, Policy, Remark, Ruling, Weighed, weigh};
use plumbline::finding::{Code, Finding, Severity};
use plumbline::model::Object;
use plumbline::object::{Kind, ObjectKey};
use plumbline::report::exception;
use plumbline::rules;
use plumbline::syntax::yaml;
use plumbline::view::{Snapshot, View};
use plumbline::walk::{Configuration, Walker};
use serde_json::Value;

const STOCK: &str = include_str!("../../docs/rules/stock-cluster.yaml");
/// The first line of a document that stands for a deletion.
const DELETE: &str = "# kubectl delete";
/// The first line of a document that somebody writes who may not declare transitions.
const UNPRIVILEGED: &str = "# by a user who may not declare transitions";
/// When all examples are judged.
const NOW: &str = "2026-06-01T12:00:00Z";

/// A cluster as JSON objects, so that patches can be applied to it.
#[derive(Clone)]
pub(crate) struct Cluster(BTreeMap<ObjectKey, Value>);

/// One document: an object as it is after a write, or the name of one that is deleted.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) key: ObjectKey,
    pub(crate) object: Option<Value>,
    /// Whether its writer may declare transitions.
    pub(crate) may_declare: bool,
}

/// A write to a cluster, judged.
pub(crate) struct Judged {
    pub(crate) judgement: Judgement,
    pub(crate) remarks: Vec<Remark>,
    pub(crate) warnings: Vec<Warning>,
    exceptions: BTreeSet<Code>,
    pub(crate) consequences: Vec<Finding>,
}

impl Cluster {
    pub(crate) fn stock() -> Self {
        let mut cluster = Self(BTreeMap::new());
        for document in documents(STOCK) {
            cluster.write(&document);
        }
        cluster
    }

    /// The cluster of these objects; those of kinds that plumbline does not read are left out.
    pub(crate) fn of(objects: impl Iterator<Item = Value>) -> Self {
        Self(objects.filter_map(|object| Some((identify(&object)?, object))).collect())
    }

    /// The stock cluster with all documents but the last written to it, and the last one.
    pub(crate) fn example(text: &str) -> (Self, Document) {
        let mut documents = documents(text);
        let change = documents.pop().expect("an example has a change");
        let mut cluster = Self::stock();
        for document in &documents {
            cluster.write(document);
        }
        (cluster, change)
    }

    pub(crate) fn write(&mut self, document: &Document) {
        match &document.object {
            Some(object) => {
                let object = self.aged(&document.key, object.clone());
                self.0.insert(document.key.clone(), object);
            }
            None => {
                self.0.remove(&document.key).expect("what is deleted exists");
            }
        }
    }

    /// An object keeps its age when it is written again.
    fn aged(&self, key: &ObjectKey, mut object: Value) -> Value {
        let created = self.0.get(key).and_then(|old| old["metadata"].get("creationTimestamp"));
        if let Some(created) = created {
            object["metadata"]["creationTimestamp"] = created.clone();
        }
        object
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Value> {
        self.0.get(key)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (key, object) in &self.0 {
            let (key, object) = Object::from_value(key.kind, object.clone()).expect("a well-formed object");
            snapshot.insert(key, object);
        }
        snapshot
    }

    fn change(&self, snapshot: &Snapshot, document: &Document) -> Change {
        let key = &document.key;
        let read = |object: &Value| Object::from_value(key.kind, object.clone()).expect("a well-formed object").1;
        let after = document.object.as_ref().map(|object| read(&self.aged(key, object.clone())));
        Change { key: key.clone(), before: snapshot.object(key).present(), after, actor: Actor::Anybody }
    }

    /// The cluster once a document is written, and the Knative operator has followed.
    fn after(&self, document: &Document) -> Snapshot {
        let mut snapshot = self.snapshot();
        let change = self.change(&snapshot, document);
        let mut writes = projected(&View::of(&snapshot), &change);
        writes.push((change.key, change.after));
        for (key, object) in writes {
            match object {
                Some(object) => snapshot.insert(key, object),
                None => snapshot.remove(&key),
            }
        }
        snapshot
    }

    pub(crate) fn judge(&self, document: &Document) -> Judged {
        let snapshot = self.snapshot();
        let change = self.change(&snapshot, document);
        let judgement = judge(&snapshot, &change, &JudgeSettings::default());
        let consequences = consequences(&snapshot, &change, self.0.get(&document.key), document.object.as_ref());
        let now = Moment::parse(NOW).expect("a time");
        let ruling = ruled(judgement, &change, document.may_declare, now);
        let warnings = exception::warnings(&ruling, now);
        let exceptions = ruling.codes().into_iter().collect();
        Judged { judgement: ruling.judgement, remarks: ruling.remarks, warnings, exceptions, consequences }
    }
}

/// A judgement once its exceptions are applied.
fn ruled(judgement: Judgement, change: &Change, may_declare: bool, now: Moment) -> Ruling {
    let policy = Policy { require_rbac: true, ..Policy::default() };
    match weigh(judgement, change, &policy, now) {
        Weighed::Settled(ruling) => ruling,
        Weighed::Covered(covered) => {
            let asker = Asker { user: "alex@example.com".to_owned(), ..Asker::default() };
            let permission = if may_declare { Permission::Granted } else { Permission::Refused };
            let question = covered.question(Some(asker));
            covered.decide(&question, permission)
        }
    }
}

impl Judged {
    pub(crate) fn codes(&self) -> BTreeSet<Code> {
        let Judgement { findings, warnings, .. } = &self.judgement;
        let found = findings.iter().chain(&self.consequences).map(|finding| finding.code);
        let found = found.chain(warnings.iter().map(|warning| warning.code));
        found.chain(self.exceptions.iter().copied()).collect()
    }

    /// What is found, with everything that there is to say of it.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.judgement.findings.iter().chain(&self.consequences).cloned().collect()
    }
}

/// What a change brings beside the requests that it cuts.
fn consequences(snapshot: &Snapshot, change: &Change, old: Option<&Value>, new: Option<&Value>) -> Vec<Finding> {
    let before = View::of(snapshot);
    let after = before.fork().with(change.key.clone(), change.after.clone());
    let facts = plumbline::engine::located(&before, JudgeSettings::default().facts, &[&change.key]);
    let (was, is) = (Configuration::of(&before, &facts), Configuration::of(&after, &facts));
    let walker = |view, configuration| Walker { view, configuration, facts: &facts };
    let mut found = rules::consequences(&walker(&before, &was), &walker(&after, &is), &change.key);
    if let (Some(old), Some(new), Kind::ConfigMap) = (old, new, change.key.kind) {
        found.extend(rules::example_edit(&change.key, &old["data"], &new["data"]));
    }
    found
}

/// The documents of a text.
pub(crate) fn documents(text: &str) -> Vec<Document> {
    text.split("\n---\n").map(document).collect()
}

/// The key of an object, unless its kind is one that plumbline does not read.
pub(crate) fn identify(object: &Value) -> Option<ObjectKey> {
    let api_version = object["apiVersion"].as_str().expect("an apiVersion");
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind = Kind::from_group_kind(group, object["kind"].as_str().expect("a kind"))?;
    let name = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    Some(ObjectKey::new(kind, name("namespace"), name("name")))
}

fn document(text: &str) -> Document {
    let node = yaml::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let object = Value::from(&node);
    let key = identify(&object).expect("a known kind");
    let is_deletion = text.trim_start().starts_with(DELETE);
    let may_declare = !text.trim_start().starts_with(UNPRIVILEGED);
    Document { key, object: (!is_deletion).then_some(object), may_declare }
}

/// Whether the change gives a code no more, and no other instead, once a patch is applied to what it writes or to a
/// neighbour.
pub(crate) fn mends(
    cluster: &Cluster,
    change: &Document,
    codes: &BTreeSet<Code>,
    code: Code,
    remedy: (&ObjectKey, &serde_json::Value),
) -> Result<(), String> {
    let (mut cluster, mut change) = (cluster.clone(), change.clone());
    let (object, patch) = remedy;
    if *object == change.key {
        let old = change.object.ok_or("the change deletes it")?;
        change.object = Some(patched(old, patch)?);
    } else {
        let old = cluster.get(object).ok_or_else(|| format!("there is no {object}"))?.clone();
        cluster.write(&Document { key: object.clone(), object: Some(patched(old, patch)?), may_declare: true });
    }
    // Whichever of the two is written first may cut something for a moment; what counts is the end.
    let left = inspect(&cluster.after(&change), &JudgeSettings::default()).findings;
    let is_new = |finding: &Finding| finding.severity == Severity::Error && !codes.contains(&finding.code);
    match left.iter().find(|finding| finding.code == code || is_new(finding)) {
        Some(finding) => Err(format!("leaves {} {}", finding.code, finding.message)),
        None => Ok(()),
    }
}

/// Applies a JSON Patch (RFC 6902), of which remedies use four operations.
fn patched(mut object: Value, operations: &Value) -> Result<Value, String> {
    for operation in operations.as_array().expect("a list of operations") {
        let pointer = operation["path"].as_str().expect("a path");
        let value = operation["value"].clone();
        let (parent, field) = pointer.rsplit_once('/').expect("a path below the root");
        let field = field.replace("~1", "/").replace("~0", "~");
        match operation["op"].as_str().expect("an operation") {
            "test" => {
                let found = object.pointer(pointer);
                if found != Some(&value) {
                    return Err(format!("{pointer} is {found:?}, not {value}"));
                }
            }
            "add" => match object.pointer_mut(parent).ok_or_else(|| format!("no {parent}"))? {
                Value::Array(items) if field == "-" => items.push(value),
                Value::Object(map) => {
                    map.insert(field, value);
                }
                other => return Err(format!("{parent} is {other}")),
            },
            "replace" => *object.pointer_mut(pointer).ok_or_else(|| format!("no {pointer}"))? = value,
            "remove" => match object.pointer_mut(parent).ok_or_else(|| format!("no {parent}"))? {
                Value::Object(map) => {
                    map.remove(&field).ok_or_else(|| format!("no {pointer}"))?;
                }
                other => return Err(format!("{parent} is {other}")),
            },
            other => return Err(format!("{other} is not used")),
        }
    }
    Ok(object)
}
