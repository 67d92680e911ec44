//! What stands on the ports of gateway pods, kept from one question to the next: to merge a thousand Gateways takes longer
//! than all the rest of a verdict.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::View;
use super::gateways::is_on;
use crate::data_plane::listener::Listener;
use crate::model::{Labels, Object, selects};

/// How many are kept: the ports of a few gateways. Rollouts make new sets of labels, whose predecessors nobody asks for again.
const KEPT: usize = 64;

/// One port of gateway pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The pods' namespace.
    pub namespace: Arc<str>,
    /// The pods' labels.
    pub labels: Labels,
    /// Whether only Gateways of the pods' namespace count.
    pub scoped: bool,
    /// The port on the pods.
    pub port: u16,
}

/// Listeners that were worked out.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<BTreeMap<Place, Listener>>);

impl Clone for Listeners {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.known().clone()))
    }
}

impl Listeners {
    /// Forgets what a change to a Gateway may make different.
    pub(super) fn forget(&self) {
        self.known().clear();
    }

    /// Forgets what a change to a Service of a namespace may make different.
    pub(super) fn forget_namespace(&self, namespace: &str) {
        self.known().retain(|place, _| *place.namespace != *namespace);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Place, Listener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_or_merge(&self, place: Place, merge: impl FnOnce() -> Listener) -> Listener {
        if let Some(listener) = self.known().get(&place) {
            return listener.clone();
        }
        let listener = merge();
        let mut known = self.known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(place, listener.clone());
        listener
    }
}

impl View<'_> {
    /// What stands on a port of gateway pods, where the servers with these numbers listen. It is worked out by `merge`, once
    /// for all views that do not differ in it.
    pub fn listener(&self, place: Place, numbers: &[u16], merge: impl FnOnce() -> Listener) -> Listener {
        let listeners = if self.changes(&place, numbers) { &self.listeners } else { &self.base.listeners };
        listeners.get_or_merge(place, merge)
    }

    /// Whether an object laid over the cluster makes a listener different.
    fn changes(&self, place: &Place, numbers: &[u16]) -> bool {
        let takes_part = |object: &Object| match object {
            Object::IstioGateway(gateway) => {
                is_on(gateway, &place.labels) && gateway.servers.iter().any(|server| numbers.contains(&server.number))
            }
            Object::Service(service) => {
                service.key.namespace == place.namespace
                    && service.selects_pods()
                    && selects(&service.selector, &place.labels)
                    && !service.disables_port_translation()
            }
            _ => false,
        };
        self.overlay.iter().any(|(key, object)| {
            let read = self.base.as_read(key);
            [read, object.as_ref()].into_iter().flatten().any(takes_part) && read != object.as_ref()
        })
    }
}
