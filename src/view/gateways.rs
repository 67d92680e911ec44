//! Gateways by the pods that they select and the numbers of their servers, so that a thousand Gateways on the same pods
//! cost a request little more than one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::View;
use crate::model::istio_gateway::{GATEWAY_SERVICE_ANNOTATION, IstioGateway, Protocol};
use crate::model::{Labels, Object, selects};
use crate::object::{Kind, ObjectKey};

/// The place of a server among all others: the oldest Gateway first, then by its name, as istiod sorts them (istio
/// `pilot/pkg/model/push_context.go` `sortConfigByCreationTime`), and its servers in their own order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seniority {
    created: i64,
    name: Arc<str>,
    namespace: Arc<str>,
    server: usize,
}

impl Seniority {
    fn of(gateway: &IstioGateway, server: usize) -> Self {
        let ObjectKey { name, namespace, .. } = &gateway.key;
        // An object that the API server has not stored yet is the newest.
        let created = gateway.meta.created.unwrap_or(i64::MAX);
        Self { created, name: name.clone(), namespace: namespace.clone(), server }
    }
}

/// A server of a Gateway that is on some pods.
#[derive(Clone, Copy, Debug)]
pub struct PlacedServer<'v> {
    /// The Gateway.
    pub gateway: &'v Arc<IstioGateway>,
    /// The server's place in `spec.servers`.
    pub index: usize,
    /// The server's `port.number`.
    pub number: u16,
}

/// The servers of one number, oldest Gateway first.
type Ordered = BTreeMap<Seniority, Arc<IstioGateway>>;
/// The Gateways of one selector: their servers by number.
type ByNumber = BTreeMap<u16, Ordered>;

/// The Gateways of a snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct GatewayIndex {
    /// By the first pair of the selector, and the whole selector.
    by_pair: BTreeMap<(Arc<str>, Arc<str>), BTreeMap<Labels, ByNumber>>,
    /// Those whose selector is empty and so selects all pods.
    unselective: ByNumber,
}

impl GatewayIndex {
    pub(super) fn insert(&mut self, gateway: &Arc<IstioGateway>) {
        if !binds_by_selector(gateway) {
            return;
        }
        let by_number = match first_pair(&gateway.selector) {
            Some(pair) => self.by_pair.entry(pair).or_default().entry(gateway.selector.clone()).or_default(),
            None => &mut self.unselective,
        };
        for (index, server) in gateway.servers.iter().enumerate() {
            let ordered = by_number.entry(server.number).or_default();
            ordered.insert(Seniority::of(gateway, index), gateway.clone());
        }
    }

    pub(super) fn remove(&mut self, gateway: &IstioGateway) {
        let Some(pair) = first_pair(&gateway.selector) else { return take_servers(&mut self.unselective, gateway) };
        let Some(sharing) = self.by_pair.get_mut(&pair) else { return };
        let Some(by_number) = sharing.get_mut(&gateway.selector) else { return };
        take_servers(by_number, gateway);
        if by_number.is_empty() {
            sharing.remove(&gateway.selector);
        }
        if sharing.is_empty() {
            self.by_pair.remove(&pair);
        }
    }

    /// The Gateways on pods with these labels, by their selector.
    fn on<'s>(&'s self, labels: &Labels) -> impl Iterator<Item = &'s ByNumber> {
        let pairs = labels.iter().filter_map(|(label, value)| self.by_pair.get(&(label.clone(), value.clone())));
        let selecting = pairs.flatten().filter(|(selector, _)| selects(selector, labels)).map(|(_, gateways)| gateways);
        std::iter::once(&self.unselective).chain(selecting)
    }

    /// The servers with this number, on pods with these labels; each list is in order.
    fn servers<'s>(&'s self, labels: &Labels, number: u16) -> impl Iterator<Item = &'s Ordered> {
        self.on(labels).filter_map(move |gateways| gateways.get(&number))
    }
}

fn first_pair(selector: &Labels) -> Option<(Arc<str>, Arc<str>)> {
    selector.first_key_value().map(|(label, value)| (label.clone(), value.clone()))
}

fn take_servers(by_number: &mut ByNumber, gateway: &IstioGateway) {
    for (index, server) in gateway.servers.iter().enumerate() {
        if let Some(ordered) = by_number.get_mut(&server.number) {
            ordered.remove(&Seniority::of(gateway, index));
            if ordered.is_empty() {
                by_number.remove(&server.number);
            }
        }
    }
}

pub(super) fn is_on(gateway: &IstioGateway, labels: &Labels) -> bool {
    binds_by_selector(gateway) && selects(&gateway.selector, labels)
}

/// Whether a Gateway binds to the pods that its selector finds, rather than to Services.
fn binds_by_selector(gateway: &IstioGateway) -> bool {
    !gateway.meta.annotations.contains_key(GATEWAY_SERVICE_ANNOTATION)
}

impl View<'_> {
    /// Whether the change gives a server TLS that only the mesh speaks, where its Gateway has served plain HTTP.
    #[must_use]
    pub fn takes_plaintext_from(&self, gateway: &IstioGateway, server: usize) -> bool {
        let is_changed = self.overlay.get(&gateway.key).is_some_and(Option::is_some);
        let Some(server) = gateway.servers.get(server).filter(|_| is_changed) else { return false };
        let Some(Object::IstioGateway(old)) = self.before(&gateway.key) else { return false };
        let mut same_port = old.servers.iter().filter(|old| old.number == server.number);
        same_port.clone().any(|old| old.protocol == Protocol::Http)
            && same_port.all(|old| old.tls.is_none_or(|tls| !tls.istio_mutual))
    }

    /// Why the Gateways could not be read, where they could not.
    #[must_use]
    pub fn gateways_unread(&self) -> Option<Arc<str>> {
        self.base.unread(Kind::IstioGateway, "")
    }

    /// The servers with one of these numbers, of the Gateways on pods with these labels, in the order in which istiod
    /// merges them.
    #[must_use]
    pub fn servers_on(&self, labels: &Labels, numbers: &[u16]) -> Vec<PlacedServer<'_>> {
        let hidden: Vec<_> = self.overlaid_gateways().filter_map(|(key, _)| self.base.gateway(key)).collect();
        let stands = |gateway: &Arc<IstioGateway>| !hidden.iter().any(|other| Arc::ptr_eq(other, gateway));
        let mut lists = 0;
        let mut servers: Vec<(&Seniority, PlacedServer<'_>)> = Vec::new();
        for &number in numbers {
            for list in self.base.gateways.servers(labels, number) {
                lists += 1;
                let standing = list.iter().filter(|(_, gateway)| stands(gateway));
                servers.extend(standing.map(|(seniority, gateway)| {
                    (seniority, PlacedServer { gateway, index: seniority.server, number })
                }));
            }
        }
        if lists > 1 {
            servers.sort_by_key(|(seniority, _)| *seniority);
        }
        let overlaid = self.overlaid_gateways().filter_map(|(_, gateway)| gateway.filter(|it| is_on(it, labels)));
        let overlaid: Vec<_> = overlaid
            .flat_map(|gateway| gateway.servers.iter().enumerate().map(move |(index, server)| (gateway, index, server)))
            .filter(|(.., server)| numbers.contains(&server.number))
            .map(|(gateway, index, server)| {
                (Seniority::of(gateway, index), PlacedServer { gateway, index, number: server.number })
            })
            .collect();
        for (seniority, placed) in &overlaid {
            let place = servers.partition_point(|(other, _)| *other < seniority);
            servers.insert(place, (seniority, *placed));
        }
        servers.into_iter().map(|(_, placed)| placed).collect()
    }

    /// The numbers of all servers on pods with these labels.
    #[must_use]
    pub fn server_numbers_on(&self, labels: &Labels) -> BTreeSet<u16> {
        let overlaid = self.overlaid_gateways().filter_map(|(_, gateway)| gateway.filter(|it| is_on(it, labels)));
        let overlaid = overlaid.flat_map(|gateway| gateway.servers.iter().map(|server| server.number));
        self.base.gateways.on(labels).flat_map(BTreeMap::keys).copied().chain(overlaid).collect()
    }

    /// A Gateway, where it is on pods with these labels.
    #[must_use]
    pub fn gateway_on(&self, labels: &Labels, namespace: &str, name: &str) -> Option<&Arc<IstioGateway>> {
        let key = ObjectKey::new(Kind::IstioGateway, namespace, name);
        let gateway = match self.overlay.get(&key) {
            Some(Some(Object::IstioGateway(gateway))) => gateway,
            Some(_) => return None,
            None => self.base.gateway(&key)?,
        };
        is_on(gateway, labels).then_some(gateway)
    }

    fn overlaid_gateways(&self) -> impl Iterator<Item = (&ObjectKey, Option<&Arc<IstioGateway>>)> {
        self.overlay.iter().filter(|(key, _)| key.kind == Kind::IstioGateway).map(|(key, object)| match object {
            Some(Object::IstioGateway(gateway)) => (key, Some(gateway)),
            _ => (key, None),
        })
    }
}
