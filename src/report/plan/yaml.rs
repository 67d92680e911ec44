//! Manifests as YAML that people read and tools apply.

use std::fmt::Write as _;

use serde_json::Value;

use crate::syntax::yaml;

/// The fields of an object that come first.
const FIRST: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// A manifest as one YAML document, without the line that would divide it from another.
#[must_use]
pub fn render(manifest: &Value) -> String {
    let mut text = String::new();
    if let Value::Object(fields) = manifest {
        let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort_by_key(|(key, _)| rank(key));
        for (key, value) in fields {
            entry(&mut text, 0, key, value);
        }
    } else {
        writeln!(text, "{manifest}").ok();
    }
    text
}

fn entry(text: &mut String, indent: usize, key: &str, value: &Value) {
    write!(text, "{:indent$}{}:", "", scalar(key)).ok();
    below(text, indent, value);
}

/// A value behind a colon.
fn below(text: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            for (key, value) in fields {
                entry(text, indent + 2, key, value);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            for value in items {
                item(text, indent + 2, value);
            }
        }
        Value::String(string) => match block(string, indent + 2) {
            Some(block) => text.push_str(&block),
            None => writeln!(text, " {}", scalar(string)).unwrap_or_default(),
        },
        _ => writeln!(text, " {value}").unwrap_or_default(),
    }
}

fn item(text: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let mut inner = String::new();
            for (key, value) in fields {
                entry(&mut inner, indent + 2, key, value);
            }
            // The first field stands behind the dash.
            write!(text, "{:indent$}- {}", "", &inner[indent + 2..]).ok();
        }
        Value::String(string) => writeln!(text, "{:indent$}- {}", "", scalar(string)).unwrap_or_default(),
        _ => writeln!(text, "{:indent$}- {value}", "").unwrap_or_default(),
    }
}

/// A string on one line: plain where YAML reads it back as it is, else as JSON writes it.
fn scalar(string: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._/".contains(character);
    let starts_plain = string.starts_with(|first: char| first.is_ascii_alphabetic());
    let reads_back = || yaml::parse(string).is_ok_and(|node| node.as_str() == Some(string));
    if starts_plain && string.chars().all(is_plain) && reads_back() {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}

/// A string of several lines as a block; `None` where a block cannot hold it as it is.
fn block(string: &str, indent: usize) -> Option<String> {
    let body = string.trim_end_matches('\n');
    let lines: Vec<&str> = body.split('\n').collect();
    let is_fit = |line: &&str| {
        line.chars().all(|character| {
            !character.is_control() && !matches!(character, '\u{feff}' | '\u{85}' | '\u{2028}' | '\u{2029}')
        }) && (line.is_empty() || !line.trim().is_empty())
    };
    let starts_flush = lines.first().is_some_and(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
    let ends = string.len() - body.len();
    if lines.len() < 2 || ends > 1 || !starts_flush || !lines.iter().all(is_fit) {
        return None;
    }
    let mut text = String::from(if ends == 1 { " |\n" } else { " |-\n" });
    for line in lines {
        if line.is_empty() {
            text.push('\n');
        } else {
            writeln!(text, "{:indent$}{line}", "").ok();
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_reads_like_one() {
        let manifest = json!({
            "kind": "ConfigMap", "apiVersion": "v1", "data": {"ingress": "{\n  \"a\": 1\n}\n", "yes": "no", "m": "1"},
            "metadata": {"name": "a", "labels": {}}, "spec": {"servers": [{"hosts": ["*", "a.b"], "port": {"number": 80}}]},
        });
        let expected = "\
apiVersion: v1
kind: ConfigMap
metadata:
  labels: {}
  name: a
spec:
  servers:
    - hosts:
        - \"*\"
        - a.b
      port:
        number: 80
data:
  ingress: |
    {
      \"a\": 1
    }
  m: \"1\"
  \"yes\": \"no\"
";
        assert_eq!(render(&manifest), expected);
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-zA-Z0-9:#'\" .*~{}|>\\-\n\t]{0,12}",
            "\\PC{0,6}",
            Just("null".to_owned()),
            Just("0x1f".to_owned()),
            Just("1e3".to_owned())
        ];
        let leaf = prop_oneof![
            text.clone().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null)
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let manifest = json!({"kind": "ConfigMap", "data": value});
            let text = render(&manifest);
            let node = yaml::parse(&text);
            prop_assert!(node.is_ok(), "{node:?}\n{text}");
            prop_assert_eq!(Value::from(&node.unwrap()), manifest, "{}", text);
        }
    }
}
