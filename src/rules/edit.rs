//! One value changed in a text that is itself JSON or YAML, everything else left as it was written.

use serde_json::Value as Json;

use crate::object::Segment;
use crate::syntax::{Node, Value, json, line_column, yaml};

/// The two kinds of text that a ConfigMap holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Json,
    Yaml,
}

/// Sets the string at `path` inside a text; `None` where the text does not read, the way there is missing, or the result
/// would not say what was asked for.
pub(super) fn set(text: &str, path: &[Segment], value: &str) -> Option<String> {
    replace(text, path, &Json::from(value))
}

/// As [`set`], with a value of any type.
pub(super) fn replace(text: &str, path: &[Segment], value: &Json) -> Option<String> {
    let language = language_of(text);
    let root = read(text, language)?;
    let (last, way) = path.split_last()?;
    let parent = way.iter().try_fold(&root, child)?;
    let literal = value.to_string();
    let edited = match (child(parent, last), &parent.value, last) {
        (Some(node), ..) => splice(text, node.span.start, node.span.end, &literal),
        (None, Value::Mapping(entries), Segment::Key(key)) => match language {
            Language::Json => {
                let comma = if entries.is_empty() { "" } else { "," };
                let at = parent.span.start + 1;
                splice(text, at, at, &format!("{}{}: {literal}{comma}", separator(text, at), Json::from(&**key)))
            }
            Language::Yaml => {
                let at = entries.iter().map(|entry| entry.key_span.start).min()?;
                let column = text[..at].rsplit('\n').next().map_or(0, |line| line.chars().count());
                splice(text, at, at, &format!("{key}: {literal}\n{}", " ".repeat(column)))
            }
        },
        _ => return None,
    };
    let root = read(&edited, language)?;
    let written = path.iter().try_fold(&root, child)?;
    (Json::from(written) == *value).then_some(edited)
}

/// The value at `path` inside a text, and its line.
pub(super) fn find(text: &str, path: &[Segment]) -> Option<(Json, u32)> {
    let root = read(text, language_of(text))?;
    let node = path.iter().try_fold(&root, child)?;
    Some((Json::from(node), line_column(text, node.span.start).0))
}

fn language_of(text: &str) -> Language {
    if text.trim_start().starts_with('{') { Language::Json } else { Language::Yaml }
}

/// What stands between `{` and the first key, so that a new first key looks like its neighbours.
fn separator(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.len() - rest.trim_start().len()]
}

fn splice(text: &str, start: usize, end: usize, with: &str) -> String {
    format!("{}{with}{}", &text[..start], &text[end..])
}

fn read(text: &str, language: Language) -> Option<Node> {
    match language {
        Language::Json => json::parse(text).ok(),
        Language::Yaml => yaml::parse(text).ok(),
    }
}

/// The value that a Go decoder would take: the last of the keys that differ in case alone.
fn child<'a>(node: &'a Node, segment: &Segment) -> Option<&'a Node> {
    match (&node.value, segment) {
        (Value::Mapping(entries), Segment::Key(key)) => {
            entries.iter().rev().find(|entry| entry.key.eq_ignore_ascii_case(key)).map(|entry| &entry.value)
        }
        (Value::Sequence(items), Segment::Index(index)) => items.get(*index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Segment {
        Segment::Key(key.into())
    }

    #[test]
    fn one_value_changes_and_nothing_else() {
        let text = "{\n  \"ingressGateway\": \"a/b\",\n  \"LocalGateway\" : \"x\"\n}\n";
        let edited = set(text, &[key("localGateway")], "c/d").unwrap();
        assert_eq!(edited, "{\n  \"ingressGateway\": \"a/b\",\n  \"LocalGateway\" : \"c/d\"\n}\n");
    }

    #[test]
    fn a_missing_key_comes_first() {
        let text = "{\n  \"a\": 1\n}";
        assert_eq!(set(text, &[key("b")], "c").unwrap(), "{\n  \"b\": \"c\",\n  \"a\": 1\n}");
        assert_eq!(set("{}", &[key("b")], "c").unwrap(), "{\"b\": \"c\"}");
        let list = "- name: gw\n  namespace: istio-system\n";
        let service = [Segment::Index(0), key("service")];
        let expected = "- service: \"gw.istio-system\"\n  name: gw\n  namespace: istio-system\n";
        assert_eq!(set(list, &service, "gw.istio-system").unwrap(), expected);
    }

    #[test]
    fn an_entry_of_a_list_changes_alone() {
        let list = "- name: one # kept\n  namespace: a\n- name: two\n  namespace: b\n";
        let name = [Segment::Index(1), key("name")];
        let expected = "- name: one # kept\n  namespace: a\n- name: \"three\"\n  namespace: b\n";
        assert_eq!(set(list, &name, "three").unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_changed_safely_is_left_alone() {
        assert_eq!(set("{\"a\": ", &[key("a")], "b"), None);
        assert_eq!(set("- a", &[Segment::Index(3), key("name")], "b"), None);
    }
}
