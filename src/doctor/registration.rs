//! Webhook configurations as the API server stores them: the fields that decide what a webhook is asked.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::label_selector::LabelSelector;
use crate::model::nullable;

/// A `ValidatingWebhookConfiguration` or a `MutatingWebhookConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// Its name and what says who fills in its CA bundle.
    pub metadata: Metadata,
    /// Its webhooks.
    #[serde(deserialize_with = "nullable")]
    pub webhooks: Vec<Webhook>,
}

/// The part of an object's metadata that counts here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The name.
    pub name: String,
    /// The annotations.
    #[serde(deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
}

/// One webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Webhook {
    /// Its qualified name.
    pub name: String,
    /// Where it is called.
    pub client_config: ClientConfig,
    /// What it is called for.
    #[serde(deserialize_with = "nullable")]
    pub rules: Vec<Rule>,
    /// What becomes of a write when it does not answer: `Fail` or `Ignore`.
    pub failure_policy: String,
    /// Whether a rule also holds for other versions of the same resource: `Equivalent` or `Exact`.
    pub match_policy: String,
    /// The namespaces it is called for.
    #[serde(deserialize_with = "nullable")]
    pub namespace_selector: LabelSelector,
    /// The objects it is called for.
    #[serde(deserialize_with = "nullable")]
    pub object_selector: LabelSelector,
    /// What a request has to satisfy.
    #[serde(deserialize_with = "nullable")]
    pub match_conditions: Vec<MatchCondition>,
    /// `None`, or what keeps dry runs from it.
    pub side_effects: String,
    /// How long the API server waits.
    #[serde(deserialize_with = "nullable")]
    pub timeout_seconds: i64,
    /// The versions of the review it takes.
    #[serde(deserialize_with = "nullable")]
    pub admission_review_versions: Vec<String>,
}

/// Where a webhook is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientConfig {
    /// In the cluster.
    pub service: Option<ServiceReference>,
    /// Anywhere.
    pub url: Option<String>,
    /// The PEM certificates that its certificate is verified by. Whoever reads the object has undone the API's base64.
    #[serde(deserialize_with = "nullable")]
    pub ca_bundle: String,
}

/// A Service that answers for a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct ServiceReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The path of the request.
    #[serde(deserialize_with = "nullable")]
    pub path: String,
    /// Its port; 443 where it is left out.
    pub port: Option<u16>,
}

/// What a webhook is called for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule {
    /// API groups, or `*`.
    #[serde(deserialize_with = "nullable")]
    pub api_groups: Vec<String>,
    /// Versions, or `*`.
    #[serde(deserialize_with = "nullable")]
    pub api_versions: Vec<String>,
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`, or `*`.
    #[serde(deserialize_with = "nullable")]
    pub operations: Vec<String>,
    /// Resources, with `*` and subresources.
    #[serde(deserialize_with = "nullable")]
    pub resources: Vec<String>,
    /// `Namespaced`, `Cluster` or `*`.
    #[serde(deserialize_with = "nullable")]
    pub scope: String,
}

/// A condition in CEL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MatchCondition {
    /// Its name.
    pub name: String,
    /// What has to be true.
    pub expression: String,
}

impl Rule {
    /// Whether the rule holds for an operation on a resource in one version of its group.
    #[must_use]
    pub fn covers(&self, group: &str, version: &str, resource: &str, operation: &str) -> bool {
        let holds = |values: &[String], wanted: &str| values.iter().any(|value| value == "*" || value == wanted);
        let resources =
            self.resources.iter().any(|pattern| matches!(pattern.as_str(), "*" | "*/*") || pattern == resource);
        holds(&self.api_groups, group)
            && holds(&self.api_versions, version)
            && holds(&self.operations, operation)
            && resources
            && self.scope != "Cluster"
    }
}

impl ServiceReference {
    /// The name in the certificate that the API server asks for.
    #[must_use]
    pub fn server_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }
}

impl std::fmt::Display for ServiceReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.name, self.port.unwrap_or(443))
    }
}
