//! Vectors computed by Go's `encoding/json` (1.26), and what it has no say in: places, depth.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Text, Go's message, the byte it names.
const REFUSED: &[(&str, &str, usize)] = &[
    ("", "unexpected end of JSON input", 0),
    ("  ", "unexpected end of JSON input", 2),
    ("{", "unexpected end of JSON input", 1),
    ("[", "unexpected end of JSON input", 1),
    ("{\"a\"", "unexpected end of JSON input", 4),
    ("{\"a\":", "unexpected end of JSON input", 5),
    ("{\"a\":1", "unexpected end of JSON input", 6),
    ("{\"a\":1,", "unexpected end of JSON input", 7),
    ("[1", "unexpected end of JSON input", 2),
    ("[1,", "unexpected end of JSON input", 3),
    ("\"a", "unexpected end of JSON input", 2),
    ("{}{", "invalid character '{' after top-level value", 2),
    ("{} x", "invalid character 'x' after top-level value", 3),
    ("[1] // c", "invalid character '/' after top-level value", 4),
    ("// c\n{}", "invalid character '/' looking for beginning of value", 0),
    ("{/* c */}", "invalid character '/' looking for beginning of object key string", 1),
    ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string", 7),
    ("[1,]", "invalid character ']' looking for beginning of value", 3),
    ("[,1]", "invalid character ',' looking for beginning of value", 1),
    ("{,}", "invalid character ',' looking for beginning of object key string", 1),
    ("{a:1}", "invalid character 'a' looking for beginning of object key string", 1),
    ("{'a':1}", "invalid character '\\'' looking for beginning of object key string", 1),
    ("{\"a\" 1}", "invalid character '1' after object key", 5),
    ("{\"a\":1 \"b\":2}", "invalid character '\"' after object key:value pair", 7),
    ("[1 2]", "invalid character '2' after array element", 3),
    ("{\"a\":}", "invalid character '}' looking for beginning of value", 5),
    ("\"\n\"", "invalid character '\\n' in string literal", 1),
    ("\"\t\"", "invalid character '\\t' in string literal", 1),
    ("\"\u{1}\"", "invalid character '\\x01' in string literal", 1),
    ("\"\\q\"", "invalid character 'q' in string escape code", 2),
    ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape", 5),
    ("01", "invalid character '1' after top-level value", 1),
    ("-01", "invalid character '1' after top-level value", 2),
    ("-a", "invalid character 'a' in numeric literal", 1),
    ("1.e1", "invalid character 'e' after decimal point in numeric literal", 2),
    ("1ex", "invalid character 'x' in exponent of numeric literal", 2),
    (".5", "invalid character '.' looking for beginning of value", 0),
    ("+1", "invalid character '+' looking for beginning of value", 0),
    ("0x1F", "invalid character 'x' after top-level value", 1),
    ("NaN", "invalid character 'N' looking for beginning of value", 0),
    ("Infinity", "invalid character 'I' looking for beginning of value", 0),
    ("trux", "invalid character 'x' in literal true (expecting 'e')", 3),
    ("falsy", "invalid character 'y' in literal false (expecting 'e')", 4),
    ("nulL", "invalid character 'L' in literal null (expecting 'l')", 3),
    ("True", "invalid character 'T' looking for beginning of value", 0),
    ("nil", "invalid character 'i' in literal null (expecting 'u')", 1),
    ("\\", "invalid character '\\\\' looking for beginning of value", 0),
    ("'", "invalid character '\\'' looking for beginning of value", 0),
    ("\"a\" \"b\"", "invalid character '\"' after top-level value", 4),
    ("]", "invalid character ']' looking for beginning of value", 0),
    ("}", "invalid character '}' looking for beginning of value", 0),
    (":", "invalid character ':' looking for beginning of value", 0),
    ("[}", "invalid character '}' looking for beginning of value", 1),
    ("{]", "invalid character ']' looking for beginning of object key string", 1),
    ("{\"a\":1]", "invalid character ']' after object key:value pair", 6),
    ("[1}", "invalid character '}' after array element", 2),
    ("{\"a\":\"b\"}\u{0}", "invalid character '\\x00' after top-level value", 9),
    ("[1,\n\n  2\n  3]", "invalid character '3' after array element", 11),
];

#[test]
fn refuses_what_go_refuses_in_its_words() {
    for (text, message, offset) in REFUSED {
        assert_eq!(parse(text), Err(SyntaxError::new(*message, *offset)), "{text:?}");
    }
}

#[test]
fn names_a_character_as_a_whole_and_the_end_as_the_end() {
    // Go would name the first byte, 'Ã', and the blank that it feeds its scanner at the end.
    assert_eq!(parse("é").unwrap_err().message, "invalid character 'é' looking for beginning of value");
    assert_eq!(parse("\u{a0}{}").unwrap_err().message, r"invalid character '\u00a0' looking for beginning of value");
    assert_eq!(parse("\u{feff}{}").unwrap_err().message, r"invalid character '\ufeff' looking for beginning of value");
    for text in ["-", "1.", "1e", "tru", r#""\"#, r#""\u00"#] {
        assert_eq!(parse(text), Err(SyntaxError::new("unexpected end of JSON input", text.len())), "{text}");
    }
}

#[test]
fn reads_what_go_reads() {
    let vectors = [
        (" \t\r\n{ } \n", json!({})),
        (r#"{"a":1,"A":2,"a":3}"#, json!({"A": 2, "a": 3})),
        (r#"["\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\"]"#, json!(["é😀/\u{8}\u{c}\n\r\t\"\\"])),
        (
            r#"["\ud83d", "\ude00", "\ud83dx", "\ud83d\u0041", "\ude00\ud83d"]"#,
            json!(["\u{fffd}", "\u{fffd}", "\u{fffd}x", "\u{fffd}A", "\u{fffd}\u{fffd}"]),
        ),
        ("[\"\u{7f}\u{2028}\u{feff}\"]", json!(["\u{7f}\u{2028}\u{feff}"])),
        ("[0, -0.5, 1E+2, 10.25e-2, null, true, false]", json!([0, -0.5, 100.0, 0.1025, null, true, false])),
        ("\"x\"", json!("x")),
    ];
    for (text, expected) in vectors {
        assert_eq!(serde_json::Value::from(&parse(text).unwrap()), expected, "{text}");
    }
}

#[test]
fn spans_cover_keys_and_values() {
    let text = "{ \"a\\u0062\" : [1, {\"é\": \"ü\"}] }";
    let node = parse(text).unwrap();
    let written = |span: Span| &text[span.start..span.end];
    let entry = &node.as_mapping().unwrap()[0];
    assert_eq!((written(node.span), entry.key.as_str()), (text, "ab"));
    assert_eq!((written(entry.key_span), written(entry.value.span)), ("\"a\\u0062\"", "[1, {\"é\": \"ü\"}]"));
    let inner = &entry.value.as_sequence().unwrap()[1].as_mapping().unwrap()[0];
    assert_eq!((written(inner.key_span), written(inner.value.span)), ("\"é\"", "\"ü\""));
}

#[test]
fn values_of_a_stream_are_read_one_by_one() {
    let text = "{\"a\":1}\n[2] {\"b\":";
    let first = parse_next(text, 0).unwrap().unwrap();
    let second = parse_next(text, first.span.end).unwrap().unwrap();
    assert_eq!((second.span.start, second.span.end), (8, 11));
    assert_eq!(parse_next(text, second.span.end).unwrap_err().message, "unexpected end of JSON input");
    assert_eq!(parse_next("{} \n", 2), Ok(None));
    assert_eq!(parse_next("é", 1).unwrap_err().offset, 0, "inside a character");
}

#[test]
fn nesting_ends_before_the_stack_does() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let deepest = parse(&nested(MAX_DEPTH)).unwrap();
    assert_eq!(serde_json::Value::from(&deepest.clone()), serde_json::Value::from(&deepest));
    assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(SyntaxError::new("exceeded max depth", MAX_DEPTH)));
    assert_eq!(parse(&"{\"a\":".repeat(1 << 20)).unwrap_err().message, "exceeded max depth");
}

proptest! {
    #[test]
    fn never_panics_and_errs_inside_the_text(text in r#"([\[\]{}:,"0-9eE.+\-\\ untrfalse\n\x01é😀/]|\\u[0-9a-fA-F]{3}|"a"){0,24}"#) {
        if let Err(error) = parse(&text) {
            prop_assert!(error.offset <= text.len() && text.is_char_boundary(error.offset));
        }
    }

    #[test]
    fn agrees_with_serde_json(text in r#"([\[\]{}:,"0-9.\-\\ ntru]|true|false|null){0,12}"#) {
        // serde_json refuses numbers that overflow and lone surrogates; neither can come of these characters.
        let expected = serde_json::from_str::<serde_json::Value>(&text).ok();
        prop_assert_eq!(parse(&text).ok().map(|node| serde_json::Value::from(&node)), expected);
    }

    #[test]
    fn reads_back_what_is_written(strings in prop::collection::vec(any::<String>(), 0..4), number in any::<i64>()) {
        let value = json!({"strings": strings, "number": number});
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(serde_json::Value::from(&parse(&text).unwrap()), value.clone());
        }
    }
}
