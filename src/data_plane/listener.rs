//! What a gateway pod listens on (istio `pilot/pkg/model/gateway.go` `mergeGateways`, `resolvePorts`).

mod merge;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::data_plane::host;
use crate::model::Labels;
use crate::model::istio_gateway::{IstioGateway, Server};
use crate::model::service::Service;
use crate::model::workload::Pods;
use crate::view::{Lookup, Place, View};
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
        servers: Arc<[BoundServer]>,
        /// Servers on the same port that were dropped, silently, for their protocol.
        dropped: Arc<[BoundServer]>,
    },
    /// TLS, or bytes without HTTP: a plain request ends here.
    NotHttp {
        /// The server that opened it.
        by: BoundServer,
        /// HTTP servers on the same port that were dropped for it.
        dropped: Arc<[BoundServer]>,
        /// Whether a server here is `ISTIO_MUTUAL`: the mesh may reach it, a plain client not.
        istio_mutual: bool,
        /// Whether the port is open at all: istiod opens none for a server without HTTP, since KServe and Knative give it no
        /// TCP or TLS routes, and Envoy refuses one whose servers cannot be told apart.
        open: bool,
    },
}

impl Listener {
    /// Whether this is the very listener that was worked out before, so that nothing of it can differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Closed, Self::Closed) => true,
            (Self::Http { servers, .. }, Self::Http { servers: others, .. }) => Arc::ptr_eq(servers, others),
            (Self::NotHttp { by, dropped, .. }, Self::NotHttp { by: opener, dropped: others, .. }) => {
                Arc::ptr_eq(&by.gateway, &opener.gateway) && Arc::ptr_eq(dropped, others)
            }
            _ => false,
        }
    }
}

/// The Gateways on some pods, and how the Services in front of these translate their ports.
#[derive(Clone, Debug)]
pub struct GatewayPods<'v> {
    view: &'v View<'v>,
    namespace: Arc<str>,
    labels: Labels,
    scope_to_namespace: bool,
    translations: Vec<Translation<'v>>,
}

/// The port on some pods that the number of a server means.
#[derive(Clone, Copy, Debug)]
struct Translation<'v> {
    number: u16,
    port: u16,
    by: &'v Arc<Service>,
}

impl<'v> GatewayPods<'v> {
    /// Finds the Gateways whose selector finds the pods and translates their ports.
    pub fn of(view: &'v View<'v>, pods: &Pods, scope_to_namespace: bool) -> Lookup<Self> {
        if let Some(why) = view.gateways_unread() {
            return Lookup::Unknown(why);
        }
        let translations = match view.services_on(pods) {
            Lookup::Present(services) => translations(services, pods),
            Lookup::Absent => Vec::new(),
            Lookup::Unknown(why) => return Lookup::Unknown(why),
        };
        let (namespace, labels) = (pods.namespace.clone(), pods.labels.clone());
        Lookup::Present(Self { view, namespace, labels, scope_to_namespace, translations })
    }

    /// Every port on the pods that a server means.
    #[must_use]
    pub fn ports(&self) -> BTreeSet<u16> {
        let numbers = self.view.server_numbers_on(&self.labels).into_iter();
        numbers.map(|number| self.translation(number).map_or(number, |translation| translation.port)).collect()
    }

    /// What stands on a port.
    #[must_use]
    pub fn listener(&self, port: u16) -> Listener {
        let numbers = self.numbers_of(port);
        let place = Place {
            namespace: self.namespace.clone(),
            labels: self.labels.clone(),
            scoped: self.scope_to_namespace,
            port,
        };
        self.view.listener(place, &numbers, || Merged::of(self.servers_numbered(&numbers).iter()).listener())
    }

    /// Every server that means a port, whatever istiod makes of it.
    #[must_use]
    pub fn servers_at(&self, port: u16) -> Vec<BoundServer> {
        self.servers_numbered(&self.numbers_of(port))
    }

    /// The server whose filter chain takes a TLS connection for a host: Envoy goes by the longest server name that covers it.
    #[must_use]
    pub fn server_for_name(&self, port: u16, name: &str) -> Option<BoundServer> {
        let length = |bound: &BoundServer| {
            let hosts = bound.server().hosts.iter().map(|pattern| host::split(pattern, "").1);
            // With a lone wildcard among its hosts a chain matches no server name, but whatever no other one does.
            let is_any = hosts.clone().any(|pattern| pattern == "*");
            let weight = |pattern: &str| match pattern {
                _ if is_any => 1,
                whole if whole == name => usize::MAX,
                wildcard => wildcard.len(),
            };
            hosts.filter(|pattern| host::matches(pattern, name)).map(weight).max()
        };
        let servers = Merged::of(self.servers_at(port).iter()).ending_tls();
        let covering = servers.into_iter().filter_map(|bound| Some((length(&bound)?, bound)));
        covering.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, bound)| bound)
    }

    /// The numbers that mean a port.
    fn numbers_of(&self, port: u16) -> Vec<u16> {
        let translated = self.translations.iter().filter(|it| it.port == port).map(|it| it.number);
        translated.chain(self.translation(port).is_none().then_some(port)).collect()
    }

    fn servers_numbered(&self, numbers: &[u16]) -> Vec<BoundServer> {
        let placed = self.view.servers_on(&self.labels, numbers).into_iter();
        let placed = placed.filter(|placed| self.is_in_scope(placed.gateway));
        placed.map(|placed| self.bound(placed.gateway, placed.index, placed.number)).collect()
    }

    /// The numbers of servers that a Service translates, each with the port on the pods.
    pub fn translations(&self) -> impl Iterator<Item = (u16, u16, &'v Arc<Service>)> {
        let numbers = self.view.server_numbers_on(&self.labels);
        let translations = self.translations.clone().into_iter().filter(move |it| numbers.contains(&it.number));
        translations.map(|translation| (translation.number, translation.port, translation.by))
    }

    /// A Gateway, where it is on the pods.
    #[must_use]
    pub fn gateway(&self, namespace: &str, name: &str) -> Option<&'v Arc<IstioGateway>> {
        self.view.gateway_on(&self.labels, namespace, name).filter(|gateway| self.is_in_scope(gateway))
    }

    /// The servers of one Gateway.
    pub fn servers_of(&self, namespace: &str, name: &str) -> impl Iterator<Item = BoundServer> {
        self.gateway(namespace, name).into_iter().flat_map(move |gateway| {
            let servers = gateway.servers.iter().enumerate();
            servers.map(move |(index, server)| self.bound(gateway, index, server.number))
        })
    }

    fn bound(&self, gateway: &Arc<IstioGateway>, index: usize, number: u16) -> BoundServer {
        let (port, translated_by) =
            self.translation(number).map_or((number, None), |translation| (translation.port, Some(translation.by)));
        BoundServer { gateway: gateway.clone(), index, port, translated_by: translated_by.cloned() }
    }

    fn is_in_scope(&self, gateway: &IstioGateway) -> bool {
        !self.scope_to_namespace || gateway.key.namespace == self.namespace
    }

    fn translation(&self, number: u16) -> Option<&Translation<'v>> {
        self.translations.iter().find(|translation| translation.number == number)
    }
}

/// How the Services that lead to these pods and do not opt out translate their ports: the oldest first, then by host name; of
/// each number the first counts.
fn translations<'v>(mut services: Vec<&'v Arc<Service>>, pods: &Pods) -> Vec<Translation<'v>> {
    services.retain(|service| !service.disables_port_translation());
    services.sort_by(|a, b| {
        let age = |service: &Service| service.meta.created.unwrap_or(i64::MAX);
        (age(a), &a.key.name).cmp(&(age(b), &b.key.name))
    });
    let mut translations: Vec<Translation<'v>> = Vec::new();
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
            if !translations.iter().any(|known| known.number == port.port) {
                translations.push(Translation { number: port.port, port: target, by: service });
            }
        }
    }
    translations
}
