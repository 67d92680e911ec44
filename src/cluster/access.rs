//! The rights that the live source needs, declared once: the chart grants them and `doctor` checks them.

use crate::model::config_map::{CONFIG_DOMAIN, CONFIG_ISTIO, CONFIG_NETWORK, INFERENCE_SERVICE_CONFIG};
use crate::object::Kind;

/// A right to read, as a rule of a role would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The kind; [`Kind::group`] and [`Kind::plural`] are what RBAC calls it.
    pub kind: Kind,
    /// Verbs of the API.
    pub verbs: &'static [&'static str],
    /// Where.
    pub reach: Reach,
    /// `resourceNames`; empty for all. A list or watch that selects `metadata.name` is covered.
    pub names: &'static [&'static str],
}

/// Where a right holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the whole cluster: a `ClusterRole`.
    Cluster,
    /// In Knative Serving's namespace: a Role there.
    KnativeNamespace,
}

/// Everything that the live source reads. It writes nothing.
pub const ACCESS: &[Access] = &[
    // KServe runs in any namespace, and its ConfigMap says in which.
    Access { names: &[INFERENCE_SERVICE_CONFIG], ..everywhere(Kind::ConfigMap, &["get", "list", "watch"]) },
    Access {
        reach: Reach::KnativeNamespace,
        names: &[CONFIG_ISTIO, CONFIG_DOMAIN, CONFIG_NETWORK],
        ..everywhere(Kind::ConfigMap, &["get", "list", "watch"])
    },
    everywhere(Kind::KnativeServing, &["get", "list", "watch"]),
    everywhere(Kind::IstioGateway, &["get", "list", "watch"]),
    everywhere(Kind::GatewayApiGateway, &["get"]),
    everywhere(Kind::Service, &["get", "list", "watch"]),
    everywhere(Kind::Pod, &["list"]),
    // Their templates stand in where no pod runs, and the controllers' images tell the installed releases.
    everywhere(Kind::Deployment, &["get", "list"]),
    everywhere(Kind::DaemonSet, &["get", "list"]),
    everywhere(Kind::StatefulSet, &["get", "list"]),
    everywhere(Kind::Namespace, &["get", "list", "watch"]),
    everywhere(Kind::InferenceService, &["list", "watch"]),
];

/// A right to ask for something that is no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualAccess {
    /// The API group.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// Verbs of the API.
    pub verbs: &'static [&'static str],
}

/// What is needed besides where declaring a transition needs a right. Creating such a review stores nothing.
pub const DECLARING_ACCESS: VirtualAccess =
    VirtualAccess { group: "authorization.k8s.io", resource: "subjectaccessreviews", verbs: &["create"] };

const fn everywhere(kind: Kind, verbs: &'static [&'static str]) -> Access {
    Access { kind, verbs, reach: Reach::Cluster, names: &[] }
}
