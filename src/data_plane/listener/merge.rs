//! How istiod merges the servers of one port of some pods, and what Envoy makes of the result (istio
//! `pilot/pkg/model/gateway.go` `mergeGateways`, `pilot/pkg/networking/core/gateway.go` `buildGatewayListeners`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{BoundServer, Listener};
use crate::data_plane::host;
use crate::model::istio_gateway::{Protocol, Server};

/// Servers that share a protocol, as it is written, and an address to bind: istiod's `ServerPort`.
struct Slot<'s> {
    /// The server that opened it.
    first: &'s Server,
    servers: Vec<&'s BoundServer>,
}

/// The hosts of servers with TLS settings, each with the address that the last of them binds.
type HostsWithTls<'s> = BTreeMap<Cow<'s, str>, &'s str>;

/// The servers of one port, merged in the order of their Gateways' age.
pub(super) struct Merged<'s> {
    slots: Vec<Slot<'s>>,
    /// Dropped without a word, each with the slot that it met.
    dropped: Vec<&'s BoundServer>,
}

impl<'s> Merged<'s> {
    pub(super) fn of(servers: impl Iterator<Item = &'s BoundServer>) -> Self {
        let mut merged = Self { slots: Vec::new(), dropped: Vec::new() };
        // The place of the last slot that was opened for plaintext: istiod remembers one a port, whatever its address.
        let mut plaintext: Option<usize> = None;
        let mut hosts_with_tls = HostsWithTls::new();
        for bound in servers {
            if merged.repeats_a_host(bound, &mut hosts_with_tls) {
                continue;
            }
            let server = bound.server();
            match plaintext {
                Some(place) if merged.slots[place].first.bind == server.bind => {
                    let slot = &mut merged.slots[place];
                    if slot.first.protocol == Protocol::Http && server.protocol == Protocol::Http {
                        slot.servers.push(bound);
                    } else {
                        merged.dropped.push(bound);
                    }
                }
                _ => {
                    if let Some(place) = merged.open_slot(bound)
                        && !server.is_tls()
                    {
                        plaintext = Some(place);
                    }
                }
            }
        }
        merged
    }

    /// Whether a server with TLS settings, a redirect's included, lists a host that another one lists; it is skipped then.
    fn repeats_a_host(&mut self, bound: &'s BoundServer, known: &mut HostsWithTls<'s>) -> bool {
        let server = bound.server();
        if server.tls.is_none() {
            return false;
        }
        let own = &bound.gateway.key.namespace;
        let hosts: Vec<_> = server.hosts.iter().map(|pattern| host::qualified(pattern, own)).collect();
        let repeats = hosts.iter().any(|name| known.get(name).is_some_and(|bind| **bind == *server.bind));
        if repeats {
            self.dropped.push(bound);
        } else {
            known.extend(hosts.into_iter().map(|name| (name, &*server.bind)));
        }
        repeats
    }

    /// Adds a server to the slot of its protocol and address; the slot's place when it was opened for it.
    fn open_slot(&mut self, bound: &'s BoundServer) -> Option<usize> {
        let server = bound.server();
        let same =
            |slot: &&mut Slot<'_>| slot.first.protocol_name == server.protocol_name && slot.first.bind == server.bind;
        if let Some(slot) = self.slots.iter_mut().find(same) {
            slot.servers.push(bound);
            return None;
        }
        self.slots.push(Slot { first: server, servers: vec![bound] });
        Some(self.slots.len() - 1)
    }

    fn on_own_address(&self) -> Vec<&Slot<'s>> {
        let is_own = |slot: &&Slot<'_>| matches!(&*slot.first.bind, "" | "0.0.0.0");
        let slots: Vec<_> = self.slots.iter().filter(is_own).collect();
        if slots.is_empty() {
            return self.slots.iter().filter(|slot| matches!(&*slot.first.bind, "::" | "[::]")).collect();
        }
        slots
    }

    /// The servers that end TLS for connections to the pods' own address.
    pub(super) fn ending_tls(&self) -> Vec<BoundServer> {
        let servers = self.on_own_address().into_iter().flat_map(|slot| &slot.servers);
        servers.filter(|bound| bound.server().terminates_https()).map(|bound| (*bound).clone()).collect()
    }

    /// What a plaintext HTTP connection to the pods' own address meets.
    pub(super) fn listener(self) -> Listener {
        let slots = self.on_own_address();
        let dropped =
            |others: &[&BoundServer]| self.dropped.iter().chain(others).map(|bound| (*bound).clone()).collect();
        let http: Vec<_> = slots.iter().filter(|slot| slot.first.protocol == Protocol::Http).collect();
        let others = slots.iter().filter(|slot| slot.first.protocol != Protocol::Http).flat_map(|slot| &slot.servers);
        let terminating: Vec<_> = others.clone().filter(|bound| bound.server().terminates_https()).collect();
        let takes_all = terminating
            .iter()
            .find(|bound| bound.server().hosts.iter().any(|pattern| host::split(pattern, "").1 == "*"));
        let not_http = |by: &BoundServer, others: &[&BoundServer], open| {
            let istio_mutual = terminating.iter().any(|bound| bound.server().tls.is_some_and(|tls| tls.istio_mutual));
            Listener::NotHttp { by: by.clone(), dropped: dropped(others), istio_mutual: istio_mutual && open, open }
        };
        match (http.as_slice(), takes_all) {
            ([slot], None) => {
                Listener::Http { servers: slot.servers.iter().copied().cloned().collect(), dropped: dropped(&[]) }
            }
            // Two filter chains that match everything: Envoy refuses the listener.
            ([slot, ..], Some(tls)) => not_http(tls, &slot.servers, false),
            ([slot, other, ..], None) => not_http(other.servers[0], &slot.servers, false),
            ([], _) => match (terminating.first(), others.clone().next()) {
                (Some(by), _) => not_http(by, &[], true),
                (None, Some(by)) => not_http(by, &[], false),
                (None, None) => Listener::Closed,
            },
        }
    }
}
