//! `config-istio`: what net-istio refuses.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// A gateway list of `config-istio` does not parse.
    ///
    /// ## What breaks
    ///
    /// Nothing at once, which is the trap: a running net-istio logs an error and keeps the gateways that it read before. When
    /// its pod restarts, it exits with a fatal error, and Knative stops reconciling every ingress of the cluster.
    ///
    /// ## Why
    ///
    /// `external-gateways` and `local-gateways` hold YAML lists *as text*: the `|` after the key matters, and so does the
    /// indentation of what follows. The value must be a list, even for one gateway.
    ///
    /// net-istio's own webhook refuses such a value too, where it is installed and the ConfigMap carries Knative's labels.
    ///
    /// ## How to fix
    ///
    /// Start each entry with a hyphen and align its fields.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     name: knative-local-gateway
    ///     namespace: knative-serving
    ///     service: knative-local-gateway.istio-system.svc.cluster.local
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     # Flow style, a comment and an unknown field are all fine.
    ///     [{name: knative-local-gateway, namespace: knative-serving, owner: ml-platform,
    ///       service: knative-local-gateway.istio-system.svc.cluster.local}]
    /// ```
    pub(in crate::rules) KNATIVE_GATEWAY_LIST = 10 "knative-gateway-list" {
        summary: "A gateway list of config-istio does not parse",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.external-gateways", "data.local-gateways"],
            KnativeServing: ["spec.config.istio"],
        },
    }
}

declare_rule! {
    /// `config-istio` holds gateways in the old format and in the new one.
    ///
    /// ## What breaks
    ///
    /// As for PL010: a running net-istio ignores the change, a restarted one exits.
    ///
    /// ## Why
    ///
    /// The old format names a gateway in the key (`local-gateway.knative-serving.knative-local-gateway`), the new one lists them
    /// (`local-gateways`). Since Knative 1.14 the two must not stand side by side, not even one for external and the other for
    /// local gateways. With the operator it happens easily: new keys in `spec.config.istio` are laid *over* the ConfigMap, and
    /// an old key that somebody once added by hand survives there.
    ///
    /// ## How to fix
    ///
    /// Remove the old keys in the same write that adds the new ones.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   gateway.knative-serving.knative-ingress-gateway: istio-ingressgateway.istio-system.svc.cluster.local
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   gateway.knative-serving.knative-ingress-gateway: istio-ingressgateway.istio-system.svc.cluster.local
    ///   local-gateway.knative-serving.knative-local-gateway: knative-local-gateway.istio-system.svc.cluster.local
    /// ```
    pub(in crate::rules) KNATIVE_BOTH_FORMATS = 11 "knative-both-formats" {
        summary: "config-istio holds gateways in the old format and in the new one",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data"],
            KnativeServing: ["spec.config.istio"],
        },
    }
}

declare_rule! {
    /// An entry of a gateway list lacks a field, or has a malformed one.
    ///
    /// ## What breaks
    ///
    /// As for PL010: a running net-istio ignores the change, a restarted one exits.
    ///
    /// ## Why
    ///
    /// Each entry needs `name`, `namespace` and `service`; the service is a DNS name in lower case, without a port (a dot at
    /// its end is allowed). `labelSelector` is optional and must be a valid Kubernetes selector. Names of fields may be in any
    /// case, unknown fields are ignored, so a misspelt `services:` shows as a missing `service`.
    ///
    /// ## How to fix
    ///
    /// Complete the entry.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local:80
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local
    /// ```
    pub(in crate::rules) KNATIVE_GATEWAY_ENTRY = 12 "knative-gateway-entry" {
        summary: "An entry of a gateway list lacks a field, or has a malformed one",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.external-gateways", "data.local-gateways"],
            KnativeServing: ["spec.config.istio"],
        },
    }
}

declare_rule! {
    /// A gateway list has no default entry, or more than one.
    ///
    /// ## What breaks
    ///
    /// As for PL010: a running net-istio ignores the change, a restarted one exits.
    ///
    /// ## Why
    ///
    /// An entry with a `labelSelector` serves the Knative services that it matches; one without serves all others. A list that
    /// is not empty needs exactly one of the latter. `labelSelector: {}` *is* a selector (it matches everything) and does not
    /// count as the default; `labelSelector: null` is none.
    ///
    /// ## How to fix
    ///
    /// Leave exactly one entry without `labelSelector`.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local
    ///       labelSelector: {}
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local
    ///       labelSelector:
    /// ```
    pub(in crate::rules) KNATIVE_DEFAULT_GATEWAY = 13 "knative-default-gateway" {
        summary: "A gateway list has no default entry, or more than one",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.external-gateways", "data.local-gateways"],
            KnativeServing: ["spec.config.istio"],
        },
    }
}
