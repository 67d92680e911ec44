use plumbline::syntax::{Node, yaml};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::json::tagged;
use crate::on_generated;
use crate::original::Original;
use crate::texts::{damaged, of_corpus};

const PIECES: &[&str] = &[
    "- ", " ", "\n", ": ", "\"", "'", "{", "}", "[", "]", ", ", " # c", "x", "1", "~", "\\", "&a ", "*a", "é", "\t",
    "|", ">", "\n\t", "- |\n", "#",
];

/// Scalars as YAML 1.1 has them.
const SCALARS: &[&str] = &[
    "a",
    "b c",
    "yes",
    "No",
    "on",
    "~",
    "null",
    "",
    "0",
    "-0",
    "017",
    "0o17",
    "08",
    "0x1F",
    "0b11",
    "1_000",
    "1.50",
    ".5",
    "1e3",
    "-1E-7",
    ".inf",
    ".nan",
    "1:30",
    "2001-01-01",
    "123456789012345678901",
    "1e400",
    "'it''s'",
    "\"\\u00e9\\n\"",
    "\"\\x41\"",
    "'1'",
    "!!str 1",
    "!!int '12'",
    "a#b",
    "a #b",
    "é",
    "=",
    "<<",
    "- a",
    "1.",
    "+1",
    "-.5",
    "0.1e-10",
    "9223372036854775808",
    "18446744073709551616",
    "0x",
    "12e03",
    "1e21",
    "123456789.123456789",
    "&a x",
    "*a",
    "\"a\n  b\"",
    "'a\n\n  b'",
    "a\n  b",
];

/// Documents in YAML's styles: what a person may write in a ConfigMap, and a bit beyond.
fn documents() -> impl Strategy<Value = String> {
    let scalar = || select(SCALARS);
    let keys = || select(&["a", "b", "'c'", "\"d\"", "1", "yes", "e f", "<<", "1.5", "~"][..]);
    let flow = prop_oneof![
        vec(scalar(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
        vec((keys(), scalar()), 0..3).prop_map(|entries| {
            let entries: Vec<_> = entries.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
            format!("{{{}}}", entries.join(", "))
        }),
    ];
    let block = select(&["|\n  a\n  b", ">-\n  a\n  b\n\n   c", "|+\n  a\n\n", "|2\n   a\n", ">\n  a"][..]);
    let leaf = prop_oneof![4 => scalar().prop_map(str::to_owned), 1 => flow, 1 => block.prop_map(str::to_owned)];
    let indent = |text: &str| text.replace('\n', "\n  ");
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(move |items| {
                items
                    .iter()
                    .map(|item| format!("- {}\n", indent(item.trim_start_matches('\n'))))
                    .collect::<Vec<_>>()
                    .concat()
            }),
            vec((keys(), inner), 1..4).prop_map(move |entries| {
                let nested = |value: &str| value.starts_with("- ") || value.contains(": ") && value.ends_with('\n');
                let entry = |(key, value): &(&str, String)| {
                    let gap = if nested(value) { "\n  " } else { " " };
                    format!("{key}:{gap}{}\n", indent(value))
                };
                entries.iter().map(entry).collect::<String>()
            }),
        ]
    })
}

#[test]
fn yaml_is_read_as_sigs_yaml_reads_it() {
    let go = Original::start("istio");
    for text in ["local-gateways", "external-gateways"].map(of_corpus).concat() {
        check(&go, &text).unwrap();
    }
    on_generated(&damaged(documents(), PIECES), |text| check(&go, text));
}

fn check(go: &Original, text: &str) -> Result<(), String> {
    let compare = || {
        let original = go.ask(&json!({"what": "yaml", "texts": [text]}));
        let ours = yaml::parse(text).map(|node| tagged(&node)).map_err(|error| error.message);
        let told = original.error.as_ref().map_or(Ok(&original.value["is"]), Err);
        let agree = match (&ours, told) {
            (Ok(ours), Ok(original)) => ours == original,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if agree || is_known(text, &ours, told.ok()) {
            Ok(())
        } else {
            Err(format!("plumbline: {ours:?}\nGo: {told:?}"))
        }
    };
    // Of keys such as 1 and "1" Go keeps any one, now this and now that.
    (0..20).find_map(|_| compare().ok()).map_or_else(compare, Ok)
}

/// Whether what plumbline and Go make of a text may differ.
fn is_known(text: &str, ours: &Result<Value, String>, original: Option<&Value>) -> bool {
    let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
    match (ours, original) {
        // A scalar alone is neither a list of gateways nor an object: where it ends is all the same.
        (Ok(ours), None) => {
            is_scalar(ours) && text.trim_start().starts_with(['|', '>']) || has_odd_text_behind(text, ours)
        }
        (Ok(ours), Some(original)) => is_scalar(ours) && is_scalar(original),
        (Err(refusal), Some(original)) => is_scalar(original) || refuses_more(text, refusal, original),
        (Err(_), None) => true,
    }
}

/// What Go reads and ours refuses, though nobody has written it yet.
pub(crate) fn refuses_more(text: &str, refusal: &str, original: &Value) -> bool {
    match refusal {
        "while parsing a quoted scalar, found unknown escape character" => text.contains("\\'"),
        // A comment that is less indented than the number in a block's header says, in front of its content.
        "wrongly indented line in block scalar" => text.lines().any(|line| line.trim_start().starts_with('#')),
        // `!a]` and the like: libyaml takes more for a tag, or less.
        _ if text.split_whitespace().any(|word| word.contains('!') && word.contains(TAGGED)) => true,
        _ if refusal.starts_with("while scanning a tag, ") || refusal.starts_with("while parsing a tag, ") => {
            text.contains('!')
        }
        // What JSON cannot write is no mistake where a later equal key replaces it: with another text there, both read the same.
        _ if refusal.starts_with("json: unsupported value: ") || refusal.starts_with("unsupported map key: ") => {
            without_unwritable(text).is_some_and(|node| tagged(&node) == *original)
        }
        // `[-]`
        _ if ["-,", "-]", "-}", "-[", "-{"].iter().any(|end| text.contains(end)) => true,
        // `{a: b:}`
        _ if ENDS_WITH_COLON.iter().any(|end| text.contains(end)) => true,
        // What follows a list or mapping that is in brackets, or further in than what follows, is the next document's.
        _ => {
            content(text).starts_with(['[', '{', ' ', '\n'])
                && starts_of(text).any(|start| yaml::parse(start).is_ok_and(|node| tagged(&node) == *original))
        }
    }
}

/// What stands in a tag where somebody damaged it.
const TAGGED: [char; 7] = ['[', ']', '{', '}', ',', '\'', '"'];

/// Whether there is text behind a whole list or mapping in brackets: libyaml looks at its first token, be it the next document's.
pub(crate) fn has_odd_text_behind(text: &str, ours: &Value) -> bool {
    let ends = |start: &str| {
        let is_followed = !text[start.len()..].trim().is_empty();
        is_followed && start.ends_with([']', '}']) && yaml::parse(start).is_ok_and(|node| tagged(&node) == *ours)
    };
    content(text).starts_with(['[', '{']) && starts_of(text).any(ends)
}

/// The ends of a text inside brackets that ends with a colon.
const ENDS_WITH_COLON: [&str; 5] = [":,", ":}", ":]", ":{", ":["];

/// Reads a text, with something else wherever there is what JSON cannot write.
fn without_unwritable(text: &str) -> Option<Node> {
    let mut text = text.to_owned();
    for _ in 0..8 {
        match yaml::parse(&text) {
            Ok(node) => return Some(node),
            Err(error) => {
                let written =
                    [".inf", ".nan", "~", "null"].into_iter().find(|written| text[error.offset..].starts_with(written));
                text.replace_range(error.offset..error.offset + written.map_or(0, str::len), "zzz");
            }
        }
    }
    None
}

/// A text without the mark and the comments with which its document may begin.
fn content(text: &str) -> &str {
    let mut content = text.strip_prefix("---").unwrap_or(text).trim_start_matches('\n');
    while content.starts_with('#') {
        content = content.trim_start_matches(|character| character != '\n').trim_start_matches('\n');
    }
    content
}

/// The texts with which a text begins.
fn starts_of(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().skip(1).map(|(end, _)| &text[..end])
}
