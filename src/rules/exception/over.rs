//! PL704.

use crate::exception::{Remark, TRANSITION_UNTIL, Transition};
use crate::rules::declare::declare_rule;

declare_rule! {
    /// The declared transition is over.
    ///
    /// ## What breaks
    ///
    /// A write that cuts requests is refused as if it declared nothing. Any other passes, with a warning where it brings the
    /// declaration: every transition is over one day, and an object that self-healing, a rollback or a restore creates again still
    /// carries it.
    ///
    /// ## Why
    ///
    /// `plumbline.dev/transition-until` is not after the time at which the write arrived.
    ///
    /// ## How to fix
    ///
    /// Declare the transition again with a later time, or take both annotations away.
    ///
    /// ## Example
    ///
    /// It is noon on 1 June 2026. This gives PL704:
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/transition: narrow-hosts
    ///     plumbline.dev/transition-until: "2026-06-01T11:30:00Z"
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/transition: narrow-hosts
    ///     plumbline.dev/transition-until: "2026-06-01T12:30:00Z"
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models"]
    /// ```
    pub(in crate::rules) OVER = 704 "transition-over" {
        summary: "The declared transition is over",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["metadata.annotations"],
            KnativeServing: ["metadata.annotations"],
            IstioGateway: ["metadata.annotations"],
            Service: ["metadata.annotations"],
        },
    }
}

/// Remarks that a transition is over.
pub(crate) fn over(transition: &Transition) -> Remark {
    let text = format!(
        "transition {} on it ended at {}; to declare it again, set a later {TRANSITION_UNTIL}",
        transition.name, transition.until
    );
    Remark { code: OVER.code, text }
}
