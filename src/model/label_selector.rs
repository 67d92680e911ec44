//! `metav1.LabelSelector`.

use std::sync::Arc;

use serde::Deserialize;

use super::go_struct::{GoStruct, TypeError, go_kind};
use super::names::{is_label_value, is_qualified_name};
use super::{Labels, nullable, selects};
use crate::syntax::{Node, Value};

/// A label selector; the empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Equalities.
    #[serde(default, deserialize_with = "nullable")]
    pub match_labels: Labels,
    /// Set expressions.
    #[serde(default, deserialize_with = "nullable")]
    pub match_expressions: Vec<Requirement>,
}

/// One set expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Requirement {
    /// The label.
    #[serde(default, deserialize_with = "nullable")]
    pub key: Arc<str>,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`, as written.
    #[serde(default, deserialize_with = "nullable")]
    pub operator: Arc<str>,
    /// The set, for `In` and `NotIn`.
    #[serde(default, deserialize_with = "nullable")]
    pub values: Vec<Arc<str>>,
}

impl LabelSelector {
    /// Reads a selector that stands in a text, as `sigs.k8s.io/yaml` does: unquoted numbers and booleans are strings, too.
    pub(super) fn read(text: &str, node: &Node) -> Result<Self, TypeError> {
        let fields = object(text, node, "matchLabels", "v1.LabelSelector")?;
        let match_labels = fields.coerced_map("matchLabels")?;
        let mut match_expressions = Vec::new();
        for list in fields.nodes("matchExpressions").filter(|list| !list.is_null()) {
            let Some(items) = list.as_sequence() else {
                return Err(mistyped(list, "matchExpressions", "[]v1.LabelSelectorRequirement"));
            };
            match_expressions = items.iter().map(|item| Requirement::read(text, item)).collect::<Result<_, _>>()?;
        }
        let match_labels = match_labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Ok(Self { match_labels, match_expressions })
    }

    /// Whether the selector selects an object with these labels. An expression that is no valid one selects nothing.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        selects(&self.match_labels, labels)
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }

    /// Why `metav1.LabelSelectorAsSelector` refuses the selector, or `None` where it does not.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        let equality = |(key, value): (&Arc<str>, &Arc<str>)| label_error(key, [value]);
        let mut equalities = self.match_labels.iter();
        equalities.find_map(equality).or_else(|| self.match_expressions.iter().find_map(Requirement::error))
    }

    /// Whether the selector reads any label at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

impl Requirement {
    fn read(text: &str, node: &Node) -> Result<Self, TypeError> {
        let fields = object(text, node, "matchExpressions", "v1.LabelSelectorRequirement")?;
        let values = fields.coerced_strings("values")?;
        Ok(Self {
            key: fields.coerced_string("key")?.value.into(),
            operator: fields.coerced_string("operator")?.value.into(),
            values: values.into_iter().map(Into::into).collect(),
        })
    }

    fn error(&self) -> Option<String> {
        let operator = &*self.operator;
        let problem = match (operator, self.values.len()) {
            ("In" | "NotIn", 0) => Some(format!("operator {operator} needs values")),
            ("Exists" | "DoesNotExist", 1..) => Some(format!("operator {operator} takes no values")),
            ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => None,
            (other, _) => Some(format!("{other:?} is not a valid label selector operator")),
        };
        problem.or_else(|| label_error(&self.key, &self.values))
    }

    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &*self.operator {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

/// The object that a struct is read from; `null` is one without fields.
fn object<'a>(
    text: &'a str,
    node: &'a Node,
    field: &'static str,
    go_name: &'static str,
) -> Result<GoStruct<'a>, TypeError> {
    match node.value {
        Value::Mapping(_) | Value::Null => Ok(GoStruct { text, node, go_name }),
        _ => Err(mistyped(node, field, go_name)),
    }
}

fn mistyped(node: &Node, field: &'static str, wanted: &str) -> TypeError {
    let message = format!("json: cannot unmarshal {} into Go value of type {wanted}", go_kind(&node.value));
    TypeError { message, field, offset: node.span.start }
}

/// Why `labels.NewRequirement` refuses a key or one of its values.
fn label_error<'l>(key: &str, values: impl IntoIterator<Item = &'l Arc<str>>) -> Option<String> {
    if !is_qualified_name(key) {
        return Some(format!("{key:?} is no label key"));
    }
    let refused = values.into_iter().find(|value| !is_label_value(value))?;
    Some(format!("{refused:?} is no label value"))
}
