//! PL704.

use super::{annotation, finding};
use crate::exception::{Remark, TRANSITION_UNTIL, Transition};
use crate::finding::{Finding, Severity};
use crate::object::ObjectKey;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// The declared transition is over.
    ///
    /// ## What breaks
    ///
    /// A write that cuts requests is refused as if it declared nothing. Any other passes, with a warning where it brings the
    /// declaration: every transition is over one day, and an object that self-healing, a rollback or a restore creates again still
    /// carries it. The audit makes an error of it where requests still fail that it would have excepted.
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

/// Tells of a transition whose time is over: an error where something is still broken that it would have excepted.
pub(crate) fn overdue(object: &ObjectKey, transition: &Transition, broken: &[&Finding]) -> Finding {
    let site = annotation(object, TRANSITION_UNTIL);
    let (name, until) = (&transition.name, transition.until);
    let (severity, message, text) = if broken.is_empty() {
        let message = format!("transition {name} ended at {until}, and nothing is broken");
        (Severity::Note, message, "take both annotations away".to_owned())
    } else {
        let codes = super::codes(broken);
        let message = format!("transition {name} ended at {until}, and requests still fail by {codes}");
        (OVER.severity, message, "write the rest of the change, or go back; then take both annotations away".to_owned())
    };
    Finding {
        severity,
        symptom: "what it excepted is an error again",
        ..finding(&OVER, site, &until.to_string(), message, [text])
    }
}
