//! PL700.

use super::{annotation, finding, named};
use crate::exception::{Moment, Remark, TRANSITION, Transition, is_beyond_exceptions};
use crate::finding::{Finding, Severity};
use crate::object::ObjectKey;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// A declared transition lets a write through that cuts requests.
    ///
    /// ## What breaks
    ///
    /// What the warnings that follow list, until the rest of the change is made. Nothing is undone at the end of the transition: what
    /// is broken then stays so. The audit tells of it meanwhile.
    ///
    /// ## Why
    ///
    /// The object that is written declares `plumbline.dev/transition` and `plumbline.dev/transition-until`. Where no order of the
    /// writes keeps every request reached, that is how a change of several objects is made.
    ///
    /// ## How to fix
    ///
    /// Write the rest of the change before the time has come, then take both annotations away. `plumbline plan` finds an order that
    /// cuts nothing, where there is one.
    ///
    /// ## Example
    ///
    /// It is noon on 1 June 2026. This gives PL700:
    ///
    /// ```yaml bad
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
    ///
    /// One that cuts nothing needs no transition, whatever it declares:
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
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) OPEN = 700 "transition-open" {
        summary: "A declared transition lets a write through that cuts requests",
        severity: Warning,
        hops: [],
        reads: {
            ConfigMap: ["metadata.annotations"],
            KnativeServing: ["metadata.annotations"],
            IstioGateway: ["metadata.annotations"],
            Service: ["metadata.annotations"],
        },
    }
}

/// Says what keeps a transition from covering all that was found, where something does.
pub(crate) fn beyond(transition: &Transition, findings: &[Finding], now: Moment) -> Option<Remark> {
    let (beyond, within): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| is_beyond_exceptions(finding));
    if beyond.is_empty() {
        return None;
    }
    let covers = if within.is_empty() { String::new() } else { format!("would cover {}, but ", super::codes(&within)) };
    let text = format!(
        "{} {covers}cannot cover {}: no exception lets configuration through that its controller refuses",
        named(transition, now),
        super::codes(&beyond)
    );
    Some(Remark { code: OPEN.code, text })
}

/// Tells of a transition that is open, and what is broken under it so far.
pub(crate) fn open(object: &ObjectKey, transition: &Transition, broken: &[&Finding], now: Moment) -> Finding {
    let site = annotation(object, TRANSITION);
    let codes = super::codes(broken);
    let message = if broken.is_empty() {
        format!("{} is open, and nothing is broken", named(transition, now))
    } else {
        format!("{} is open, and excepts {codes}", named(transition, now))
    };
    let text = "write the rest of the change before its end, then take both annotations away".to_owned();
    Finding {
        severity: if broken.is_empty() { Severity::Note } else { OPEN.severity },
        symptom: "requests that it excepts fail until then",
        ..finding(&OPEN, site, &transition.name, message, [text])
    }
}
