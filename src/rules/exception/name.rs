//! PL702.

use super::{annotation, finding};
use crate::exception::TRANSITION;
use crate::finding::Finding;
use crate::object::ObjectKey;
use crate::quote;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// The name of a transition is malformed.
    ///
    /// ## What breaks
    ///
    /// The write is refused: it would declare nothing although it means to. An object that carries the annotation already stays
    /// writable, until a write needs the transition.
    ///
    /// ## Why
    ///
    /// The name ties the objects of one change together, stands in messages and audit entries, and may be listed in a Role's
    /// `resourceNames`. It is written as the value of a label: letters, digits, `-`, `_` and `.`, at most 63 of them, with a letter or
    /// digit at both ends.
    ///
    /// ## How to fix
    ///
    /// Choose such a name, the same on every object of the change.
    ///
    /// ## Example
    ///
    /// It is noon on 1 June 2026. This gives PL702:
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/transition: "narrow the hosts!"
    ///     plumbline.dev/transition-until: "2026-06-01T12:30:00Z"
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
    pub(in crate::rules) NAME = 702 "transition-name" {
        summary: "The name of a transition is malformed",
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

pub(super) fn malformed(changed: &ObjectKey, name: &str) -> Finding {
    let message = if name.is_empty() {
        format!("{TRANSITION} is empty: a transition has a name")
    } else {
        format!("{TRANSITION} is {}, which is no name for a transition", quote::quoted(name))
    };
    let remedy = "use letters, digits, '-', '_' and '.', at most 63, with a letter or digit at both ends, as in move-to-custom-gateway";
    finding(&NAME, annotation(changed, TRANSITION), &quote::quoted(name), message, [remedy.to_owned()])
}
