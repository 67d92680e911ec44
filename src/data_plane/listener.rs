//! What a gateway pod listens on (istio `pilot/pkg/model/gateway.go` `mergeGateways`, `resolvePorts`).

use std::sync::Arc;

use crate::model::istio_gateway::{IstioGateway, Protocol, Server};
use crate::model::service::Service;
use crate::model::workload::Pods;
use crate::view::{Lookup, View};

/// A server of a Gateway that selects the pods, with the port it listens on there.
#[derive(Clone, Debug)]
pub struct BoundServer {
    /// The Gateway.
    pub gateway: Arc<IstioGateway>,
    /// The server's place in `spec.servers`.
    pub index: usize,
    /// The port on the pods.
    pub port: u16,
    /// The Service that translated the server's port number, where one did.
    pub translated_by: Option<Arc<Service>>,
}

impl BoundServer {
    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.gateway.servers[self.index]
    }
}

/// What stands on one port of gateway pods, for a connection to the pods' own address.
#[derive(Clone, Debug)]
pub enum Listener {
    /// Nothing.
    Closed,
    /// Plaintext HTTP.
    Http {
        /// The servers merged on it, the one that opened it first.
        servers: Vec<BoundServer>,
        /// Servers on the same port that were dropped, silently, for their protocol.
        dropped: Vec<BoundServer>,
    },
    /// TLS, or bytes without HTTP: a plain request ends here.
    NotHttp {
        /// The server that opened it.
        by: BoundServer,
        /// HTTP servers on the same port that were dropped for it.
        dropped: Vec<BoundServer>,
        /// Whether every server here is `ISTIO_MUTUAL`: the mesh may reach it, a plain client not.
        istio_mutual: bool,
    },
}

/// The Gateways on some pods, their ports translated.
#[derive(Clone, Debug)]
pub struct GatewayPods {
    servers: Vec<BoundServer>,
}

impl GatewayPods {
    /// Finds the Gateways whose selector finds the pods and translates their ports.
    pub fn of(view: &View<'_>, pods: &Pods, scope_to_namespace: bool) -> Lookup<Self> {
        let gateways = match view.gateways_for(&pods.labels) {
            Lookup::Present(gateways) => gateways,
            Lookup::Absent => Vec::new(),
            Lookup::Unknown(why) => return Lookup::Unknown(why),
        };
        let services = match view.services_in(&pods.namespace) {
            Lookup::Present(services) => translating_services(services, pods),
            Lookup::Absent => Vec::new(),
            Lookup::Unknown(why) => return Lookup::Unknown(why),
        };
        let in_scope = |gateway: &Arc<IstioGateway>| !scope_to_namespace || gateway.key.namespace == pods.namespace;
        let servers = gateways.into_iter().filter(in_scope).flat_map(|gateway| {
            let count = gateway.servers.len();
            let services = &services;
            (0..count).map(move |index| {
                let (port, translated_by) = translate(gateway.servers[index].number, services, pods);
                BoundServer { gateway: gateway.clone(), index, port, translated_by }
            })
        });
        Lookup::Present(Self { servers: servers.collect() })
    }

    /// Every server on the pods.
    #[must_use]
    pub fn servers(&self) -> &[BoundServer] {
        &self.servers
    }

    /// What stands on a port.
    #[must_use]
    pub fn listener(&self, port: u16) -> Listener {
        let mut http: Vec<BoundServer> = Vec::new();
        let mut opaque: Option<BoundServer> = None;
        let mut tls: Vec<BoundServer> = Vec::new();
        let mut dropped = Vec::new();
        for bound in self.servers.iter().filter(|bound| bound.port == port && is_wildcard_bind(&bound.server().bind)) {
            let server = bound.server();
            let taken = !http.is_empty() || opaque.is_some();
            if server.is_tls() {
                // TLS beside an older plaintext listener is dropped; an older TLS listener keeps its filter chains.
                if taken { dropped.push(bound.clone()) } else { tls.push(bound.clone()) }
            } else if server.protocol == Protocol::Http {
                if opaque.is_some() { dropped.push(bound.clone()) } else { http.push(bound.clone()) }
            } else if taken {
                dropped.push(bound.clone());
            } else {
                opaque = Some(bound.clone());
            }
        }
        if !http.is_empty() {
            return Listener::Http { servers: http, dropped };
        }
        let istio_mutual = tls.iter().any(|bound| bound.server().tls.is_some_and(|tls| tls.istio_mutual));
        match opaque.or_else(|| tls.into_iter().next()) {
            Some(by) => Listener::NotHttp { by, dropped, istio_mutual },
            None => Listener::Closed,
        }
    }

    /// The servers of one Gateway.
    pub fn servers_of<'s>(&'s self, namespace: &'s str, name: &'s str) -> impl Iterator<Item = &'s BoundServer> {
        self.servers
            .iter()
            .filter(move |bound| *bound.gateway.key.namespace == *namespace && *bound.gateway.key.name == *name)
    }
}

/// Whether a server's `bind` leaves it on the pods' own address.
fn is_wildcard_bind(bind: &str) -> bool {
    matches!(bind, "" | "0.0.0.0" | "::" | "[::]")
}

/// The Services that translate ports for these pods: those that select them and do not opt out, oldest first, then by
/// host name.
fn translating_services(services: Vec<Arc<Service>>, pods: &Pods) -> Vec<Arc<Service>> {
    let mut services: Vec<_> = services
        .into_iter()
        .filter(|service| service.selects_pods() && crate::model::selects(&service.selector, &pods.labels))
        .filter(|service| !service.disables_port_translation())
        .collect();
    services.sort_by(|a, b| {
        let age = |service: &Service| service.meta.created.unwrap_or(i64::MAX);
        (age(a), &a.key.name).cmp(&(age(b), &b.key.name))
    });
    services
}

fn translate(number: u16, services: &[Arc<Service>], pods: &Pods) -> (u16, Option<Arc<Service>>) {
    for service in services {
        let targets = service.ports.iter().filter(|port| port.port == number);
        if let Some(target) = targets.filter_map(|port| pods.resolve(&port.target)).next() {
            return (target, Some(service.clone()));
        }
    }
    (number, None)
}
