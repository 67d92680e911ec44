//! PL705.

use super::{annotation, finding};
use crate::exception::{Moment, Policy, TRANSITION, TRANSITION_UNTIL, Transition};
use crate::finding::Finding;
use crate::object::ObjectKey;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// A transition ends later than the settings allow.
    ///
    /// ## What breaks
    ///
    /// The write is refused: it would declare nothing although it means to. An object that carries the annotation already stays
    /// writable, until a write needs the transition.
    ///
    /// ## Why
    ///
    /// A transition is a step, not a state: `--transition-max-duration` (`transition.maxDuration` in the chart, one hour by default) is
    /// the longest it may last, from the arrival of the write. A length of `0s` switches transitions off.
    ///
    /// ## How to fix
    ///
    /// Choose an earlier time and declare the transition anew where more is needed. What is meant to stay is a suppression,
    /// `plumbline.dev/allow.<code>` with its reason.
    ///
    /// ## Example
    ///
    /// It is noon on 1 June 2026. This gives PL705:
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/transition: narrow-hosts
    ///     plumbline.dev/transition-until: "2026-06-02T12:00:00Z"
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models"]
    /// ```
    ///
    /// A time within the hour is fine:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/transition: narrow-hosts
    ///     plumbline.dev/transition-until: "2026-06-01T13:00:00Z"
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models"]
    /// ```
    pub(in crate::rules) TOO_LONG = 705 "transition-too-long" {
        summary: "A transition ends later than the settings allow",
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

pub(super) fn too_far_ahead(changed: &ObjectKey, transition: &Transition, policy: &Policy, now: Moment) -> Finding {
    let Transition { name, until } = transition;
    let site = annotation(changed, TRANSITION_UNTIL);
    let longest = policy.longest;
    if longest.0 == 0 {
        let message = format!("transition {name} is declared, and transitions are switched off here");
        let remedy = format!("remove {TRANSITION} and {TRANSITION_UNTIL}, or raise --transition-max-duration");
        return finding(&TOO_LONG, site, &until.to_string(), message, [remedy]);
    }
    let message = format!("transition {name} would end at {until}, more than {longest} ahead of now ({now})");
    let remedy = format!("choose a time no later than {}", now.after(longest));
    finding(&TOO_LONG, site, &until.to_string(), message, [remedy])
}
