//! KServe's JSON: whether it reads at all.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// A value of `inferenceservice-config` is not the JSON that KServe reads.
    ///
    /// ## What breaks
    ///
    /// KServe reads the ConfigMap at every reconciliation. From this write on each of them fails: nothing new becomes Ready,
    /// nothing that is changed or repaired reaches its routes. Running routes stay as they are until something needs them
    /// changed. When the controller restarts, it exits at once and goes on doing so.
    ///
    /// ## Why
    ///
    /// The keys `ingress`, `deploy`, `explainers` and `inferenceService` hold JSON, as text, which Kubernetes does not look
    /// into. KServe reads it with Go's `encoding/json`: no comments, no comma after the last entry, nothing behind the
    /// closing brace. (The ConfigMap's own `_example` has comments; it is never read.) More than people expect is allowed:
    /// keys in any case, unknown keys, a key twice (the last counts), any white space, `\u` escapes. The word `null` in place
    /// of the object makes KServe panic.
    ///
    /// ## How to fix
    ///
    /// Try the value before you apply it: `jq . <<< "$value"`.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com",
    ///     }
    /// ```
    ///
    /// Odd, and legal:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {"INGRESSGATEWAY": "knative-serving/knative-ingress-gateway", "comment": "the team's own",
    ///      "localGateway": "wrong", "localGateway": "knative-serving/knative-local-gateway",
    ///      "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.loc\u0061l"}
    /// ```
    pub(in crate::rules) KSERVE_JSON = 1 "kserve-json" {
        summary: "A value of inferenceservice-config is not the JSON that KServe reads",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.ingress", "data.deploy", "data.explainers", "data.inferenceService"],
        },
    }
}

declare_rule! {
    /// A field of `inferenceservice-config` has another type than KServe reads.
    ///
    /// ## What breaks
    ///
    /// As for PL001: every reconciliation of KServe fails until the value is corrected.
    ///
    /// ## Why
    ///
    /// The JSON is decoded into a Go struct whose fields have types, and Go converts nothing: `"true"` is a string and no
    /// boolean, `80` is no string, and a single domain is no list. A `null` is taken as "not set" and does no harm. Templating
    /// tools that quote every value are the usual source.
    ///
    /// ## How to fix
    ///
    /// Write `true` and `false` without quotes, names with them, and `additionalIngressDomains` as a list.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "disableIstioVirtualHost": "false"
    ///     }
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "disableIstioVirtualHost": null,
    ///       "someFutureSetting": "false"
    ///     }
    /// ```
    pub(in crate::rules) KSERVE_TYPE = 2 "kserve-type" {
        summary: "A field of inferenceservice-config has another type than KServe reads",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.ingress", "data.deploy"],
        },
    }
}

declare_rule! {
    /// A field that KServe requires is missing or empty.
    ///
    /// ## What breaks
    ///
    /// As for PL001: every reconciliation of KServe fails until the field is there.
    ///
    /// ## Why
    ///
    /// KServe checks a few fields after reading the JSON: `ingressGateway` always, whether or not anything uses it (even with
    /// `disableIstioVirtualHost` or the Gateway API); `ingressService` up to release 0.13; `kserveIngressGateway` with
    /// `enableGatewayApi`; `ingressDomain` with `pathTemplate`; and `defaultDeploymentMode` where `deploy` exists at all.
    /// The short snippet `{"disableIstioVirtualHost": true}` of many guides fails on the first of these.
    ///
    /// ## How to fix
    ///
    /// Give the field its value; change one field of the JSON rather than replacing the whole text.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {"disableIstioVirtualHost": true}
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {"disableIstioVirtualHost": true, "ingressGateway": "knative-serving/knative-ingress-gateway"}
    /// ```
    pub(in crate::rules) KSERVE_REQUIRED = 3 "kserve-required" {
        summary: "A field that KServe requires is missing or empty",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.ingress", "data.deploy"],
        },
    }
}
