//! PL706.

use super::{annotation, finding, named};
use crate::exception::{Moment, Question, Remark, TRANSITION, Transition};
use crate::finding::Finding;
use crate::object::ObjectKey;
use crate::quote;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// The user may not declare transitions in the namespace.
    ///
    /// ## What breaks
    ///
    /// The write is refused as if it declared nothing. Only a write that needs the transition is: whoever may write the object may
    /// carry the annotations along.
    ///
    /// ## Why
    ///
    /// `--transition-require-rbac` (`transition.requireRBAC` in the chart) is on, and the API server says that the user may not
    /// `declare` `transitions.plumbline.dev` in the namespace of the object. The resource is a virtual one, made for this right
    /// alone. Where the answer cannot be had (plumbline itself may not create a `SubjectAccessReview`, the API server does
    /// not answer), the write is refused too: that it cuts requests is certain, and whether it may is not.
    ///
    /// ## How to fix
    ///
    /// Grant the right to whoever makes the change; for Argo CD or Flux that is its own service account:
    ///
    /// ```yaml
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata: {name: declare-transitions, namespace: istio-system}
    /// rules:
    /// - {apiGroups: [plumbline.dev], resources: [transitions], verbs: [declare]}
    /// ```
    ///
    /// `resourceNames` restricts it to transitions of some names; `kubectl auth can-i declare transitions.plumbline.dev` asks.
    ///
    /// ## Example
    ///
    /// It is noon on 1 June 2026. This gives PL706:
    ///
    /// ```yaml bad
    /// # by a user who may not declare transitions
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
    /// Where the user may, or nobody asks, it gives another code, PL700:
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
    pub(in crate::rules) NOT_PERMITTED = 706 "transition-not-permitted" {
        summary: "The user may not declare transitions in the namespace",
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

/// Explains that a user may not declare a transition.
pub(crate) fn not_permitted(changed: &ObjectKey, question: &Question, transition: &Transition, now: Moment) -> Finding {
    let Question { namespace, .. } = question;
    let message =
        format!("{} may not declare transitions.plumbline.dev in namespace {namespace}", quote::name(question.who()));
    let remedies = [format!(
        "bind a Role in {namespace} with the rule {{apiGroups: [plumbline.dev], resources: [transitions], verbs: [declare]}}"
    )];
    let says = format!("{}, until {}", transition.name, transition.until.told_at(now));
    finding(&NOT_PERMITTED, annotation(changed, TRANSITION), &says, message, remedies)
}

/// Remarks that nobody could say whether a user may.
pub(crate) fn not_asked(question: &Question, transition: &Transition, now: Moment, why: &str) -> Remark {
    let text = format!(
        "{} does not count: whether {} may declare it could not be asked: {why}",
        named(transition, now),
        quote::name(question.who())
    );
    Remark { code: NOT_PERMITTED.code, text }
}
