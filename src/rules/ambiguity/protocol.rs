//! PL602.

use super::{Place, explain_new, identity};
use crate::data_plane::listener::{BoundServer, Listener};
use crate::finding::Finding;
use crate::model::istio_gateway::IstioGateway;
use crate::rules::case::{Explanation, field, object, protocol as spoken};
use crate::rules::declare::declare_rule;
use crate::rules::remedy;

declare_rule! {
    /// Two Gateways want one port of the same pods for protocols that cannot share it.
    ///
    /// ## What breaks
    ///
    /// The newer Gateway's server does not exist on the proxy, whatever its object says. If the older one is ever deleted or
    /// created again, the two change places, and what works now breaks (PL112).
    ///
    /// ## Why
    ///
    /// A listener is plaintext HTTP, or TLS, or bytes. istiod lets the Gateway with the older `creationTimestamp` have the port
    /// and drops the other server with a line in its log.
    ///
    /// ## How to fix
    ///
    /// Give each protocol a port of its own.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: broker, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: broker, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: grpc, protocol: GRPC}
    ///     hosts: ["broker.example.com"]
    ///   - port: {number: 9092, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) PROTOCOL = 602 "protocol-ambiguous" {
        summary: "Two Gateways want one port of the same pods for protocols that cannot share it",
        severity: Warning,
        hops: [],
        reads: {
            IstioGateway: ["spec.selector", "spec.servers[].port", "metadata.creationTimestamp"],
        },
    }
}

pub(super) fn dropped(place: &Place<'_>, was: Option<&Place<'_>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (port, now, before) in place.changed_listeners(was) {
        let pair = |(winner, loser): &(BoundServer, BoundServer)| (identity(winner), identity(loser));
        findings.extend(explain_new(&losers(&now), &losers(&before), pair, |(winner, loser)| {
            finding(place, port, winner, loser)
        }));
    }
    findings
}

/// The servers that a listener does without, each with the one that holds it.
fn losers(listener: &Listener) -> Vec<(BoundServer, BoundServer)> {
    let (winner, dropped) = match listener {
        Listener::Closed => return Vec::new(),
        Listener::Http { servers, dropped } => (servers.first(), dropped),
        Listener::NotHttp { by, dropped, .. } => (Some(by), dropped),
    };
    winner.into_iter().flat_map(|winner| dropped.iter().map(|loser| (winner.clone(), loser.clone()))).collect()
}

fn finding(place: &Place<'_>, port: u16, winner: &BoundServer, loser: &BoundServer) -> Finding {
    let at = |bound: &BoundServer| bound.gateway.key.site(IstioGateway::server_path(bound.index).key("port"));
    let message = format!(
        "istiod drops server {} of {}: {} holds port {port} of the same pods with {}",
        loser.index,
        object(&loser.gateway.key),
        object(&winner.gateway.key),
        spoken(winner.server())
    );
    let text = format!("move {} to a port that no other Gateway of these pods uses", field(&at(loser)));
    Explanation::new(&PROTOCOL, message, at(loser), format!("{}, dropped", spoken(loser.server())))
        .and(at(winner), format!("{}; it was there first", spoken(winner.server())))
        .remedy(remedy::by_hand(&loser.gateway.key, text))
        .into_finding(
            place.walker.view,
            place.walker.facts,
            None,
            ("ambiguity", "the dropped server does not exist on the proxy"),
        )
}
