//! PL703.

use super::{annotation, finding};
use crate::exception::TRANSITION_UNTIL;
use crate::finding::Finding;
use crate::object::ObjectKey;
use crate::quote;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// The end of a transition is no RFC 3339 time.
    ///
    /// ## What breaks
    ///
    /// The write is refused: it would declare nothing although it means to. An object that carries the annotation already stays
    /// writable, until a write needs the transition.
    ///
    /// ## Why
    ///
    /// `plumbline.dev/transition-until` is a point in time, with date, time of day, seconds and zone: `2026-06-01T12:30:00Z` or
    /// `2026-06-01T14:30:00+02:00`. It is no duration, since an object does not say when it was written.
    ///
    /// ## How to fix
    ///
    /// Write the time out: `date -u -d '+30 min' +%Y-%m-%dT%H:%M:%SZ` prints one.
    ///
    /// ## Example
    ///
    /// It is noon on 1 June 2026. This gives PL703:
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/transition: narrow-hosts
    ///     plumbline.dev/transition-until: half past noon
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
    ///     plumbline.dev/transition-until: "2026-06-01T14:30:00+02:00"
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models"]
    /// ```
    pub(in crate::rules) TIME = 703 "transition-time" {
        summary: "The end of a transition is no RFC 3339 time",
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

pub(super) fn malformed(changed: &ObjectKey, time: &str, example: &str) -> Finding {
    let message = format!("{TRANSITION_UNTIL} is {}, which is no RFC 3339 time", quote::quoted(time));
    let remedy = format!("write date, time, seconds and zone, as in {example}");
    finding(&TIME, annotation(changed, TRANSITION_UNTIL), &quote::quoted(time), message, [remedy])
}
