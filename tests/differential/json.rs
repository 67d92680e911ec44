use plumbline::syntax::{Node, Value, json};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::original::Original;
use crate::texts::{damaged, of_corpus};
use crate::{on_generated, same};

/// What JSON is made of and what it is broken with.
pub(crate) const PIECES: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "0", "-", "1e", ".", "+", "true", "nul",
    "/*", "//", " ", "\t", "\n", "\r", "\u{b}", "\u{7f}", "\u{a0}", "\u{feff}", "\u{2028}", "'", "é", "☃", "x",
];

/// Texts of JSON values.
pub(crate) fn values() -> impl Strategy<Value = String> {
    let strings = prop_oneof![
        Just("\"\"".to_owned()),
        "\"[a-zA-Z /.:*-]{0,8}\"",
        vec(select(&["a", "é", "\\n", "\\/", "\\u0041", "\\ud83d\\ude00", "\\ud83d", "\\udc00", "\\b", "☃"][..]), 0..4)
            .prop_map(|pieces| format!("\"{}\"", pieces.concat())),
    ];
    let numbers =
        select(&["0", "-0", "1", "01", "1.50", "1e400", "-1E+2", "123456789012345678901", ".5", "1.", "-"][..]);
    let scalars = prop_oneof![
        3 => strings,
        1 => numbers.prop_map(str::to_owned),
        1 => select(&["true", "false", "null"][..]).prop_map(str::to_owned),
    ];
    let space = || select(&["", "", " ", "\n", "\t", "\r\n "][..]);
    scalars.prop_recursive(4, 24, 5, move |inner| {
        let keys = select(&["\"a\"", "\"A\"", "\"b\"", "\"\\u0061\"", "\"\""][..]);
        let entries = vec((keys, space(), inner.clone(), space()), 0..4);
        prop_oneof![
            vec((space(), inner, space()), 0..4).prop_map(|items| {
                let items: Vec<_> =
                    items.into_iter().map(|(before, item, behind)| format!("{before}{item}{behind}")).collect();
                format!("[{}]", items.join(","))
            }),
            entries.prop_map(|entries| {
                let entries: Vec<_> =
                    entries.into_iter().map(|(key, space, value, end)| format!("{key}{space}:{value}{end}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

#[test]
fn json_is_read_as_encoding_json_reads_it() {
    let go = Original::start("istio");
    let check = |text: &String| {
        let original = go.ask(&json!({"what": "json", "texts": [text]}));
        match (json::parse(text), &original.error) {
            (Ok(node), None) => same(&tagged(&node), &original.value["is"]),
            // At the end Go may complain of a blank that is not there; ours says that it is the end.
            (Err(ours), Some(original)) if ours.offset == text.len() => {
                let is_blank = original.starts_with("invalid character ' ' in ")
                    || original.starts_with("invalid character ' ' after decimal point");
                if is_blank { Ok(()) } else { same(&ours.message, original) }
            }
            // Go names a character of several bytes by its first one.
            (Err(ours), Some(_)) if text[ours.offset..].starts_with(|first: char| !first.is_ascii()) => Ok(()),
            (ours, original) => same(&ours.err().map(|error| error.message), original),
        }
    };
    for text in ["ingress", "deploy", "logger", "credentials"].map(of_corpus).concat() {
        check(&text).unwrap();
    }
    on_generated(&damaged(values(), PIECES), check);
}

/// A value with the type of every scalar written beside it, so that no number is rounded on the way.
pub(crate) fn tagged(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => json!(truth),
        Value::Number(digits) => json!(format!("number {digits}")),
        Value::String(text) => json!(format!("string {text}")),
        Value::Sequence(items) => items.iter().map(tagged).collect(),
        Value::Mapping(entries) => {
            serde_json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), tagged(&entry.value))).collect())
        }
    }
}
