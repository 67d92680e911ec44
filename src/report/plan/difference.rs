//! What differs between two versions of an object, field by field, also inside the texts of a ConfigMap.

use serde_json::Value;

use crate::object::FieldPath;
use crate::quote;
use crate::syntax::{json, yaml};

/// The longest value that is told.
const VALUE_LENGTH: usize = 140;
/// What a thing is called, and what it is.
const FIRST: [&str; 4] = ["name", "namespace", "number", "protocol"];
/// The parts of a manifest that somebody writes.
const PARTS: [&[&str]; 4] = [&["metadata", "labels"], &["metadata", "annotations"], &["data"], &["spec"]];

/// The fields that differ, each with what it says before and after.
#[must_use]
pub fn lines(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for part in PARTS {
        let at = |manifest: &Value| part.iter().try_fold(manifest, |value, key| value.get(*key)).cloned();
        let path = part.iter().fold(FieldPath::root(), |path, key| path.key(*key));
        let empty = || Value::Object(serde_json::Map::new());
        compare(&path, &at(before).unwrap_or_else(empty), &at(after).unwrap_or_else(empty), &mut lines);
    }
    lines
}

fn compare(path: &FieldPath, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let path = path.clone().key(key.as_str());
                match new.get(key) {
                    Some(other) => compare(&path, value, other, lines),
                    None => lines.push(format!("{path}: removed (was {})", told(value))),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                let path = path.clone().key(key.as_str());
                match value {
                    Value::Object(fields) if !fields.is_empty() => {
                        compare(&path, &Value::Object(serde_json::Map::new()), value, lines);
                    }
                    _ => lines.push(format!("{path}: added {}", told(value))),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => compare_lists(path, old, new, lines),
        (Value::String(old), Value::String(new)) => match (document(old), document(new)) {
            (Some(old), Some(new)) if old != new => compare(&path.clone().text(), &old, &new, lines),
            // Other spaces, or another order of keys.
            (Some(_), Some(_)) => lines.push(format!("{path}: only its layout")),
            _ => lines.push(format!("{path}: {} -> {}", told(before), told(after))),
        },
        _ => lines.push(format!("{path}: {} -> {}", told(before), told(after))),
    }
}

fn compare_lists(path: &FieldPath, old: &[Value], new: &[Value], lines: &mut Vec<String>) {
    if old.len() == new.len() && old.iter().all(Value::is_object) {
        for (index, (old, new)) in old.iter().zip(new).enumerate() {
            compare(&path.clone().index(index), old, new, lines);
        }
        return;
    }
    let without = |list: &[Value], other: &[Value]| -> Vec<String> {
        list.iter().filter(|value| !other.contains(value)).map(told).collect()
    };
    let (gone, come) = (without(old, new), without(new, old));
    if gone.is_empty() && come.is_empty() {
        lines.push(format!("{path}: only its order"));
    }
    lines.extend(gone.iter().map(|value| format!("{path}: without {value}")));
    lines.extend(come.iter().map(|value| format!("{path}: with {value}")));
}

/// The JSON or YAML that a text holds, where it is more than a word.
fn document(text: &str) -> Option<Value> {
    let node = json::parse(text).or_else(|_| yaml::parse(text)).ok()?;
    let value = Value::from(&node);
    (value.is_object() || value.is_array()).then_some(value)
}

fn told(value: &Value) -> String {
    let document = value.as_str().and_then(document);
    quote::line(&flow(document.as_ref().unwrap_or(value)), VALUE_LENGTH)
}

/// A value on one line, as YAML may be written, what it is called first.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
            fields.sort_by_key(|(key, _)| rank(key));
            let fields: Vec<String> =
                fields.into_iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}

/// A value inside another, without the quotes that no reader misses.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if document(text).is_some() => document(text).as_ref().map(flow).unwrap_or_default(),
        Value::String(text) if !text.is_empty() && !text.contains([',', '{', '}', '[', ']', '"', '\n']) => text.clone(),
        _ => flow(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_also_inside_texts() {
        let before = json!({
            "metadata": {"labels": {"a": "b"}, "resourceVersion": "1"},
            "data": {"ingress": "{\"localGateway\": \"a/b\", \"same\": 1}", "old.key": "x", "list": "- {name: a}\n- {name: b}\n"},
        });
        let after = json!({
            "metadata": {"labels": {"a": "c"}, "resourceVersion": "2"},
            "data": {"ingress": "{\"same\":1,\"localGateway\":\"c/d\",\"more\":true}", "list": "- {name: b}\n"},
        });
        let expected = [
            "metadata.labels.a: \"b\" -> \"c\"",
            "data.ingress.localGateway: \"a/b\" -> \"c/d\"",
            "data.ingress.more: added true",
            "data.list: without {name: a}",
            "data[\"old.key\"]: removed (was \"x\")",
        ];
        assert_eq!(lines(&before, &after), expected);
    }

    #[test]
    fn another_layout_is_called_so() {
        let config = |ingress: &str| json!({"data": {"ingress": ingress}});
        assert_eq!(lines(&config("{\"a\": 1}"), &config("{\"a\":1}")), ["data.ingress: only its layout"]);
        assert_eq!(lines(&config("{\"a\": 1}"), &config("{\"a\": 1}")), [""; 0]);
    }

    #[test]
    fn servers_are_told_one_by_one() {
        let gateway = |hosts: Value| json!({"spec": {"servers": [{"port": {"number": 80}, "hosts": hosts}]}});
        let told = lines(&gateway(json!(["*.a", "*.b"])), &gateway(json!(["*.b", "*.c"])));
        assert_eq!(told, ["spec.servers[0].hosts: without \"*.a\"", "spec.servers[0].hosts: with \"*.c\""]);
    }
}
