//! Ways to a node's content, among them the one by which Go finds a struct's field.

use std::borrow::Cow;

use super::{Entry, Node, Value};

impl Node {
    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth of a boolean.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// The digits of a number.
    #[must_use]
    pub fn as_number(&self) -> Option<&str> {
        match &self.value {
            Value::Number(digits) => Some(digits),
            _ => None,
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping, duplicates included.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether this is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What Go's type errors call this value: "cannot unmarshal *number* into Go struct field …".
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Sequence(_) => "array",
            Value::Mapping(_) => "object",
        }
    }

    /// The entry with exactly this key, the last one of duplicates: how the API server, and any Go map, reads.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Entry> {
        self.as_mapping()?.iter().rfind(|entry| entry.key == key)
    }

    /// The entries that `encoding/json` stores in the struct field `name`, in the order in which it does.
    ///
    /// Keys match whatever their case, and with U+017F for `s` and U+212A for `k`. Each further one is decoded over
    /// what the one before left: the last scalar or list wins, structs and maps merge, and `null` changes no scalar.
    #[must_use]
    pub fn fields<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Entry> {
        self.as_mapping().unwrap_or_default().iter().filter(move |entry| folds_to(&entry.key, name))
    }

    /// The text that `sigs.k8s.io/yaml` stores in a field of type string, where it also takes numbers and booleans.
    #[must_use]
    pub fn coerced_string(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Value::Number(digits) => Some(super::yaml::number_as_string(digits)),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }
}

/// Whether a key matches a struct field's name, which is ASCII, as `encoding/json` folds both.
fn folds_to(key: &str, name: &str) -> bool {
    if key.len() == name.len() {
        return key.eq_ignore_ascii_case(name);
    }
    key.len() > name.len() && key.chars().map(folded).eq(name.chars().map(folded))
}

const fn folded(character: char) -> char {
    match character {
        'ſ' => 's',
        '\u{212a}' => 'k',
        _ => character.to_ascii_lowercase(),
    }
}

impl From<&Node> for serde_json::Value {
    /// Turns a node into a plain value: of duplicate keys the last one stays, and a number too large for a double
    /// becomes the largest one.
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(digits) => number(digits),
            Value::String(text) => Self::String(text.clone()),
            Value::Sequence(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Mapping(entries) => {
                Self::Object(entries.iter().map(|entry| (entry.key.clone(), Self::from(&entry.value))).collect())
            }
        }
    }
}

fn number(digits: &str) -> serde_json::Value {
    // `-0` is a float, as it is to serde_json.
    if digits != "-0"
        && let Ok(integer) = digits.parse::<i64>()
    {
        return integer.into();
    }
    if let Ok(integer) = digits.parse::<u64>() {
        return integer.into();
    }
    let float = digits.parse::<f64>().unwrap_or_default().clamp(f64::MIN, f64::MAX);
    serde_json::Number::from_f64(float).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::syntax::{json, yaml};

    #[test]
    fn a_struct_field_is_found_as_go_finds_it() {
        let node = json::parse(r#"{"SERVICE":1,"service":2,"ſervice":3,"services":4,"serviCe":null}"#).unwrap();
        let found: Vec<_> = node.fields("service").map(|entry| entry.key.as_str()).collect();
        assert_eq!(found, ["SERVICE", "service", "ſervice", "serviCe"]);
        assert_eq!(node.field("service").unwrap().value.as_number(), Some("2"));
        assert!(node.field("Service").is_none());
        let node = json::parse("{\"\u{212a}ind\":1,\"κind\":2}").unwrap();
        assert_eq!(node.fields("kind").count(), 1);
        assert_eq!(json::parse("[]").unwrap().fields("kind").count(), 0);
    }

    #[test]
    fn of_duplicate_keys_the_last_one_stays() {
        let node = json::parse(r#"{"a":1,"b":[true,null,"x"],"a":{"c":1.5}}"#).unwrap();
        assert_eq!(serde_json::Value::from(&node), json!({"a": {"c": 1.5}, "b": [true, null, "x"]}));
        assert_eq!(node.field("a").unwrap().value.type_name(), "object");
    }

    #[test]
    fn numbers_keep_their_value() {
        for (text, expected) in [
            ("-0", json!(-0.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("1e2", json!(100.0)),
            ("1e999", json!(f64::MAX)),
            ("-1e999", json!(f64::MIN)),
        ] {
            assert_eq!(serde_json::Value::from(&json::parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_string_field_takes_numbers_and_booleans_from_yaml() {
        for (text, expected) in [
            ("8080", Some("8080")),
            ("0x1f", Some("31")),
            ("yes", Some("true")),
            ("off", Some("false")),
            ("1.50", Some("1.5")),
            ("0.1", Some("0.1")),
            ("1.23456789012", Some("1.2345679")),
            ("0.00001", Some("1e-05")),
            ("1.5e300", Some("+Inf")),
            ("'1.50'", Some("1.50")),
            ("~", None),
            ("[]", None),
        ] {
            assert_eq!(yaml::parse(text).unwrap().coerced_string().as_deref(), expected, "{text}");
        }
    }
}
