use proptest::prelude::*;
use serde_json::json;

use super::vectors::VECTORS;
use super::*;
use crate::syntax::{Span, TextMap, Value};

fn written(text: &str, span: Span) -> &str {
    &text[span.start..span.end]
}

#[test]
fn reads_what_sigs_yaml_reads() {
    for (text, expected) in VECTORS {
        let read = parse(text).map(|node| serde_json::Value::from(&node));
        match expected {
            Some(expected) => {
                let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
                assert_eq!(read.as_ref(), Ok(&expected), "{text:?}");
            }
            None => assert!(read.is_err(), "{text:?} is refused by Go, read as {read:?}"),
        }
    }
}

#[test]
fn numbers_are_written_as_go_writes_them() {
    let vectors = [
        ("1e3", "1000"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("1.5e-7", "1.5e-7"),
        ("0.000001", "0.000001"),
        ("1.50", "1.5"),
        ("-0.0", "-0"),
        ("0x1F", "31"),
        ("18446744073709551616", "18446744073709552000"),
    ];
    for (text, expected) in vectors {
        assert_eq!(parse(text).unwrap().value, Value::Number(expected.to_owned()), "{text}");
    }
}

#[test]
fn errors_say_what_and_where() {
    let vectors = [
        ("a: b: c", "mapping values are not allowed in this context", ": c"),
        ("a:\n  b: 1\n c: 2", "while parsing a block mapping, did not find expected key", "c: 2"),
        ("- a\nb: 1", "while parsing a block collection, did not find expected '-' indicator", "b: 1"),
        ("a: [1, 2", "did not find expected ',' or ']': unclosed '['", "[1, 2"),
        ("a: {b: 1", "did not find expected ',' or '}': unclosed '{'", "{b: 1"),
        ("a: 'x", "found unexpected end of stream: unclosed quote", "'x"),
        ("a: @x", "found character that cannot start any token: '@'", "@x"),
        ("a: 1\nkey\nb: 2", "could not find expected ':'", "key\nb: 2"),
        ("a: [b, *nope]", "unknown anchor 'nope' referenced", "*nope]"),
        ("a: &a [*a]", "anchor 'a' value contains itself", "*a]"),
        ("a: é\u{7}", "control characters are not allowed", "\u{7}"),
        ("a:\n \tb: 2", "found character that cannot start any token: a tab does not indent", "\tb: 2"),
        (
            "a: !!int \"x\\u001b[31m\n\n  y\"",
            r"cannot decode !!str `x\u{1b}[31m\ny` as a !!int",
            "\"x\\u001b[31m\n\n  y\"",
        ),
        ("a: !!int x", "cannot decode !!str `x` as a !!int", "x"),
        ("a: .inf", "json: unsupported value: +Inf", ".inf"),
        ("&a .inf : *a", "json: unsupported value: +Inf", ".inf : *a"),
        ("<<: 1", "map merge requires map or sequence of maps as the value", "1"),
        ("a: {{ .Values.b }}", "invalid map key: a list or mapping cannot be a key", "{ .Values.b }}"),
        ("~: b", "unsupported map key: null cannot be a key", "~: b"),
        ("a: [b?c]", "did not find expected ',' or ']': quote a text with '?'", "?c]"),
        ("%YAML 1.2\n---\n", "found incompatible YAML document: libyaml reads version 1.1 alone", "---\n"),
    ];
    for (text, message, rest) in vectors {
        let error = parse(text).unwrap_err();
        assert_eq!((error.message.as_str(), &text[error.offset..]), (message, rest), "{text:?}");
    }
}

#[test]
fn errors_repeat_little_of_a_long_text() {
    let long = "x".repeat(10_000);
    for text in
        [format!("a: !!int {long}"), format!("a: *{long}"), format!("a: &{long} [*{long}]"), format!("--- {long}\n")]
    {
        let error = parse_documents(&text).into_iter().find_map(Result::err).unwrap();
        assert!(error.message.contains("xx...") && error.message.len() < 200, "{error}");
    }
}

#[test]
fn spans_cover_keys_and_values() {
    let text = "a: é b # c\n\"k\": |  # d\n\n  x\n   y\n\nl:\n- 1\n- {m: [n, 'o']}  \ne:\n";
    let node = parse(text).unwrap();
    let place = |key: &str| {
        let entry = node.field(key).unwrap();
        (written(text, entry.key_span), written(text, entry.value.span))
    };
    assert_eq!(place("a"), ("a", "é b"));
    assert_eq!(place("k"), ("\"k\"", "x\n   y"));
    assert_eq!(place("l"), ("l", "- 1\n- {m: [n, 'o']}"));
    assert_eq!(place("e"), ("e", ""));
    assert_eq!(written(text, node.span), text.trim_end().trim_end_matches(':'));
    let flow = &node.field("l").unwrap().value.as_sequence().unwrap()[1];
    assert_eq!(written(text, flow.span), "{m: [n, 'o']}");
    assert_eq!(written(text, flow.field("m").unwrap().value.span), "[n, 'o']");
}

#[test]
fn what_an_alias_or_a_merge_brings_stands_where_it_is_written() {
    let text = "base: &base {port: 80}\ncopy: *base\nmerged:\n  <<: *base\n  name: x\n";
    let node = parse(text).unwrap();
    for key in ["copy", "merged"] {
        let port = node.field(key).unwrap().value.field("port").unwrap();
        assert_eq!((port.key_span.start, port.value.span.start), (13, 19), "{key}");
    }
}

#[test]
fn of_equal_keys_the_last_stays_and_go_meets_the_rest_in_order() {
    let node = parse("name: a\nNAME: b\nName: c\nname: d\n").unwrap();
    let values: Vec<_> = node.fields("name").map(|entry| entry.value.as_str().unwrap()).collect();
    assert_eq!(values, ["b", "c", "d"]);
}

#[test]
fn aliases_cannot_blow_a_document_up() {
    let level = |level| format!("a{level}: &a{level} [{}]\n", format!("*a{}, ", level - 1).repeat(10));
    let bomb = "a0: &a0 [x, x]\n".to_owned() + &(1..9).map(level).collect::<String>();
    assert_eq!(parse(&bomb).unwrap_err().message, "document contains excessive aliasing");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(100));
    assert_eq!(parse(&long).unwrap_err().message, "document contains excessive aliasing");
    let nested = format!("{}x{}\n# *", "&a [".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(parse(&nested).is_ok());
}

#[test]
fn nesting_ends_before_the_stack_does() {
    for (opening, closing) in [("[", "]"), ("{a: ", "}")] {
        let nested = |depth: usize| opening.repeat(depth) + &closing.repeat(depth);
        let deepest = parse(&nested(MAX_DEPTH)).unwrap();
        assert_eq!(serde_json::Value::from(&deepest.clone()), serde_json::Value::from(&deepest));
        assert_eq!(parse(&nested(MAX_DEPTH + 1)).unwrap_err().message, "exceeded max depth of 512");
    }
    assert_eq!(parse(&"- ".repeat(1 << 18)).unwrap_err().message, "exceeded max depth of 512");
}

#[test]
fn a_file_of_many_adjacent_comments_is_read_in_bounded_time() {
    assert_eq!(parse(&"- 'x'#\n".repeat(MAX_MENDS)).unwrap().as_sequence().unwrap().len(), MAX_MENDS);
    let error = parse(&"- 'x'#\n".repeat(10_000)).unwrap_err();
    assert_eq!(error, SyntaxError::new("comments must be separated from other tokens by whitespace", 5));
}

#[test]
fn documents_are_cut_as_kubernetes_cuts_them() {
    let text = "# none\n---\n---  # first\na: 1\n---\r\nb: [\n--- c: 1\nd: é\n...\nignored: [\n---\n\n---";
    let documents = parse_documents(text);
    let read: Vec<_> = documents.iter().map(|document| document.as_ref().map(serde_json::Value::from)).collect();
    let second = SyntaxError::new("did not find expected ',' or ']': unclosed '['", text.find('[').unwrap());
    let third = SyntaxError::new("invalid Yaml document separator: c: 1", text.find("--- c").unwrap());
    assert_eq!(read, [Ok(json!({"a": 1})), Err(&second), Err(&third), Ok(json!({"d": "é"}))]);
    let last = documents[3].as_ref().unwrap().field("d").unwrap();
    assert_eq!((written(text, last.key_span), written(text, last.value.span)), ("d", "é"));
}

fn assert_sound(text: &str, node: &Node) {
    assert!(node.span.start <= node.span.end, "{text:?} {node:?}");
    assert!(text.get(node.span.start..node.span.end).is_some(), "{text:?} {node:?}");
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| assert_sound(text, item)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| {
            assert!(text.get(entry.key_span.start..entry.key_span.end).is_some(), "{text:?} {entry:?}");
            assert_sound(text, &entry.value);
        }),
        Value::String(decoded) => {
            let map = TextMap::new(text, node);
            for (offset, character) in decoded.char_indices().filter(|(_, character)| character.is_alphanumeric()) {
                if let Some(place) = map.offset(offset) {
                    assert!(text[place..].starts_with([character, '\\']), "{text:?} {decoded:?} {offset} {place}");
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

const FRAGMENTS: &[&str] = &[
    "a",
    "é",
    "b: ",
    "- ",
    "-",
    "\n",
    "\n  ",
    "\n    ",
    ": ",
    ":",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\"",
    "'",
    "|\n",
    ">\n",
    ">-\n",
    "#",
    " # c",
    "&x ",
    "*x",
    "!!str ",
    "!!int ",
    "<<: ",
    "? ",
    "1",
    "~",
    "\\n",
    "\\",
    "\t",
    "\r\n",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "😀",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn never_panics_and_stays_inside_the_text(fragments in prop::collection::vec(prop::sample::select(FRAGMENTS), 0..16)) {
        let text = fragments.concat();
        for result in parse_documents(&text).into_iter().chain([parse(&text)]) {
            match result {
                Ok(node) => assert_sound(&text, &node),
                Err(error) => prop_assert!(error.offset <= text.len() && text.is_char_boundary(error.offset)),
            }
        }
    }

    #[test]
    fn never_panics_on_any_text(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn reads_json_as_json_is_read(key in "[a-z]{1,3}", text in "[ -~é\n\t]{0,20}", number in any::<i64>()) {
        let value = json!({key: [text, number, null, true, {"x": []}]});
        prop_assert_eq!(serde_json::Value::from(&parse(&value.to_string()).unwrap()), value);
    }
}
