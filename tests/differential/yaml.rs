use plumbline::syntax::yaml;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::json::tagged;
use crate::original::Original;
use crate::texts::{damaged, of_corpus};
use crate::{on_generated, same};

const PIECES: &[&str] =
    &["- ", " ", "\n", ": ", "\"", "'", "{", "}", "[", "]", ", ", " # c", "x", "1", "~", "\\", "&a ", "*a", "é"];

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
    let check = |text: &String| {
        let original = go.ask(&json!({"what": "yaml", "texts": [text]}));
        if text.starts_with(['|', '>']) {
            // Of a block that is the whole document, libyaml reads the lines that are indented.
            return Ok(());
        }
        if text.replace("!!str 1", "").replace("!!int '12'", "").contains('!') {
            // A damaged tag: of what remains of one, the parsers read different parts.
            return Ok(());
        }
        match (yaml::parse(text), &original.error) {
            (Ok(node), None) => same(&tagged(&node), &original.value["is"]),
            (Err(_), Some(_)) => Ok(()),
            (Err(ours), None) if is_known_difference(text, &ours.message, &original.value["is"]) => Ok(()),
            (Ok(_), Some(_)) if begins_with_colon(text) => Ok(()),
            (ours, _) => Err(format!("plumbline: {:?}\nGo: {original:?}", ours.map(|node| tagged(&node)))),
        }
    };
    for text in ["local-gateways", "external-gateways"].map(of_corpus).concat() {
        check(&text).unwrap();
    }
    on_generated(&damaged(documents(), PIECES), check);
}

/// What only ours refuses: what JSON cannot write, where a later equal key would have replaced it, a text inside brackets that
/// ends with a colon, and text after a document that is complete.
fn is_known_difference(text: &str, refusal: &str, original: &serde_json::Value) -> bool {
    let others = ["json: unsupported value", "unsupported map key"];
    others.iter().any(|start| refusal.starts_with(start))
        || ends_with_colon(text)
        || starts_of(text).any(|start| yaml::parse(start).is_ok_and(|node| tagged(&node) == *original))
}

/// The texts with which a text begins.
pub(crate) fn starts_of(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().skip(1).map(|(end, _)| &text[..end])
}

/// Whether some value begins with a colon, which only ours reads inside brackets.
pub(crate) fn begins_with_colon(text: &str) -> bool {
    [" :", "[:", "{:", ",:", "\n:", "\t:", "&a:", "::"].iter().any(|start| text.contains(start))
}

/// Whether some text inside brackets ends with a colon, which only libyaml reads.
pub(crate) fn ends_with_colon(text: &str) -> bool {
    [":,", ":}", ":]", ":{", ":["].iter().any(|end| text.contains(end))
}
