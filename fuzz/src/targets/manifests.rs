//! Files of manifests: any number of documents, YAML or JSON.

use std::path::PathBuf;

use plumbline::manifests::{DEFAULT_NAMESPACE, Manifests};
use plumbline::model::Object;
use plumbline::syntax::{Node, Value as Content, json, yaml};
use serde_json::{Value, json};

use super::text;

/// Any bytes as a file of manifests.
pub(super) fn manifests(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        for node in [json::parse(text), yaml::parse(text)] {
            match node {
                Ok(node) => placed(&node, text),
                Err(error) => assert!(error.offset <= text.len(), "{error:?}"),
            }
        }
    }
    let read = match load(bytes) {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.problems.is_empty());
            // The reader takes a lone carriage return for the end of a line as well, as YAML does.
            let lines = String::from_utf8_lossy(bytes).split(['\n', '\r']).count() + 1;
            let lines = u32::try_from(lines).expect("few lines");
            for problem in &error.problems {
                text::one_line("a problem", &problem.to_string());
                let placed = |(line, column)| (1..=lines).contains(&line) && column > 0;
                assert!(problem.place.is_none_or(placed), "{problem}");
            }
            return;
        }
    };
    for note in &read.notes {
        text::one_line("a note", &note.to_string());
    }
    for object in read.objects() {
        if let Err(error) = Object::from_value(object.key.kind, object.to_json()) {
            text::one_line("an error", &error.to_string());
        }
    }
    let items: Vec<Value> = read.in_order().iter().map(|object| object.to_json()).collect();
    let again = load(json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string().as_bytes());
    let again = again.expect("what was written can be read");
    let keys = |read: &Manifests| read.objects().map(|object| object.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&read), keys(&again));
    for (old, new) in read.objects().zip(again.objects()) {
        assert_eq!(rounded(old.to_json()), rounded(new.to_json()));
    }
}

fn load(bytes: &[u8]) -> Result<Manifests, plumbline::manifests::ManifestError> {
    Manifests::load_from(&[PathBuf::from("-")], DEFAULT_NAMESPACE, bytes)
}

/// Fails where a node's place is not in the text.
fn placed(node: &Node, text: &str) {
    let inside = text.get(node.span.start..node.span.end);
    assert!(inside.is_some(), "{:?} is no place in {} bytes", node.span, text.len());
    match &node.value {
        Content::Sequence(items) => items.iter().for_each(|item| placed(item, text)),
        Content::Mapping(entries) => entries.iter().for_each(|entry| {
            assert!(text.get(entry.key_span.start..entry.key_span.end).is_some(), "{:?}", entry.key_span);
            placed(&entry.value, text);
        }),
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::String(_) => {}
    }
}

/// A value without its numbers, whose last digit `serde_json` does not promise to read back.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(_) => Value::Null,
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, field)| (key, rounded(field))).collect(),
        other => other,
    }
}
