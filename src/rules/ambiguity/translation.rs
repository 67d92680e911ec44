//! PL601.

use std::sync::Arc;

use super::{Place, explain_new};
use crate::finding::Finding;
use crate::model::service::{NO_PORT_TRANSLATION_LABEL, Service};
use crate::object::FieldPath;
use crate::rules::case::{Explanation, object};
use crate::rules::declare::declare_rule;
use crate::rules::remedy;

declare_rule! {
    /// Two Services translate one Gateway port differently for the same pods.
    ///
    /// ## What breaks
    ///
    /// Nothing while both exist. When the older Service is deleted, or deleted and created again, the Gateway's listener moves
    /// to the other Service's target port, and every request through it fails.
    ///
    /// ## Why
    ///
    /// istiod translates a server's port number through the *oldest* Service that selects the pods, has a port of that number,
    /// and does not carry the label `experimental.istio.io/disable-gateway-port-translation`. A second Service with another
    /// `targetPort` is ignored for as long as it is the younger one. Knative puts that label on `knative-local-gateway` for
    /// this reason.
    ///
    /// ## How to fix
    ///
    /// Put the label on the Service that should not translate; its presence counts, whatever its value.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: ml-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http, port: 80, targetPort: 8081}]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: ml-gateway
    ///   namespace: istio-system
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http, port: 80, targetPort: 8081}]
    /// ```
    pub(in crate::rules) TRANSLATION = 601 "translation-ambiguous" {
        summary: "Two Services translate one Gateway port differently for the same pods",
        severity: Warning,
        hops: [],
        reads: {
            Service: ["spec.selector", "spec.ports", "metadata.labels", "metadata.creationTimestamp"],
            IstioGateway: ["spec.servers[].port.number"],
        },
    }
}

/// A number that a Service translates to a port, and another Service to another one.
type Conflict<'a> = (u16, (&'a Arc<Service>, u16), (&'a Arc<Service>, u16));

pub(super) fn conflicts(place: &Place<'_>, was: Option<&Place<'_>>) -> Vec<Finding> {
    let identity = |(number, winner, other): &Conflict<'_>| (*number, Arc::as_ptr(winner.0), Arc::as_ptr(other.0));
    let before = was.map(all).unwrap_or_default();
    explain_new(&all(place), &before, identity, |(number, winner, other)| finding(place, *number, *winner, *other))
}

fn all<'a>(place: &'a Place<'_>) -> Vec<Conflict<'a>> {
    let mut translating = place.walker.view.services_on(&place.pods).present().unwrap_or_default();
    translating.retain(|service| !service.disables_port_translation());
    let mut conflicts = Vec::new();
    for (number, port, winner) in place.on_pods.translations() {
        for other in translating.iter().filter(|other| other.key != winner.key) {
            let target = other.tcp_port(number).and_then(|(_, port)| place.pods.target_of(port));
            let target = target.filter(|target| *target != port);
            conflicts.extend(target.map(|target| (number, (winner, port), (*other, target))));
        }
    }
    conflicts
}

fn finding(place: &Place<'_>, number: u16, winner: (&Arc<Service>, u16), other: (&Arc<Service>, u16)) -> Finding {
    let message = format!(
        "{} and {} both translate port {number} of the same gateway pods, to {} and {}: the older one decides",
        object(&winner.0.key),
        object(&other.0.key),
        winner.1,
        other.1
    );
    let ports = FieldPath::of("spec.ports");
    let label = FieldPath::of("metadata.labels").key(NO_PORT_TRANSLATION_LABEL);
    let text = format!("set {label} of {} to \"true\", so that it translates nothing", object(&other.0.key));
    Explanation::new(&TRANSLATION, message, other.0.key.site(ports.clone()), format!("{number} to {}", other.1))
        .and(winner.0.key.site(ports), format!("{number} to {}; older, so it decides", winner.1))
        .remedy(remedy::by_hand(&other.0.key, text))
        .into_finding(
            place.walker.view,
            place.walker.facts,
            None,
            ("ambiguity", "nothing, until the older Service goes and the listener moves"),
        )
}
