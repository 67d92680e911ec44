//! What a gateway pod listens on (istio `pilot/pkg/model/gateway.go` `mergeGateways`, `resolvePorts`).

mod merge;

use std::sync::Arc;

use crate::model::istio_gateway::{IstioGateway, Server};
use crate::model::service::Service;
use crate::model::workload::Pods;
use crate::view::{Lookup, View};
use merge::Merged;

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
        /// Whether a server here is `ISTIO_MUTUAL`: the mesh may reach it, a plain client not.
        istio_mutual: bool,
        /// Whether the port is open at all: istiod opens none for a server without HTTP, since KServe and Knative give it no
        /// TCP or TLS routes, and Envoy refuses one whose servers cannot be told apart.
        open: bool,
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
        Merged::of(self.servers.iter().filter(|bound| bound.port == port)).listener()
    }

    /// The servers of one Gateway.
    pub fn servers_of<'s>(&'s self, namespace: &'s str, name: &'s str) -> impl Iterator<Item = &'s BoundServer> {
        self.servers
            .iter()
            .filter(move |bound| *bound.gateway.key.namespace == *namespace && *bound.gateway.key.name == *name)
    }
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
        // Of a Service's ports that lead to one target with one protocol, istiod keeps the first only, whether UDP or TCP
        // (istio `GetProxyServiceTargetsByPod`).
        let mut seen = Vec::new();
        for port in &service.ports {
            let Some(target) = pods.target_of(port) else { continue };
            if seen.contains(&(target, port.mesh_protocol)) {
                continue;
            }
            seen.push((target, port.mesh_protocol));
            if port.port == number {
                return (target, Some(service.clone()));
            }
        }
    }
    (number, None)
}
