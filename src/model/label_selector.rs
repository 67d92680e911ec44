//! `metav1.LabelSelector`.

use std::sync::Arc;

use serde::Deserialize;

use super::{Labels, nullable, selects};

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
    /// Whether the selector selects an object with these labels. An expression that is no valid one selects nothing.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        selects(&self.match_labels, labels)
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }

    /// Why `metav1.LabelSelectorAsSelector` refuses the selector, or `None` where it does not.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.match_expressions.iter().find_map(|requirement| match (&*requirement.operator, requirement.values.len()) {
            ("In" | "NotIn", 0) => Some(format!("operator {} needs values", requirement.operator)),
            ("Exists" | "DoesNotExist", 1..) => Some(format!("operator {} takes no values", requirement.operator)),
            ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => None,
            (other, _) => Some(format!("{other:?} is not a valid label selector operator")),
        })
    }

    /// Whether the selector reads any label at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

impl Requirement {
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
