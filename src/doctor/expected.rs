//! The webhooks that `plumbline serve` answers, as the chart registers them; a test holds the chart to it.

use crate::object::Kind;

/// One webhook of a sound installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its qualified name.
    pub name: &'static str,
    /// What it judges; [`Kind::versions`] are the versions of its rule.
    pub kind: Kind,
    /// Where it judges.
    pub place: Place,
}

/// Where a webhook judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In KServe's and Knative's namespaces, the ConfigMaps by name.
    Configuration,
    /// Everywhere but in plumbline's own namespace and the system's.
    Everywhere,
    /// In the namespaces of gateways, and only while plumbline answers.
    Gateways,
}

/// All of them.
pub const WEBHOOKS: [Expected; 5] = [
    Expected { name: "configmaps.plumbline.dev", kind: Kind::ConfigMap, place: Place::Configuration },
    Expected { name: "knativeservings.plumbline.dev", kind: Kind::KnativeServing, place: Place::Everywhere },
    Expected { name: "istio-gateways.plumbline.dev", kind: Kind::IstioGateway, place: Place::Everywhere },
    Expected { name: "gateway-api-gateways.plumbline.dev", kind: Kind::GatewayApiGateway, place: Place::Everywhere },
    Expected { name: "gateway-services.plumbline.dev", kind: Kind::Service, place: Place::Gateways },
];

/// What the names of plumbline's webhooks end with.
pub const DOMAIN: &str = ".plumbline.dev";
/// The operations that a webhook of ours is called for.
pub const OPERATIONS: [&str; 3] = ["CREATE", "UPDATE", "DELETE"];
/// Namespaces that the chart leaves out beside plumbline's own.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
/// The label that every namespace has, with its name, and that nobody can change.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";
