//! PL701.

use super::{annotation, finding};
use crate::finding::Finding;
use crate::object::ObjectKey;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// One of the two annotations of a transition is missing.
    ///
    /// ## What breaks
    ///
    /// The write is refused: it would declare nothing although it means to. An object that carries half a declaration already stays
    /// writable, until a write needs the transition.
    ///
    /// ## Why
    ///
    /// A transition has a name, `plumbline.dev/transition`, and an end, `plumbline.dev/transition-until`. Neither has a default.
    ///
    /// ## How to fix
    ///
    /// Write both, or neither.
    ///
    /// ## Example
    ///
    /// It is noon on 1 June 2026. This gives PL701:
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/transition: narrow-hosts
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
    pub(in crate::rules) INCOMPLETE = 701 "transition-incomplete" {
        summary: "One of the two annotations of a transition is missing",
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

pub(super) fn missing(changed: &ObjectKey, missing: &str, present: &str, example: &str) -> Finding {
    let message = format!("the object declares a transition by {present}, and has no {missing}");
    let remedies =
        [format!("add the annotation {missing}, such as {example}"), format!("remove the annotation {present}")];
    finding(&INCOMPLETE, annotation(changed, present), "set", message, remedies)
}
