//! Why a body did not parse as a review: which field, and what it should hold.
//!
//! Runs only for bodies that failed. It never quotes a value: the body may hold what must not reach a log.

use std::fmt;

use serde_json::Value;

use super::review::{API_VERSION, KIND};

const REQUEST_FIELDS: [(&str, Shape); 13] = [
    ("uid", Shape::String),
    ("kind", Shape::Object(&[("group", Shape::String), ("version", Shape::String), ("kind", Shape::String)])),
    ("resource", Shape::Object(&[("group", Shape::String), ("version", Shape::String), ("resource", Shape::String)])),
    ("subResource", Shape::String),
    ("name", Shape::String),
    ("namespace", Shape::String),
    ("operation", Shape::Operation),
    ("userInfo", Shape::Object(&[("username", Shape::String), ("groups", Shape::Strings)])),
    ("object", Shape::Object(&[])),
    ("oldObject", Shape::Object(&[])),
    ("dryRun", Shape::Boolean),
    ("requestKind", Shape::Object(&[])),
    ("requestResource", Shape::Object(&[])),
];

const REVIEW: Shape = Shape::Object(&[
    ("apiVersion", Shape::String),
    ("kind", Shape::String),
    ("request", Shape::Object(&REQUEST_FIELDS)),
]);

/// Says why `body`, which failed with `error`, is not a review.
pub(super) fn explain(body: &[u8], error: &dyn fmt::Display) -> String {
    let expected = format!("expected an {KIND} of {API_VERSION}");
    if body.iter().all(u8::is_ascii_whitespace) {
        return format!("the body is empty: {expected}");
    }
    match serde_json::from_slice::<Value>(body) {
        Err(syntax) => format!("the body is not JSON: {syntax}; {expected}"),
        Ok(review) => REVIEW.mismatch("", Some(&review)).unwrap_or_else(|| format!("the body: {error}; {expected}")),
    }
}

#[derive(Clone, Copy)]
enum Shape {
    String,
    Strings,
    Boolean,
    Operation,
    Object(&'static [(&'static str, Self)]),
}

impl Shape {
    /// Finds the first field at or below `path` that does not have its shape; null and absent pass, as in Go.
    fn mismatch(self, path: &str, value: Option<&Value>) -> Option<String> {
        let found = match value {
            None | Some(Value::Null) => "nothing",
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a string",
            Some(Value::Array(_)) => "an array",
            Some(Value::Object(_)) => "an object",
        };
        let (expected, found) = match (self, value) {
            (Self::Operation, Some(Value::String(operation))) => match operation.as_str() {
                "CREATE" | "UPDATE" | "DELETE" | "CONNECT" => return None,
                _ => (OPERATIONS, "another string"),
            },
            (Self::Operation, _) => (OPERATIONS, found),
            (_, None | Some(Value::Null))
            | (Self::String, Some(Value::String(_)))
            | (Self::Boolean, Some(Value::Bool(_))) => return None,
            (Self::Strings, Some(Value::Array(items))) => {
                return (0..).zip(items).find_map(|(index, item): (usize, _)| {
                    Self::String.mismatch(&format!("{path}[{index}]"), Some(item))
                });
            }
            (Self::Object(fields), Some(Value::Object(object))) => {
                return fields.iter().find_map(|(name, shape)| {
                    let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
                    shape.mismatch(&path, object.get(*name))
                });
            }
            (Self::String, Some(_)) => ("a string", found),
            (Self::Strings, Some(_)) => ("an array of strings", found),
            (Self::Boolean, Some(_)) => ("a boolean", found),
            (Self::Object(_), Some(_)) => ("an object", found),
        };
        let path = if path.is_empty() { "the body" } else { path };
        Some(format!("{path}: expected {expected}, found {found}"))
    }
}

const OPERATIONS: &str = "CREATE, UPDATE, DELETE or CONNECT";
