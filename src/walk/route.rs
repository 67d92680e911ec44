//! A request at gateway pods: the listener, and the virtual host that takes it.

use std::sync::Arc;

use super::{Break, Candidate, Cause, End, Hop, Mismatch, Passed, Step, Unrouted, Walker};
use crate::data_plane::endpoints::{Caller, Endpoints, connect};
use crate::data_plane::host;
use crate::data_plane::listener::{BoundServer, GatewayPods, Listener};
use crate::model::istio_gateway::{IstioGateway, Protocol};
use crate::model::names::GatewayRef;
use crate::model::service::Service;
use crate::model::workload::Pods;
use crate::object::{FieldPath, ObjectKey, Site};
use crate::view::Lookup;

/// A route of a VirtualService, for one Host.
pub(super) struct Route {
    /// The namespace of the VirtualService.
    pub(super) namespace: Arc<str>,
    /// The Host.
    pub(super) host: String,
    /// The Gateways that the route's match names, each with the field that names it.
    pub(super) gateways: Vec<(GatewayRef, Site)>,
    /// How many of them, from the first, are meant to carry it; the others might by accident.
    pub(super) meant: usize,
    /// Every Gateway that the VirtualService is bound to, for redirects: they act on a virtual host, not on a match.
    pub(super) bound: Vec<GatewayRef>,
    /// The hop of the listener and that of the route.
    pub(super) hops: (Hop, Hop),
    /// Whether the client speaks TLS.
    pub(super) tls: bool,
    /// The field that brought the request here, for a break without a better one.
    pub(super) site: Site,
}

/// What one kind of pods does with a request.
type Carried = Result<(BoundServer, usize), End>;

impl Walker<'_, '_> {
    /// Connects to a Service's port and follows the route on every kind of pods behind it.
    pub(super) fn through(
        &self,
        service: &Arc<Service>,
        number: u16,
        hop: Hop,
        route: &Route,
        passed: &mut Vec<Passed>,
    ) -> Result<(), End> {
        let caller = if hop == Hop::Destination { Caller::Gateway } else { Caller::Client };
        let (pods, port_index) = match connect(self.view, service, number, caller) {
            Endpoints::Pods { pods, port, .. } => (pods, port),
            Endpoints::Unknown(why) => return Err(End::Unknown { hop, why }),
            Endpoints::NoPort(service) => {
                let site = service.key.site(FieldPath::of("spec.ports"));
                return Err(broken(hop, Cause::PortMissing { service, port: number }, site));
            }
            // The name was resolved before, so only pods can be missing.
            _ => {
                let site = service.key.site(FieldPath::of("spec.selector"));
                return Err(broken(hop, Cause::NoPods { service: service.clone(), port: number }, site));
            }
        };
        let port_path = FieldPath::of("spec.ports").index(port_index).key("targetPort");
        passed.push(Passed {
            hop,
            step: Step::Service {
                service: service.key.clone(),
                port: number,
                target: pods[0].1,
                pods: pods[0].0.example.clone(),
            },
            sites: vec![service.key.site(FieldPath::of("spec.selector")), service.key.site(port_path)],
        });
        let outcomes: Vec<Carried> = pods.iter().map(|(pods, port)| self.carry(pods, *port, service, route)).collect();
        let (bound, host_index) = worst(outcomes)?;
        let gateway = &bound.gateway;
        let server_path = IstioGateway::server_path(bound.index);
        let number_site = gateway.key.site(server_path.clone().key("port").key("number"));
        let mut listener_sites = vec![gateway.key.site(FieldPath::of("spec.selector")), number_site];
        if let Some(translator) = &bound.translated_by {
            listener_sites.push(translator.key.site(FieldPath::of("spec.ports")));
        }
        passed.push(Passed {
            hop: route.hops.0,
            step: Step::Listener { port: bound.port, gateway: gateway.key.clone() },
            sites: listener_sites,
        });
        let named = route.gateways.iter().find(|(reference, _)| is_named(reference, gateway));
        let mut route_sites: Vec<_> = named.map(|(_, site)| site.clone()).into_iter().collect();
        route_sites.push(gateway.key.site(server_path.key("hosts").index(host_index)));
        passed.push(Passed {
            hop: route.hops.1,
            step: Step::Route {
                host: route.host.clone(),
                gateway: gateway.key.clone(),
                server_host: bound.server().hosts[host_index].to_string(),
            },
            sites: route_sites,
        });
        Ok(())
    }

    /// What one kind of pods does with the request.
    pub(super) fn carry(&self, pods: &Pods, port: u16, service: &Arc<Service>, route: &Route) -> Carried {
        let hop = route.hops.0;
        let on_pods = match GatewayPods::of(self.view, pods, self.facts.scope_gateways_to_namespace) {
            Lookup::Present(on_pods) => on_pods,
            Lookup::Absent => return Err(End::Unknown { hop, why: "no Gateway can be read".to_owned() }),
            Lookup::Unknown(why) => return Err(End::Unknown { hop, why: why.to_string() }),
        };
        let listener = on_pods.listener(port);
        let unrouted = || self.unrouted(&on_pods, &listener, pods, port, service, route);
        let unrouted_at = |hop: Hop, cause: fn(Unrouted) -> Cause| {
            self.unprovable(route).unwrap_or_else(|| {
                let unrouted = unrouted();
                let site = unrouted.decisive_site(route);
                broken(hop, cause(unrouted), site)
            })
        };
        if route.tls {
            if matches!(listener, Listener::Closed | Listener::NotHttp { open: false, .. }) {
                return Err(unrouted_at(hop, Cause::NoListener));
            }
            let met = on_pods.server_for_name(port, &route.host);
            if let Some(met) = &met {
                self.note(&met.gateway);
            }
            let is_meant =
                |bound: &BoundServer| route.gateways.iter().any(|(gateway, _)| is_named(gateway, &bound.gateway));
            return self
                .carrier(met.into_iter().filter(is_meant), route)
                .ok_or_else(|| unrouted_at(route.hops.1, Cause::NoVirtualHost));
        }
        match &listener {
            // A server without HTTP opens nothing here, but keeps others from the port.
            Listener::Closed | Listener::NotHttp { open: false, .. } => Err(unrouted_at(hop, Cause::NoListener)),
            // Whoever arrived in plaintext until now, a gateway that forwards included, does not any more.
            Listener::NotHttp { istio_mutual: true, by, .. }
                if !self.view.takes_plaintext_from(&by.gateway, by.index) =>
            {
                let why = format!("{} serves ISTIO_MUTUAL here, which only the mesh can use", by.gateway.key);
                Err(End::Unknown { hop, why })
            }
            Listener::NotHttp { by, .. } => Err(self.unprovable(route).unwrap_or_else(|| {
                self.note(&by.gateway);
                let cause = Cause::NotHttp { by: by.gateway.clone(), server: by.index, unrouted: unrouted() };
                broken(hop, cause, by.gateway.key.site(IstioGateway::server_path(by.index).key("port").key("protocol")))
            })),
            Listener::Http { servers, .. } => {
                if let Some(opener) = servers.first() {
                    self.note(&opener.gateway);
                }
                let named = route.gateways.iter().map(|(gateway, _)| gateway);
                let named: Vec<_> =
                    named.filter_map(|gateway| on_pods.gateway(&gateway.namespace, &gateway.name)).collect();
                let carrier = self.carrier(among(servers, &named), route);
                if let Some(redirecting) = self.redirecting(&on_pods, servers, route) {
                    self.note(&redirecting.gateway);
                    let (by, server) = (redirecting.gateway.clone(), redirecting.index);
                    let path = IstioGateway::server_path(server).key("tls").key("httpsRedirect");
                    let site = by.key.site(path);
                    return Err(broken(route.hops.1, Cause::Redirect { by, server, host: route.host.clone() }, site));
                }
                carrier.ok_or_else(|| unrouted_at(route.hops.1, Cause::NoVirtualHost))
            }
        }
    }

    /// The first server that carries the route, of those that its Gateways have here, and which of its hosts does.
    fn carrier(&self, mut servers: impl Iterator<Item = BoundServer>, route: &Route) -> Option<(BoundServer, usize)> {
        let found = servers.find_map(|bound| {
            let own = &bound.gateway.key.namespace;
            let hosts = bound.server().hosts.iter();
            let index =
                hosts.enumerate().find(|(_, pattern)| host::covers(pattern, own, &route.host, &route.namespace))?.0;
            Some((bound, index))
        })?;
        self.note(&found.0.gateway);
        Some(found)
    }

    /// The first server here that redirects the request.
    fn redirecting(&self, on_pods: &GatewayPods<'_>, servers: &[BoundServer], route: &Route) -> Option<BoundServer> {
        let mut able = self.view.gateways_redirecting(&route.host);
        able.extend(route.bound.iter().filter_map(|gateway| on_pods.gateway(&gateway.namespace, &gateway.name)));
        among(servers, &able).find(|bound| route.is_redirected_by(bound))
    }

    /// A Gateway that the route names and that cannot be read, or whose servers only the mesh can use, might carry it.
    fn unprovable(&self, route: &Route) -> Option<End> {
        route.gateways.iter().find_map(|(reference, _)| {
            match self.view.gateway(&reference.namespace, &reference.name) {
                Lookup::Unknown(why) => {
                    Some(End::Unknown { hop: route.hops.1, why: format!("Gateway {reference}: {why}") })
                }
                Lookup::Present(_) | Lookup::Absent => None,
            }
        })
    }

    fn unrouted(
        &self,
        on_pods: &GatewayPods,
        listener: &Listener,
        pods: &Pods,
        port: u16,
        service: &Arc<Service>,
        route: &Route,
    ) -> Unrouted {
        let candidates = route.gateways.iter().take(route.meant).map(|(reference, site)| Candidate {
            gateway: reference.clone(),
            site: site.clone(),
            mismatch: self.mismatch(on_pods, listener, port, reference, route),
        });
        Unrouted {
            host: route.host.clone(),
            namespace: route.namespace.clone(),
            pods: pods.clone(),
            port,
            service: service.key.clone(),
            candidates: candidates.collect(),
        }
    }

    fn mismatch(
        &self,
        on_pods: &GatewayPods,
        listener: &Listener,
        port: u16,
        reference: &GatewayRef,
        route: &Route,
    ) -> Mismatch {
        let Lookup::Present(gateway) = self.view.gateway(&reference.namespace, &reference.name) else {
            return Mismatch::Missing;
        };
        let servers: Vec<_> = on_pods.servers_of(&reference.namespace, &reference.name).collect();
        if servers.is_empty() {
            return Mismatch::OtherPods(gateway);
        }
        let here: Vec<_> = servers.iter().filter(|bound| bound.port == port).collect();
        let Some(first) = here.first() else {
            let ports = servers.iter().map(|bound| (bound.server().number, bound.port)).collect();
            return Mismatch::OtherPort { gateway, ports };
        };
        let plain = |bound: &&&BoundServer| bound.server().protocol == Protocol::Http;
        let taken_by = |bound: &BoundServer| taken_by(listener, bound);
        let Some(http) = here.iter().filter(plain).min_by_key(|bound| taken_by(bound).is_some()) else {
            return Mismatch::NotHttp { gateway, server: first.index };
        };
        if let Some(winner) = taken_by(http) {
            let (winner, taken_by) = (winner.gateway.clone(), winner.index);
            return Mismatch::Dropped { gateway, server: http.index, winner, taken_by };
        }
        let own = &gateway.key.namespace;
        let kept_out = here.iter().find(|bound| {
            let hosts = &bound.server().hosts;
            hosts.iter().any(|pattern| host::covers_but_for_namespace(pattern, own, &route.host, &route.namespace))
        });
        match kept_out {
            Some(bound) => Mismatch::NamespaceKeptOut { server: bound.index, gateway },
            None => Mismatch::HostsNotCovered { server: http.index, gateway },
        }
    }

    /// Remembers that a verdict rests on a Gateway that was found by its selector.
    fn note(&self, gateway: &IstioGateway) {
        self.view.gateway(&gateway.key.namespace, &gateway.key.name);
    }
}

impl Route {
    /// Whether a plain request for the Host is redirected by this server: when the VirtualService is bound to its Gateway
    /// and its hosts cover the Host, or when it lists the very Host (istio `pilot/pkg/networking/core/gateway.go`).
    fn is_redirected_by(&self, bound: &BoundServer) -> bool {
        let server = bound.server();
        let own = &bound.gateway.key.namespace;
        server.redirects()
            && ((self.bound.iter().any(|gateway| is_named(gateway, &bound.gateway))
                && server.hosts.iter().any(|pattern| host::covers(pattern, own, &self.host, &self.namespace)))
                || server.hosts.iter().any(|pattern| host::qualified(pattern, own).eq_ignore_ascii_case(&self.host)))
    }
}

impl Unrouted {
    fn decisive_site(&self, route: &Route) -> Site {
        self.candidates.first().map_or_else(|| route.site.clone(), Candidate::decisive_site)
    }
}

impl Candidate {
    /// The field to look at first: the Gateway's where there is one, else the one that names it.
    #[must_use]
    pub fn decisive_site(&self) -> Site {
        let at = |key: &ObjectKey, server: usize, field: &str| key.site(IstioGateway::server_path(server).key(field));
        match &self.mismatch {
            Mismatch::Missing => self.site.clone(),
            Mismatch::OtherPods(gateway) => gateway.key.site(FieldPath::of("spec.selector")),
            Mismatch::OtherPort { gateway, .. } => at(&gateway.key, 0, "port"),
            Mismatch::Dropped { gateway, server, .. } | Mismatch::NotHttp { gateway, server } => {
                at(&gateway.key, *server, "port")
            }
            Mismatch::HostsNotCovered { gateway, server } | Mismatch::NamespaceKeptOut { gateway, server } => {
                at(&gateway.key, *server, "hosts")
            }
        }
    }
}

/// The server that keeps another one from a port.
fn taken_by<'l>(listener: &'l Listener, bound: &BoundServer) -> Option<&'l BoundServer> {
    let is_it = |other: &BoundServer| other.gateway.key == bound.gateway.key && other.index == bound.index;
    match listener {
        Listener::Http { servers, dropped } if dropped.iter().any(is_it) => servers.first(),
        Listener::NotHttp { by, dropped, .. } if dropped.iter().any(is_it) => Some(by),
        // Envoy refuses a port that two servers want for the same address.
        Listener::NotHttp { by, dropped, open: false, .. } if is_it(by) => dropped.first(),
        Listener::Http { .. } | Listener::NotHttp { .. } | Listener::Closed => None,
    }
}

/// The servers of some Gateways. There may be a thousand others, so these are told apart by their address alone.
fn among(servers: &[BoundServer], gateways: &[&Arc<IstioGateway>]) -> impl Iterator<Item = BoundServer> {
    servers.iter().filter(|bound| gateways.iter().any(|gateway| Arc::ptr_eq(gateway, &bound.gateway))).cloned()
}

fn is_named(reference: &GatewayRef, gateway: &IstioGateway) -> bool {
    reference.namespace == *gateway.key.namespace && reference.name == *gateway.key.name
}

/// A total break; [`worst`] finds out whether it is partial.
pub(super) fn broken(hop: Hop, cause: Cause, site: Site) -> End {
    End::Broken(Box::new(Break { hop, cause, site, partial: false }))
}

/// What a client sees of pods that differ: it arrives for certain only where every kind of pods carries it.
fn worst(outcomes: Vec<Carried>) -> Carried {
    let all = outcomes.len();
    let failing = outcomes.iter().filter(|outcome| matches!(outcome, Err(End::Broken(_)))).count();
    let mut carried = None;
    let mut unknown = None;
    for outcome in outcomes {
        match outcome {
            Err(End::Broken(mut found)) => {
                found.partial = failing < all;
                return Err(End::Broken(found));
            }
            Err(other) => unknown = unknown.or(Some(other)),
            Ok(found) => carried = carried.or(Some(found)),
        }
    }
    match (unknown, carried) {
        (None, Some(found)) => Ok(found),
        (Some(end), _) => Err(end),
        // A Service without pods never comes here.
        (None, None) => Err(End::NotMade),
    }
}
