//! A JSON object read into the fields of a Go struct, as `encoding/json` does it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::object::FieldPath;
use crate::syntax::{Entry, Node, Value, line_column};

/// A value and the line, from 1, of the text that holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its line; 0 where the value is a default that stands nowhere.
    pub line: u32,
}

impl<T> Located<T> {
    /// A value that is written nowhere.
    pub const fn default_value(value: T) -> Self {
        Self { value, line: 0 }
    }

    /// The line, where the value is written.
    pub fn written_line(&self) -> Option<u32> {
        (self.line > 0).then_some(self.line)
    }
}

/// Why a controller refuses a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of mistake.
    pub mistake: Mistake,
    /// What the controller says of it.
    pub message: String,
    /// The ConfigMap key, and the field in its text where it is known.
    pub path: FieldPath,
    /// Line and column, from 1, in the text.
    pub position: Option<(u32, u32)>,
}

/// The kinds of mistakes for which a controller refuses its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mistake {
    /// KServe's JSON does not parse.
    KserveJson,
    /// A KServe field has the wrong type.
    KserveType,
    /// A field that KServe requires is missing or empty.
    KserveRequired,
    /// `kserveIngressGateway` is no `namespace/name`.
    KserveIngressGatewayName,
    /// `pathTemplate` is no Go template.
    KservePathTemplate,
    /// `defaultDeploymentMode` is no mode of this release.
    KserveDeploymentMode,
    /// `localGatewayService` cannot be the target of an ExternalName Service.
    KserveExternalName,
    /// A gateway or destination name that istiod's webhook refuses in a VirtualService.
    KserveVirtualService,
    /// A list in `config-istio` does not parse.
    IstioYaml,
    /// Old and new keys of `config-istio` together.
    IstioFormats,
    /// An entry of `config-istio` lacks a field or has a malformed one.
    IstioEntry,
    /// A list of `config-istio` has no default entry, or more than one.
    IstioDefault,
    /// A ConfigMap that a running controller needs is gone.
    ConfigMissing,
}

/// The object of a text, field by field.
#[derive(Clone, Copy)]
pub(super) struct GoStruct<'a> {
    pub(super) text: &'a str,
    pub(super) node: &'a Node,
    pub(super) go_name: &'static str,
}

/// A field of the wrong type: Go's message, the field, and the byte where it stands.
pub(super) struct TypeError {
    pub(super) message: String,
    pub(super) field: &'static str,
    pub(super) offset: usize,
}

impl<'a> GoStruct<'a> {
    pub(super) fn string(&self, field: &'static str) -> Result<Located<String>, TypeError> {
        let read = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err("string"),
        };
        Ok(self.last(field, read)?.unwrap_or_default())
    }

    /// A string field of a struct that `sigs.k8s.io/yaml` fills: it takes numbers and booleans, too.
    pub(super) fn coerced_string(&self, field: &'static str) -> Result<Located<String>, TypeError> {
        let read = |node: &Node| node.coerced_string().map(Cow::into_owned).ok_or("string");
        Ok(self.last_node(field, read)?.unwrap_or_default())
    }

    /// A list of such strings.
    pub(super) fn coerced_strings(&self, field: &'static str) -> Result<Vec<String>, TypeError> {
        let read = |node: &Node| {
            let items = node.as_sequence().ok_or("[]string")?;
            items.iter().map(|item| coerced_or_empty(item).ok_or("string")).collect()
        };
        Ok(self.last_or_cleared(field, read)?.unwrap_or_default().value)
    }

    /// A map of such strings.
    pub(super) fn coerced_map(&self, field: &'static str) -> Result<BTreeMap<String, String>, TypeError> {
        let read = |node: &Node| {
            let entries = node.as_mapping().ok_or("map[string]string")?;
            let pair = |entry: &Entry| Some((entry.key.clone(), coerced_or_empty(&entry.value)?));
            entries.iter().map(pair).collect::<Option<BTreeMap<_, _>>>().ok_or("string")
        };
        Ok(self.last_or_cleared(field, read)?.unwrap_or_default().value)
    }

    pub(super) fn boolean(&self, field: &'static str) -> Result<Located<bool>, TypeError> {
        let read = |value: &Value| match value {
            Value::Bool(value) => Ok(*value),
            _ => Err("bool"),
        };
        Ok(self.last(field, read)?.unwrap_or_default())
    }

    pub(super) fn strings(&self, field: &'static str) -> Result<Located<Vec<String>>, TypeError> {
        let read = |node: &Node| match &node.value {
            Value::Sequence(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::String(text) => Ok(text.clone()),
                    Value::Null => Ok(String::new()),
                    _ => Err("string"),
                })
                .collect(),
            _ => Err("[]string"),
        };
        Ok(self.last_or_cleared(field, read)?.unwrap_or_default())
    }

    /// The raw nodes of a field, in the order written.
    pub(super) fn nodes(&self, field: &'static str) -> impl Iterator<Item = &'a Node> + use<'a> {
        self.node.fields(field).map(|entry| &entry.value)
    }

    /// The last value of a list or a map, which `null` clears where it changes no scalar.
    fn last_or_cleared<T>(
        &self,
        field: &'static str,
        read: impl Fn(&Node) -> Result<T, &'static str>,
    ) -> Result<Option<Located<T>>, TypeError> {
        let last = self.last_node(field, read)?;
        Ok(last.filter(|_| self.nodes(field).last().is_some_and(|node| !node.is_null())))
    }

    fn last<T>(
        &self,
        field: &'static str,
        read: impl Fn(&Value) -> Result<T, &'static str>,
    ) -> Result<Option<Located<T>>, TypeError> {
        self.last_node(field, |node| read(&node.value))
    }

    /// The last value that is not `null`; every one must have the type, since Go reads them all.
    fn last_node<T>(
        &self,
        field: &'static str,
        read: impl Fn(&Node) -> Result<T, &'static str>,
    ) -> Result<Option<Located<T>>, TypeError> {
        let mut found = None;
        for node in self.nodes(field).filter(|node| !node.is_null()) {
            let value = read(node).map_err(|wanted| TypeError {
                message: format!(
                    "json: cannot unmarshal {} into Go struct field {}.{field} of type {wanted}",
                    go_kind(&node.value),
                    self.go_name
                ),
                field,
                offset: node.span.start,
            })?;
            found = Some(Located { value, line: line_column(self.text, node.span.start).0 });
        }
        Ok(found)
    }
}

/// An element of a Go list or map of strings, in which `null` is the empty string.
fn coerced_or_empty(node: &Node) -> Option<String> {
    if node.is_null() { Some(String::new()) } else { node.coerced_string().map(Cow::into_owned) }
}

/// What `encoding/json` calls a value of this type.
pub(super) fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Sequence(_) => "array",
        Value::Mapping(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::json;

    #[test]
    fn null_clears_lists_and_maps_and_no_scalar() {
        let text = r#"{"list": ["a"], "LIST": null, "map": {"a": "b"}, "Map": null, "text": "a", "Text": null}"#;
        let node = json::parse(text).unwrap();
        let fields = GoStruct { text, node: &node, go_name: "T" };
        let read = |error: TypeError| error.message;
        assert_eq!(fields.strings("list").map(|list| list.value).map_err(read), Ok(Vec::new()));
        assert_eq!(fields.coerced_strings("list").map_err(read), Ok(Vec::new()));
        assert_eq!(fields.coerced_map("map").map_err(read), Ok(BTreeMap::new()));
        assert_eq!(fields.string("text").map(|text| text.value).map_err(read).as_deref(), Ok("a"));
    }
}
