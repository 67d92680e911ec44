//! Configuration that is gone.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// A ConfigMap without which a controller cannot work does not exist.
    ///
    /// ## What breaks
    ///
    /// Without `inferenceservice-config` every reconciliation of KServe fails, and its webhook refuses every InferenceService.
    /// Without `config-istio` net-istio exits when it next starts, and no Knative service is reconciled any more.
    ///
    /// ## Why
    ///
    /// Both controllers read their ConfigMap by name from their own namespace and have no built-in configuration to fall back
    /// on. For `config-istio` it need not hold any data: an empty one means the gateways that Knative ships.
    ///
    /// With the Knative operator, deleting a KnativeServing, or switching `spec.ingress.istio` off, deletes `config-istio` and
    /// the shipped Gateways with it.
    ///
    /// ## How to fix
    ///
    /// Change a ConfigMap in place; uninstall KServe and Knative before their configuration.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// # kubectl delete
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// ```
    ///
    /// An empty one is as good as the shipped one:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data: {}
    /// ```
    pub(in crate::rules) CONFIG_MISSING = 20 "config-missing" {
        summary: "A ConfigMap without which a controller cannot work does not exist",
        severity: Error,
        hops: [Name, Entry, KnativeRoute, Readiness],
        reads: {
            ConfigMap: ["metadata.name"],
            KnativeServing: ["spec.ingress"],
        },
    }
}
