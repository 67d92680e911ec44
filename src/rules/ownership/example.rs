//! PL505.

use serde_json::Value;

use crate::finding::{Affected, Finding};
use crate::object::{FieldPath, ObjectKey};
use crate::rules::case::object;
use crate::rules::declare::declare_rule;
use crate::rules::remedy;

/// The key that no controller reads.
const EXAMPLE_KEY: &str = "_example";

declare_rule! {
    /// The edit changes `_example`, which no controller reads.
    ///
    /// ## What breaks
    ///
    /// Nothing, and nothing changes either.
    ///
    /// ## Why
    ///
    /// Each `ConfigMap` of Knative and KServe carries its documentation in a key `_example`, with every setting in it as if it
    /// were set. It is skipped when the ConfigMap is read. Knative guards it with a checksum in an annotation and refuses an
    /// edit; KServe does not.
    ///
    /// ## How to fix
    ///
    /// Copy the setting out of `_example` to `data`, with the indentation of a key of its own.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   _example: |
    ///     local-gateways: |
    ///       - name: custom-local-gateway
    ///         namespace: istio-system
    ///         service: custom-local-gateway.istio-system.svc.cluster.local
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   _example: |
    ///     # Gateways are configured here.
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local
    /// ```
    pub(in crate::rules) EXAMPLE_EDIT = 505 "example-edit" {
        summary: "The edit changes _example, which no controller reads",
        severity: Note,
        hops: [],
        reads: {
            ConfigMap: ["data._example"],
        },
    }
}

/// Notes that a write changes nothing of a ConfigMap but the documentation in it. The values are its `data` before and after.
#[must_use]
pub fn example_edit(changed: &ObjectKey, before: &Value, after: &Value) -> Option<Finding> {
    let configuration = |data: &Value| -> Vec<(String, Value)> {
        let keys = data.as_object().into_iter().flatten().filter(|(key, _)| key.as_str() != EXAMPLE_KEY);
        keys.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let example = after.get(EXAMPLE_KEY)?;
    if before.get(EXAMPLE_KEY) == Some(example) || configuration(before) != configuration(after) {
        return None;
    }
    let site = changed.site(FieldPath::of("data").key(EXAMPLE_KEY));
    let text = format!("copy the setting to a key of its own under data of {}, beside {EXAMPLE_KEY}", object(changed));
    Some(Finding {
        code: EXAMPLE_EDIT.code,
        severity: EXAMPLE_EDIT.severity,
        hop: None,
        reason: "hazard",
        symptom: "nothing: the edit has no effect",
        message: format!("the edit of {} changes {EXAMPLE_KEY} alone, which no controller reads", object(changed)),
        site,
        says: "documentation, not configuration".to_owned(),
        related: Vec::new(),
        remedies: vec![remedy::by_hand(changed, text)],
        affected: Affected::default(),
    })
}
