//! What is asked for, by whom, and the hops on the way.

use std::fmt;
use std::sync::Arc;

use crate::model::Labels;
use crate::model::inference_service::{Component, DeploymentMode, Shape};
use crate::model::kserve_config::KserveConfig;
use crate::object::ObjectKey;

/// An InferenceService, real or synthetic, whose requests are walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What shapes its requests.
    pub shape: Shape,
    /// Its labels.
    pub labels: Arc<Labels>,
}

impl Subject {
    /// The mode in which KServe deploys it; `None` when nothing says.
    #[must_use]
    pub fn mode(&self, config: &KserveConfig) -> Option<DeploymentMode> {
        self.shape.mode.or(config.default_mode)
    }

    /// The component that answers for it: its transformer, or else its predictor.
    #[must_use]
    pub fn front(&self) -> Component {
        if self.shape.transformer { Component::Transformer } else { Component::Predictor }
    }

    /// The Knative service of a component.
    #[must_use]
    pub fn service(&self, component: Component) -> String {
        match (component, &*self.shape.predictor_name) {
            (Component::Predictor, infix) if !infix.is_empty() => format!("{}-{infix}-predictor", self.name),
            (component, _) => format!("{}-{}", self.name, component.name()),
        }
    }

    /// The labels of a component's Knative service and of all that Knative makes of it (kserve `components/predictor.go`
    /// `buildObjectMeta`, knative/serving `route/resources/ingress.go`); those that its `ServingRuntime` adds are not known.
    #[must_use]
    pub fn service_labels(&self, component: Component) -> Labels {
        let mut labels = (*self.labels).clone();
        labels.extend(
            self.shape.component_labels.get(&component).into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())),
        );
        let service: Arc<str> = self.service(component).into();
        labels.extend([
            ("component".into(), component.name().into()),
            ("serving.kserve.io/inferenceservice".into(), self.name.clone()),
            ("serving.knative.dev/route".into(), service.clone()),
            ("serving.knative.dev/routeNamespace".into(), self.namespace.clone()),
            ("serving.knative.dev/service".into(), service),
        ]);
        labels
    }

    /// The components that KServe's route forwards to: the front, and the explainer for its own paths.
    #[must_use]
    pub fn forwarded_to(&self) -> Vec<Component> {
        let mut components = vec![self.front()];
        if self.shape.explainer {
            components.push(Component::Explainer);
        }
        components
    }
}

/// The kinds of requests that are walked for each InferenceService.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// Its in-cluster URL, from a pod outside the mesh.
    Local,
    /// Its public URL.
    External,
    /// Its public name under one of `additionalIngressDomains`.
    Additional(Arc<str>),
    /// `<predictor>.<namespace>`: its transformer's or explainer's own call, or anybody's.
    Direct,
    /// net-istio's probe, without which a new service never becomes Ready.
    Readiness,
}

impl RequestKind {
    /// The kinds that every InferenceService has, in the order in which they are told.
    pub const COMMON: [Self; 4] = [Self::Local, Self::External, Self::Direct, Self::Readiness];

    /// One word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::External | Self::Additional(_) => "external",
            Self::Direct => "direct",
            Self::Readiness => "readiness",
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The kind.
    pub kind: RequestKind,
    /// Where it is sent, without a path; for a readiness probe the probed host.
    pub url: String,
    /// The Services through which it enters the gateways, with the port: what a client keeps when the cluster changes.
    pub entries: Vec<(ObjectKey, u16)>,
    /// Whether external-dns chose the entries; its records follow the Services' annotations.
    pub entries_by_dns: bool,
}

impl Request {
    /// A request whose way in is not known yet.
    #[must_use]
    pub fn new(kind: RequestKind, url: String) -> Self {
        Self { kind, url, entries: Vec::new(), entries_by_dns: false }
    }

    /// The host of the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, host)| host)
    }
}

/// A hop of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// The InferenceService's name stands for the local gateway's Service.
    Name,
    /// That Service leads to gateway pods.
    Service,
    /// Those pods listen.
    Listener,
    /// KServe's route is on that listener.
    Route,
    /// It forwards to the Service of Knative's local gateway.
    Destination,
    /// The pods behind that one listen.
    KnativeListener,
    /// Knative's route is on that listener.
    KnativeRoute,
    /// The gateway's pods take public traffic.
    Entry,
    /// KServe's route (or Knative's) is on the listener for public traffic.
    ExternalRoute,
    /// net-istio finds and probes the gateway.
    Readiness,
}

impl Hop {
    /// The hop's short name in messages and in the documentation.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Name => "L1 name",
            Self::Service => "L2 service",
            Self::Listener => "L3 listener",
            Self::Route => "L4 route",
            Self::Destination => "L5 destination",
            Self::KnativeListener => "L6 listener",
            Self::KnativeRoute => "L7 route",
            Self::Entry => "E1 entry",
            Self::ExternalRoute => "E2 route",
            Self::Readiness => "R readiness",
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
