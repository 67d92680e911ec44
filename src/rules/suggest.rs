//! What could have been meant: objects that exist and would carry the request.

use std::sync::Arc;

use super::case::Case;
use crate::data_plane::endpoints::{Endpoints, connect};
use crate::data_plane::host;
use crate::data_plane::listener::{BoundServer, GatewayPods, Listener};
use crate::model::istio_config::GatewayEntry;
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::model::service::Service;
use crate::model::workload::Pods;
use crate::view::{Lookup, View};
use crate::walk::{ClusterFacts, Hop, Unrouted};

/// The port that KServe's destinations and plain clients use.
const HTTP_PORT: u16 = 80;

impl Case<'_> {
    /// The Gateway that the request should meet behind the Service at which it breaks.
    pub(super) fn expected_gateway(&self) -> Option<Arc<IstioGateway>> {
        let kserve = self.walker.configuration.kserve()?;
        let default = |entries: &[GatewayEntry]| {
            entries.iter().find(|entry| entry.selector.is_none()).map(|entry| entry.gateway.clone())
        };
        let istio = self.walker.configuration.istio();
        // A bare name means the VirtualService's own namespace; no Gateway of a shared configuration is found so.
        let resolve = |name: &str| Some(GatewayRef::resolve(name, ""));
        let reference = match self.broken.hop {
            Hop::Name | Hop::Service | Hop::Listener | Hop::Route
                if self.broken.site.object == self.facts().istio_config()
                    || self.leading().is_some_and(|site| site.object == self.facts().istio_config()) =>
            {
                let named = self.entry_at(&self.broken.site).or_else(|| self.entry_at(self.leading()?));
                named.map(|entry| entry.gateway.clone()).or_else(|| default(&istio?.local))
            }
            Hop::Name | Hop::Service | Hop::Listener | Hop::Route => resolve(&kserve.local_gateway.value),
            Hop::Entry | Hop::ExternalRoute if kserve.disable_virtual_host.value => default(&istio?.external),
            Hop::Entry | Hop::ExternalRoute => resolve(&kserve.ingress_gateway.value),
            Hop::Destination | Hop::KnativeListener | Hop::KnativeRoute | Hop::Readiness => default(&istio?.local),
        }?;
        self.view().gateway(&reference.namespace, &reference.name).present()
    }

    /// The Gateways that would carry the route on the very listener where it is missing, the most alike name first.
    pub(super) fn carrying_gateways(&self, unrouted: &Unrouted, wanted: &str) -> Vec<Arc<IstioGateway>> {
        let Some(on_pods) = self.gateways_on(&unrouted.pods) else { return Vec::new() };
        let Listener::Http { servers, .. } = on_pods.listener(unrouted.port) else { return Vec::new() };
        let mut gateways: Vec<Arc<IstioGateway>> = Vec::new();
        for bound in servers.iter().filter(|bound| carries(bound, &unrouted.host, &unrouted.namespace)) {
            if !gateways.iter().any(|known| known.key == bound.gateway.key) {
                gateways.push(bound.gateway.clone());
            }
        }
        gateways.sort_by_key(|gateway| distance(&gateway.key.name, wanted));
        gateways
    }

    /// The Services whose port 80 leads to a plaintext listener of a Gateway, the most alike name first.
    pub(super) fn services_before(&self, gateway: &IstioGateway, wanted: &str) -> Vec<Arc<Service>> {
        let mut services = self.view().services_selecting(&gateway.selector);
        services.retain(|service| self.leads_to(service, gateway));
        services.sort_by_key(|service| distance(&service.key.name, wanted));
        services
    }

    /// The Service of a namespace whose name is almost the one that is wanted.
    pub(super) fn service_like(&self, namespace: &str, wanted: &str) -> Option<Arc<Service>> {
        let services = self.view().services_in(namespace).present()?;
        let mut alike: Vec<_> = services
            .into_iter()
            .map(|service| (distance(&service.key.name, wanted), service))
            .filter(|(distance, _)| *distance <= wanted.chars().count() / 4 + 1)
            .collect();
        alike.sort_by_key(|(distance, _)| *distance);
        alike.into_iter().next().map(|(_, service)| service)
    }

    /// The Gateways on some pods.
    pub(super) fn gateways_on(&self, pods: &Pods) -> Option<GatewayPods> {
        GatewayPods::of(self.view(), pods, self.facts().scope_gateways_to_namespace).present()
    }

    /// Whether a Service's port 80 leads to a plaintext listener of a Gateway.
    pub(super) fn leads_to(&self, service: &Arc<Service>, gateway: &IstioGateway) -> bool {
        leads_to(self.view(), self.facts(), service, gateway)
    }

    /// The number to write in a Gateway's server so that it listens on a given port of the pods: tried, not computed, since
    /// the Services in front of the pods translate it.
    pub(super) fn number_for(&self, gateway: &IstioGateway, server: usize, unrouted: &Unrouted) -> Option<u16> {
        let services = match self.view().services_in(&unrouted.pods.namespace) {
            Lookup::Present(services) => services,
            Lookup::Absent | Lookup::Unknown(_) => Vec::new(),
        };
        let numbers = services.iter().flat_map(|service| service.ports.iter().map(|port| port.port));
        std::iter::once(unrouted.port).chain(numbers).find(|number| {
            let mut tried = gateway.clone();
            let Some(changed) = tried.servers.get_mut(server) else { return false };
            changed.number = *number;
            let key = tried.key.clone();
            let view = self.view().fork().with(key, Some(crate::model::Object::IstioGateway(Arc::new(tried))));
            let on_pods = GatewayPods::of(&view, &unrouted.pods, self.facts().scope_gateways_to_namespace).present();
            on_pods.is_some_and(|on_pods| {
                on_pods
                    .servers_of(&gateway.key.namespace, &gateway.key.name)
                    .any(|bound| bound.index == server && bound.port == unrouted.port)
            })
        })
    }
}

/// Whether a Service's port 80 leads to a plaintext listener of a Gateway, on all of its pods.
pub(super) fn leads_to(view: &View<'_>, facts: &ClusterFacts, service: &Arc<Service>, gateway: &IstioGateway) -> bool {
    let Endpoints::Pods { pods, .. } = connect(view, service, HTTP_PORT) else { return false };
    pods.iter().all(|(pods, port)| {
        let on_pods = GatewayPods::of(view, pods, facts.scope_gateways_to_namespace).present();
        let Some(Listener::Http { servers, .. }) = on_pods.map(|on_pods| on_pods.listener(*port)) else { return false };
        servers.iter().any(|bound| bound.gateway.key == gateway.key && !bound.server().redirects())
    })
}

/// Whether a server takes a route for a Host.
fn carries(bound: &BoundServer, name: &str, namespace: &str) -> bool {
    let own = &bound.gateway.key.namespace;
    let server = bound.server();
    !server.redirects() && server.hosts.iter().any(|pattern| host::covers(pattern, own, name, namespace))
}

/// How many characters differ (Levenshtein's distance).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn a_typo_is_near() {
        assert_eq!(distance("knative-local-gateway", "knative-local-gatewayx"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("same", "same"), 0);
    }
}
