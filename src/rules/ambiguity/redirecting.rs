//! PL603.

use super::Place;
use crate::data_plane::host;
use crate::data_plane::listener::{BoundServer, Listener};
use crate::finding::Finding;
use crate::model::istio_gateway::IstioGateway;
use crate::rules::case::{Explanation, hosts, object};
use crate::rules::declare::declare_rule;
use crate::rules::remedy::{self, Patch};

declare_rule! {
    /// A Gateway that redirects to HTTPS shares a listener, and hosts, with one that does not.
    ///
    /// ## What breaks
    ///
    /// Nothing while no route is bound to both. As soon as one is, its hosts are redirected for clients of either Gateway
    /// (PL113): KServe and Knative bind each of their routes to two Gateways or more.
    ///
    /// ## Why
    ///
    /// `httpsRedirect` belongs to a virtual host of the listener, and the listener is one for all Gateways on that port. A
    /// redirecting server acts on the routes bound to its Gateway, and on any host that it lists letter by letter.
    ///
    /// ## How to fix
    ///
    /// Keep redirecting servers on a port of their own, or on hosts of their own.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: web, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     tls: {httpsRedirect: true}
    ///     hosts: ["*.example.com"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: web, namespace: istio-system}
    /// spec:
    ///   selector: {istio: custom-local-gateway}
    ///   servers:
    ///   - port: {number: 8082, name: http, protocol: HTTP}
    ///     tls: {httpsRedirect: true}
    ///     hosts: ["*.example.com"]
    /// ```
    pub(in crate::rules) REDIRECTING_NEIGHBOUR = 603 "redirecting-neighbour" {
        summary: "A Gateway that redirects to HTTPS shares a listener, and hosts, with one that does not",
        severity: Warning,
        hops: [],
        reads: {
            IstioGateway: ["spec.selector", "spec.servers[].port", "spec.servers[].hosts", "spec.servers[].tls"],
        },
    }
}

pub(super) fn neighbours(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for port in place.on_pods.ports() {
        let Listener::Http { servers, .. } = place.on_pods.listener(port) else { continue };
        for redirecting in servers.iter().filter(|bound| bound.server().redirects()) {
            let neighbour = servers.iter().find(|bound| {
                bound.gateway.key != redirecting.gateway.key
                    && !bound.server().redirects()
                    && overlap(bound, redirecting)
            });
            findings.extend(neighbour.map(|neighbour| finding(place, port, redirecting, neighbour)));
        }
    }
    findings
}

/// Whether a host of one server covers a host of the other.
fn overlap(a: &BoundServer, b: &BoundServer) -> bool {
    let patterns = |bound: &BoundServer| -> Vec<String> {
        let own = &bound.gateway.key.namespace;
        bound.server().hosts.iter().map(|pattern| host::split(pattern, own).1.to_owned()).collect()
    };
    let (left, right) = (patterns(a), patterns(b));
    left.iter().any(|left| right.iter().any(|right| host::matches(left, right) || host::matches(right, left)))
}

fn finding(place: &Place<'_>, port: u16, redirecting: &BoundServer, neighbour: &BoundServer) -> Finding {
    let path = |bound: &BoundServer| IstioGateway::server_path(bound.index);
    let message = format!(
        "{} redirects to https on port {port} of pods that {} serves on the same port, for overlapping hosts",
        object(&redirecting.gateway.key),
        object(&neighbour.gateway.key)
    );
    let tls = redirecting.gateway.key.site(path(redirecting).key("tls"));
    let say = |field: &str| format!("remove {field}, or move that server to a port of its own");
    let site = redirecting.gateway.key.site(path(redirecting).key("tls").key("httpsRedirect"));
    let removal =
        remedy::change_at(place.walker.view, place.walker.facts, &tls, say, |path| Patch::default().remove(path));
    Explanation::new(&REDIRECTING_NEIGHBOUR, message, site, "true")
        .and(neighbour.gateway.key.site(path(neighbour).key("hosts")), hosts(neighbour.server()))
        .remedy(removal)
        .into_finding(
            place.walker.view,
            place.walker.facts,
            None,
            ("ambiguity", "nothing, until a route is bound to both Gateways"),
        )
}
