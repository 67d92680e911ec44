//! Gateways by the hosts that they redirect to HTTPS.
//!
//! A redirect acts on every virtual host of its listener that has exactly one of the server's hosts, whichever Gateway the
//! route is bound to; hosts with wildcards act on the routes of their own Gateway only.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::View;
use crate::data_plane::host;
use crate::model::Object;
use crate::model::istio_gateway::{IstioGateway, Server};
use crate::object::ObjectKey;
use crate::population::Population;

/// The Gateways of a snapshot that redirect plain requests for exact hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct RedirectIndex {
    /// By host, in lower case.
    by_host: BTreeMap<Arc<str>, BTreeSet<ObjectKey>>,
    /// Hosts by the names that may stand in them.
    by_part: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Parts that were the name of an InferenceService at some time: of thousands of hosts only these tell one from others.
    names: BTreeSet<Arc<str>>,
}

impl RedirectIndex {
    pub(super) fn insert(&mut self, gateway: &IstioGateway, population: &Population) {
        for host in redirected_hosts(gateway) {
            let host: Arc<str> = host.into();
            self.by_host.entry(host.clone()).or_default().insert(gateway.key.clone());
            for part in parts_of_host(&host) {
                let part: Arc<str> = part.into();
                if population.has_name(&part) {
                    self.names.insert(part.clone());
                }
                self.by_part.entry(part).or_default().insert(host.clone());
            }
        }
    }

    /// Notes the name of an InferenceService.
    pub(super) fn note_name(&mut self, name: &Arc<str>) {
        if self.by_part.contains_key(name) {
            self.names.insert(name.clone());
        }
    }

    pub(super) fn remove(&mut self, gateway: &IstioGateway) {
        for host in redirected_hosts(gateway) {
            let Some(gateways) = self.by_host.get_mut(&*host) else { continue };
            gateways.remove(&gateway.key);
            if !gateways.is_empty() {
                continue;
            }
            self.by_host.remove(&*host);
            for part in parts_of_host(&host) {
                let Some(hosts) = self.by_part.get_mut(part) else { continue };
                hosts.remove(&*host);
                if hosts.is_empty() {
                    self.by_part.remove(part);
                    self.names.remove(part);
                }
            }
        }
    }
}

/// The hosts that a Gateway redirects whichever route they belong to, in lower case: those without wildcards, and without a
/// namespace, which is part of the name that is compared.
fn redirected_hosts(gateway: &IstioGateway) -> impl Iterator<Item = String> {
    let hosts = gateway.servers.iter().filter(|server| server.redirects()).flat_map(|server| &server.hosts);
    let hosts = hosts.map(|host| host::qualified(host, &gateway.key.namespace));
    hosts.filter(|host| !host.contains(['*', '/'])).map(|host| host.to_ascii_lowercase())
}

/// What in a host may be the name or the namespace of an InferenceService: its labels, and what stands before and behind
/// each dash in them, since a template may join a name to the namespace or to a component.
pub fn host_parts(host: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let labels = host.split(['/', '.', ',', ' ', '*']).map(move |label| {
        let range = start..start + label.len();
        start = range.end + 1;
        (range, label)
    });
    labels.filter(|(_, label)| !label.is_empty()).flat_map(|(range, label)| {
        let whole = range.clone();
        let around = label
            .match_indices('-')
            .flat_map(move |(dash, _)| [range.start..range.start + dash, range.start + dash + 1..range.end]);
        around.chain([whole])
    })
}

fn parts_of_host(host: &str) -> impl Iterator<Item = &str> {
    host_parts(host).map(|part| &host[part])
}

impl View<'_> {
    /// The Gateways that redirect requests for exactly this host, and perhaps others.
    #[must_use]
    pub fn gateways_redirecting(&self, host: &str) -> Vec<&Arc<IstioGateway>> {
        let base = self.base.redirects.by_host.get(host.to_ascii_lowercase().as_str()).into_iter().flatten();
        let standing = base.filter(|key| !self.overlay.contains_key(key)).filter_map(|key| self.base.gateway(key));
        standing.chain(self.overlaid_redirecting()).collect()
    }

    /// The hosts that are redirected and that may be told apart by an InferenceService's name; or all of them, for public
    /// hosts that hold no name.
    #[must_use]
    pub fn redirected_hosts(&self, hosts_hold_names: bool) -> BTreeSet<Arc<str>> {
        let RedirectIndex { by_host, by_part, names } = &self.base.redirects;
        let overlaid = self.overlaid_redirecting().flat_map(|gateway| redirected_hosts(gateway)).map(Arc::from);
        if !hosts_hold_names {
            return by_host.keys().cloned().chain(overlaid).collect();
        }
        let named = names.iter().filter(|name| self.base.population().has_name(name));
        named.filter_map(|name| by_part.get(name)).flatten().cloned().chain(overlaid).collect()
    }

    fn overlaid_redirecting(&self) -> impl Iterator<Item = &Arc<IstioGateway>> {
        self.overlay.values().flatten().filter_map(|object| match object {
            Object::IstioGateway(gateway) if gateway.servers.iter().any(Server::redirects) => Some(gateway),
            _ => None,
        })
    }
}
