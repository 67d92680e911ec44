//! Edits of JSON inside a ConfigMap that leave the rest of the text as its author wrote it.

use crate::syntax::{Entry, json};

/// A field of a JSON object, set to a string: every spelling of it that Go would read gets the value, and where there is none
/// the field is added. `None` where the text is no JSON object.
pub(super) fn set_string(text: &str, field: &str, value: &str) -> Option<String> {
    let node = json::parse(text).ok()?;
    let entries = node.as_mapping()?;
    let quoted = serde_json::Value::from(value).to_string();
    let spelled: Vec<&Entry> = node.fields(field).collect();
    let mut edited = text.to_owned();
    if spelled.is_empty() {
        let brace = text[node.span.start..].find('{')? + node.span.start + 1;
        let added = match entries.first() {
            // In front of the first field, indented like it.
            Some(first) => format!("{}\"{field}\": {quoted},", &text[brace..first.key_span.start]),
            None => format!("\"{field}\": {quoted}"),
        };
        edited.insert_str(brace, &added);
        return Some(edited);
    }
    for entry in spelled.iter().rev() {
        edited.replace_range(entry.value.span.start..entry.value.span.end, &quoted);
    }
    Some(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_set_and_the_rest_stays() {
        let text = "{\n    \"localGateway\" : \"a/b\",\n    \"n\": 1\n}";
        let set = set_string(text, "localGateway", "c/d").unwrap();
        assert_eq!(set, "{\n    \"localGateway\" : \"c/d\",\n    \"n\": 1\n}");
        let added = set_string(text, "knativeLocalGatewayService", "x.y").unwrap();
        assert_eq!(
            added,
            "{\n    \"knativeLocalGatewayService\": \"x.y\",\n    \"localGateway\" : \"a/b\",\n    \"n\": 1\n}"
        );
        assert!(json::parse(&added).is_ok());
    }

    #[test]
    fn every_spelling_that_go_reads_is_set() {
        let set = set_string(r#"{"LOCALGATEWAY":"a","localGateway":null}"#, "localGateway", "b").unwrap();
        assert_eq!(set, r#"{"LOCALGATEWAY":"b","localGateway":"b"}"#);
        assert_eq!(set_string("{}", "a", "b").unwrap(), r#"{"a": "b"}"#);
        assert_eq!(set_string("[]", "a", "b"), None);
        assert_eq!(set_string("{", "a", "b"), None);
    }
}
