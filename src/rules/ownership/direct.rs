//! PL507.

use crate::finding::Finding;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// Direct calls to Knative services would fail; nothing in the cluster is known to make any.
    ///
    /// ## What breaks
    ///
    /// Calls to `iris-predictor.models` and its longer forms. KServe itself makes them only for InferenceServices with a
    /// transformer or an explainer (for those plumbline denies); a person with curl or a program of yours may make them too.
    ///
    /// ## Why
    ///
    /// An InferenceService's URL and its Knative service's name take different ways. The URL passes KServe's route and is
    /// forwarded to `knativeLocalGatewayService`; the Knative service's name leads to the `service` of the local gateway in
    /// `config-istio`, with the short `Host` that the caller wrote. A Gateway without `*.models` serves the first and not the
    /// second.
    ///
    /// ## How to fix
    ///
    /// Cover all three forms (`*.models`, `*.models.svc`, `*.models.svc.cluster.local`), or make sure that nobody calls
    /// Knative services by name.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// # kubectl delete
    /// apiVersion: serving.kserve.io/v1beta1
    /// kind: InferenceService
    /// metadata: {name: translator, namespace: models}
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models.svc.cluster.local"]
    /// ```
    ///
    /// ```yaml good
    /// # kubectl delete
    /// apiVersion: serving.kserve.io/v1beta1
    /// kind: InferenceService
    /// metadata: {name: translator, namespace: models}
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models.svc.cluster.local", "*.models.svc", "*.models"]
    /// ```
    pub(in crate::rules) DIRECT_CALLERS = 507 "direct-callers" {
        summary: "Direct calls to Knative services would fail; nothing in the cluster is known to make any",
        severity: Warning,
        hops: [Service, KnativeListener, KnativeRoute],
        reads: {
            ConfigMap: ["data.local-gateways"],
            IstioGateway: ["spec.servers[].hosts", "spec.servers[].port", "spec.selector"],
            Service: ["spec.selector", "spec.ports"],
            InferenceService: ["spec.transformer", "spec.explainer"],
        },
    }
}

/// Turns the finding of a lost direct request into a warning, for InferenceServices of which no part makes such requests.
#[must_use]
pub fn direct_callers(finding: Finding) -> Finding {
    Finding {
        message: format!(
            "calls to Knative services by their own name would fail ({}): {}",
            finding.code, finding.message
        ),
        code: DIRECT_CALLERS.code,
        severity: DIRECT_CALLERS.severity,
        ..finding
    }
}
