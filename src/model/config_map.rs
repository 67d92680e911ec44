//! `ConfigMaps`: only those that a controller of the walk reads, and only the keys it reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Meta;
use crate::object::{FieldPath, ObjectKey};

/// KServe's configuration (kserve `pkg/constants/constants.go`).
pub const INFERENCE_SERVICE_CONFIG: &str = "inferenceservice-config";
/// net-istio's configuration.
pub const CONFIG_ISTIO: &str = "config-istio";
/// Knative's domains.
pub const CONFIG_DOMAIN: &str = "config-domain";
/// Knative's networking: ingress class and domain template.
pub const CONFIG_NETWORK: &str = "config-network";

/// The key of `inferenceservice-config` for explainers; KServe does nothing where it does not parse.
pub const EXPLAINERS: &str = "explainers";
/// The key for what KServe copies to all components; the same holds for it.
pub const COMPONENTS: &str = "inferenceService";

/// The key that Knative's controllers never read (knative.dev/pkg `configmap.ExampleKey`).
const EXAMPLE_KEY: &str = "_example";

/// A ConfigMap's deciding data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMap {
    /// Metadata.
    pub meta: Meta,
    /// The values that a controller reads, by key.
    pub data: BTreeMap<String, Arc<str>>,
}

impl ConfigMap {
    pub(super) fn new(key: &ObjectKey, mut meta: Meta, data: BTreeMap<String, Option<Arc<str>>>) -> Self {
        let data = data
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .filter(|(name, _)| is_read(&key.name, name))
            .collect();
        // Labels of a ConfigMap decide nothing.
        meta.labels.clear();
        Self { meta, data }
    }

    /// The path of a key.
    #[must_use]
    pub fn path(key: &str) -> FieldPath {
        FieldPath::of("data").key(key)
    }
}

/// Whether plumbline knows a controller that reads `ConfigMaps` of this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    matches!(name, INFERENCE_SERVICE_CONFIG | CONFIG_ISTIO | CONFIG_DOMAIN | CONFIG_NETWORK)
}

fn is_read(config_map: &str, key: &str) -> bool {
    match config_map {
        INFERENCE_SERVICE_CONFIG => matches!(key, "ingress" | "deploy" | EXPLAINERS | COMPONENTS),
        // KServe takes every key of config-domain for a domain, `_example` too, when it looks for the part of a host
        // that additional domains share; no host ends in `_example`, so dropping it changes nothing.
        CONFIG_ISTIO | CONFIG_DOMAIN | CONFIG_NETWORK => key != EXAMPLE_KEY,
        _ => false,
    }
}
