//! PL603.

use std::collections::BTreeMap;

use super::{Place, explain_new, identity};
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

pub(super) fn neighbours(place: &Place<'_>, was: Option<&Place<'_>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (port, now, before) in place.changed_listeners(was) {
        let pair = |(redirecting, neighbour): &(BoundServer, BoundServer)| (identity(redirecting), identity(neighbour));
        findings.extend(explain_new(&pairs(&now), &pairs(&before), pair, |(redirecting, neighbour)| {
            finding(place, port, redirecting, neighbour)
        }));
    }
    findings
}

/// Each redirecting server of a listener with the first other one that serves a host of it.
fn pairs(listener: &Listener) -> Vec<(BoundServer, BoundServer)> {
    let Listener::Http { servers, .. } = listener else { return Vec::new() };
    let (redirecting, serving): (Vec<_>, Vec<_>) = servers.iter().partition(|bound| bound.server().redirects());
    let serving = Serving::of(&serving);
    let paired = redirecting.into_iter().filter_map(|bound| Some((bound.clone(), serving.neighbour(bound)?.clone())));
    paired.collect()
}

/// The hosts of servers that do not redirect: those that name one host, and those with wildcards, which are few.
#[derive(Default)]
struct Serving<'s> {
    exact: BTreeMap<&'s str, Vec<(usize, &'s BoundServer)>>,
    wildcards: Vec<(&'s str, usize, &'s BoundServer)>,
}

impl<'s> Serving<'s> {
    fn of(servers: &[&'s BoundServer]) -> Self {
        let mut serving = Self::default();
        for (place, bound) in servers.iter().enumerate() {
            for pattern in patterns(bound) {
                if pattern.starts_with('*') {
                    serving.wildcards.push((pattern, place, bound));
                } else {
                    serving.exact.entry(pattern).or_default().push((place, bound));
                }
            }
        }
        serving
    }

    /// The first server of another Gateway of which a host covers one of these, or is covered by it.
    fn neighbour(&self, redirecting: &BoundServer) -> Option<&'s BoundServer> {
        let mut found: Vec<(usize, &'s BoundServer)> = Vec::new();
        for own in patterns(redirecting) {
            let overlaps = |other: &str| host::matches(own, other) || host::matches(other, own);
            found.extend(
                self.wildcards.iter().filter(|(other, ..)| overlaps(other)).map(|(_, place, bound)| (*place, *bound)),
            );
            if own.starts_with('*') {
                found.extend(self.exact.iter().filter(|(other, _)| overlaps(other)).flat_map(|(_, servers)| servers));
            } else {
                found.extend(self.exact.get(own).into_iter().flatten());
            }
        }
        let others = found.into_iter().filter(|(_, bound)| bound.gateway.key != redirecting.gateway.key);
        others.min_by_key(|(place, _)| *place).map(|(_, bound)| bound)
    }
}

/// The hosts of a server, whoever may bind to them.
fn patterns(bound: &BoundServer) -> impl Iterator<Item = &str> {
    let own = &bound.gateway.key.namespace;
    bound.server().hosts.iter().map(move |pattern| host::split(pattern, own).1)
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
