//! What could have been meant: objects that exist and would carry the request.

use std::sync::Arc;

use super::case::Case;
use crate::data_plane::endpoints::{Caller, Endpoints, connect};
use crate::data_plane::host;
use crate::data_plane::listener::{BoundServer, GatewayPods, Listener};
use crate::model::Object;
use crate::model::istio_config::GatewayEntry;
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::model::service::{NO_PORT_TRANSLATION_LABEL, Service};
use crate::model::workload::Pods;
use crate::object::{Kind, ObjectKey};
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
        let public = if self.is_external() { Vec::new() } else { self.public_gateways() };
        let suits = |bound: &&BoundServer| {
            carries(bound, &unrouted.host, &unrouted.namespace) && !public.contains(&bound.gateway.key)
        };
        for bound in servers.iter().filter(suits) {
            if !gateways.iter().any(|known| known.key == bound.gateway.key) {
                gateways.push(bound.gateway.clone());
            }
        }
        gateways.sort_by_key(|gateway| distance(&gateway.key.name, wanted));
        gateways
    }

    /// The Gateways that are open to the outside: routes for the inside do not belong there.
    fn public_gateways(&self) -> Vec<ObjectKey> {
        let ingress =
            self.walker.configuration.kserve().map(|kserve| GatewayRef::resolve(&kserve.ingress_gateway.value, ""));
        let external = self.walker.configuration.istio().map(|istio| istio.external.as_slice()).unwrap_or_default();
        ingress.iter().chain(external.iter().map(|entry| &entry.gateway)).map(key_of).collect()
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

    /// Whether everybody who uses a Gateway comes to it by one Service, so that moving it there moves nobody else away.
    pub(super) fn is_used_by_way_of(&self, gateway: &ObjectKey, service: &ObjectKey) -> bool {
        let mut uses = self.uses().into_iter().filter(|(used, _)| used == gateway);
        let is_public = !self.is_external() && self.public_gateways().contains(gateway);
        !is_public && uses.all(|(_, host)| self.is_host_of(service, &host))
    }

    /// Whether everybody who comes by a Service looks for one Gateway behind it, so that leading it there cuts nobody off.
    pub(super) fn leads_only_to(&self, service: &ObjectKey, gateway: &ObjectKey) -> bool {
        let mut uses = self.uses().into_iter().filter(|(_, host)| self.is_host_of(service, host));
        uses.all(|(used, _)| used == *gateway)
    }

    /// The Gateways that the configuration names for requests inside the cluster, each with the host that leads to it.
    fn uses(&self) -> Vec<(ObjectKey, String)> {
        let mut uses = Vec::new();
        let kserve = self.walker.configuration.kserve().filter(|kserve| !kserve.disable_virtual_host.value);
        if let Some(kserve) = kserve {
            let local = GatewayRef::resolve(&kserve.local_gateway.value, "");
            uses.push((key_of(&local), kserve.local_gateway_service.value.clone()));
        }
        let local = self.walker.configuration.istio().map(|istio| istio.local.as_slice()).unwrap_or_default();
        for entry in local {
            uses.push((key_of(&entry.gateway), entry.service.clone()));
            uses.extend(
                kserve.map(|kserve| (key_of(&entry.gateway), kserve.knative_local_gateway_service.value.clone())),
            );
        }
        uses
    }

    /// Whether KServe forwards to this Service, or to none.
    pub(super) fn is_destination(&self, service: &ObjectKey) -> bool {
        self.walker.configuration.kserve().is_none_or(|kserve| {
            kserve.disable_virtual_host.value || self.is_host_of(service, &kserve.knative_local_gateway_service.value)
        })
    }

    /// Whether a host names this Service.
    pub(super) fn is_host_of(&self, service: &ObjectKey, host: &str) -> bool {
        host.strip_suffix('.').unwrap_or(host) == self.host_of(service)
    }

    /// The Service through which the request came, where a Gateway would carry the route but for its label that keeps istiod
    /// from translating ports.
    pub(super) fn untranslating(&self, gateway: &IstioGateway, unrouted: &Unrouted) -> Option<Arc<Service>> {
        let key = &unrouted.service;
        let service = self.view().service(&key.namespace, &key.name).present()?;
        let mut tried = Service::clone(&service);
        tried.meta.labels.remove(NO_PORT_TRANSLATION_LABEL)?;
        let view = self.view().fork().with(key.clone(), Some(Object::Service(Arc::new(tried))));
        self.carries_in(&view, &gateway.key, unrouted).then_some(service)
    }

    /// Whether a Gateway, changed, would carry the route where it is missing.
    pub(super) fn would_carry(&self, changed: IstioGateway, unrouted: &Unrouted) -> bool {
        let key = changed.key.clone();
        let view = self.view().fork().with(key.clone(), Some(Object::IstioGateway(Arc::new(changed))));
        self.carries_in(&view, &key, unrouted)
    }

    fn carries_in(&self, view: &View<'_>, key: &ObjectKey, unrouted: &Unrouted) -> bool {
        let on_pods = GatewayPods::of(view, &unrouted.pods, self.facts().scope_gateways_to_namespace).present();
        let Some(Listener::Http { servers, .. }) = on_pods.map(|on_pods| on_pods.listener(unrouted.port)) else {
            return false;
        };
        servers.iter().any(|bound| bound.gateway.key == *key && carries(bound, &unrouted.host, &unrouted.namespace))
    }

    /// The Gateways on some pods.
    pub(super) fn gateways_on(&self, pods: &Pods) -> Option<GatewayPods<'_>> {
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
            self.would_carry(tried, unrouted)
        })
    }
}

/// Whether a Service's port 80 leads to a plaintext listener of a Gateway, on all of its pods.
pub(super) fn leads_to(view: &View<'_>, facts: &ClusterFacts, service: &Arc<Service>, gateway: &IstioGateway) -> bool {
    let Endpoints::Pods { pods, .. } = connect(view, service, HTTP_PORT, Caller::Client) else { return false };
    pods.iter().all(|(pods, port)| {
        let on_pods = GatewayPods::of(view, pods, facts.scope_gateways_to_namespace).present();
        let Some(Listener::Http { servers, .. }) = on_pods.map(|on_pods| on_pods.listener(*port)) else { return false };
        servers.iter().any(|bound| bound.gateway.key == gateway.key && !bound.server().redirects())
    })
}

/// The host of a Service that leads to a Gateway.
pub(super) fn host_before(view: &View<'_>, facts: &ClusterFacts, gateway: &IstioGateway) -> Option<String> {
    let services = view.services_selecting(&gateway.selector);
    let found = services.iter().find(|service| leads_to(view, facts, service, gateway))?;
    Some(facts.service_host(&found.key.name, &found.key.namespace))
}

fn key_of(gateway: &GatewayRef) -> ObjectKey {
    ObjectKey::new(Kind::IstioGateway, gateway.namespace.as_str(), gateway.name.as_str())
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
