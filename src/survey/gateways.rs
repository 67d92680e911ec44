use std::collections::{BTreeMap, BTreeSet};

use crate::model::istio_config::GatewayEntry;
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::object::{Kind, ObjectKey};
use crate::view::{Lookup, Snapshot, View};
use crate::walk::{ClusterFacts, Configuration};

/// What names a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// KServe's `localGateway`.
    KserveLocal,
    /// KServe's `ingressGateway`.
    KserveIngress,
    /// One of Knative's local gateways.
    KnativeLocal,
    /// One of Knative's external gateways.
    KnativeExternal,
}

/// A gateway that something names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which one.
    pub key: ObjectKey,
    /// What names it.
    pub roles: BTreeSet<Role>,
    /// What is known of it: the servers, each as one line; `None` where there is no such Gateway.
    pub servers: Lookup<Vec<String>>,
}

impl Role {
    /// The field that names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KserveLocal => "KServe localGateway",
            Self::KserveIngress => "KServe ingressGateway",
            Self::KnativeLocal => "Knative local-gateways",
            Self::KnativeExternal => "Knative external-gateways",
        }
    }
}

/// The gateways that configuration names, by key.
pub(super) fn listed(snapshot: &Snapshot, facts: &ClusterFacts) -> Vec<Listed> {
    let view = View::of(snapshot);
    let configuration = Configuration::of(&view, facts);
    let mut roles: BTreeMap<GatewayRef, BTreeSet<Role>> = BTreeMap::new();
    let mut name = |gateway: GatewayRef, role: Role| {
        roles.entry(gateway).or_default().insert(role);
    };
    if let Some(kserve) = configuration.kserve() {
        for (gateway, role) in
            [(&kserve.local_gateway, Role::KserveLocal), (&kserve.ingress_gateway, Role::KserveIngress)]
        {
            if !gateway.value.is_empty() {
                name(GatewayRef::resolve(&gateway.value, &facts.kserve_namespace), role);
            }
        }
    }
    if let Some(istio) = configuration.istio() {
        let mut all = |entries: &[GatewayEntry], role| {
            for entry in entries {
                name(entry.gateway.clone(), role);
            }
        };
        all(&istio.local, Role::KnativeLocal);
        all(&istio.external, Role::KnativeExternal);
    }
    let listed = roles.into_iter().map(|(gateway, roles)| {
        let key = ObjectKey::new(Kind::IstioGateway, gateway.namespace, gateway.name);
        let servers = view.gateway(&key.namespace, &key.name).map(|gateway| servers(&gateway));
        Listed { key, roles, servers }
    });
    listed.collect()
}

fn servers(gateway: &IstioGateway) -> Vec<String> {
    let line = |server: &crate::model::istio_gateway::Server| {
        let hosts = crate::quote::names(server.hosts.iter().map(AsRef::as_ref));
        format!("port {}: {hosts}", server.number)
    };
    gateway.servers.iter().map(line).collect()
}
