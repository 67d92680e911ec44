//! The walk: one request, hop by hop, through a view of the cluster.
//!
//! A walk says where the request ended and every place it looked at on the way. It knows the hops of serverless requests on
//! Istio (KServe's virtual host, Knative's local gateway, the external gateways, net-istio's readiness probe); it knows
//! nothing of codes, messages or settings about severity.

pub mod configuration;
mod direct;
mod external;
mod local;
mod readiness;
pub mod request;
mod route;

use std::sync::Arc;

pub use configuration::{ClusterFacts, Configuration};
pub use request::{Hop, Request, RequestKind, Subject};

use crate::model::go_struct::Refusal;
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::model::service::Service;
use crate::model::workload::Pods;
use crate::object::{ObjectKey, Site};
use crate::view::View;

/// A request, walked.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The request.
    pub request: Request,
    /// The hops that held, in order.
    pub passed: Vec<Passed>,
    /// Where it ended.
    pub end: End,
}

/// Where a walk ended.
#[derive(Clone, Debug)]
pub enum End {
    /// At the model.
    Reached,
    /// At a hop that provably fails.
    Broken(Box<Break>),
    /// Where nothing is provable, and why.
    Unknown {
        /// The hop.
        hop: Hop,
        /// Why.
        why: String,
    },
    /// The request does not exist: another deployment mode, no public name.
    NotMade,
}

impl End {
    /// Whether the request arrives.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        matches!(self, Self::Reached)
    }

    /// The break, where there is one.
    #[must_use]
    pub fn broken(&self) -> Option<&Break> {
        match self {
            Self::Broken(broken) => Some(broken),
            _ => None,
        }
    }
}

/// A hop that held.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Which hop.
    pub hop: Hop,
    /// What it did.
    pub step: Step,
    /// The fields that decided.
    pub sites: Vec<Site>,
}

/// What a hop did with the request.
#[derive(Clone, Debug)]
pub enum Step {
    /// A name led to another.
    Name {
        /// The name asked for.
        from: String,
        /// What it stands for.
        to: String,
    },
    /// A name led to a Service's port, and that to pods.
    Service {
        /// The Service.
        service: ObjectKey,
        /// The port of the Service.
        port: u16,
        /// The port on the pods.
        target: u16,
        /// One of the pods, or the workload that stands in.
        pods: ObjectKey,
    },
    /// The pods listen there.
    Listener {
        /// The port on the pods.
        port: u16,
        /// The Gateway whose server opened the listener.
        gateway: ObjectKey,
    },
    /// A server's host lets the route in.
    Route {
        /// The Host of the request.
        host: String,
        /// The Gateway.
        gateway: ObjectKey,
        /// The server's host that covers it.
        server_host: String,
    },
    /// The route forwards.
    Forward {
        /// The destination.
        to: String,
        /// The Host it sets.
        host: String,
    },
    /// The Knative service takes over; beyond the gateways.
    Backend {
        /// The host of the Knative service.
        host: String,
    },
}

/// A hop that provably fails.
#[derive(Clone, Debug)]
pub struct Break {
    /// Which hop.
    pub hop: Hop,
    /// Why.
    pub cause: Cause,
    /// The field that named what is not there; the one to change first.
    pub site: Site,
    /// Whether only some of the pods behind the Service fail, so that some requests arrive.
    pub partial: bool,
}

/// Why a hop fails.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A host that names no Service in cluster DNS.
    NameUnresolvable {
        /// The host.
        host: String,
    },
    /// The Service that a host names does not exist.
    ServiceMissing {
        /// The host.
        host: String,
        /// The Service.
        service: ObjectKey,
    },
    /// A Service lacks the TCP port.
    PortMissing {
        /// The Service.
        service: Arc<Service>,
        /// The port.
        port: u16,
    },
    /// A Service's selector finds nothing.
    NoPods {
        /// The Service.
        service: Arc<Service>,
        /// The port.
        port: u16,
    },
    /// A Service is hidden from the pods that forward to it.
    Hidden {
        /// The Service.
        service: Arc<Service>,
        /// The namespace of the pods.
        from: Arc<str>,
    },
    /// A destination that istiod does not know under this spelling.
    UnknownDestination {
        /// The host.
        host: String,
    },
    /// Nothing listens on the port.
    NoListener(Unrouted),
    /// What listens does not speak plaintext HTTP.
    NotHttp {
        /// The Gateway that opened the listener.
        by: Arc<IstioGateway>,
        /// The server's place in it.
        server: usize,
        /// What would have been asked of it.
        unrouted: Unrouted,
    },
    /// No virtual host takes the request's Host.
    NoVirtualHost(Unrouted),
    /// The listener answers with a redirect to HTTPS.
    Redirect {
        /// The Gateway that redirects.
        by: Arc<IstioGateway>,
        /// The server's place in it.
        server: usize,
        /// The Host.
        host: String,
    },
    /// A controller refuses its configuration, or an object written from it.
    Refused {
        /// The ConfigMap.
        config: ObjectKey,
        /// The refusal.
        refusal: Refusal,
    },
    /// A ConfigMap that a controller needs does not exist.
    ConfigMissing {
        /// The ConfigMap.
        config: ObjectKey,
    },
    /// No Service leads into the cluster for the public name.
    NoEntry {
        /// The public host.
        host: String,
    },
    /// The public name that clients use is not given out any more.
    NameGone {
        /// That name.
        from: String,
        /// The name that takes its place and leads nowhere; `None` where there is none.
        to: Option<String>,
    },
    /// Knative binds its services to no gateway for these hosts.
    NoGatewayConfigured {
        /// The Host.
        host: String,
    },
    /// net-istio will not find a Gateway that it is told to bind to.
    GatewayMissing {
        /// The Gateway.
        gateway: GatewayRef,
    },
    /// net-istio probes the Gateway with a host that its servers do not cover.
    ProbeNotCovered {
        /// The Gateway.
        gateway: Arc<IstioGateway>,
        /// The server's place in it.
        server: usize,
        /// The Host of the probe.
        host: String,
        /// The namespace of the VirtualService.
        namespace: Arc<str>,
        /// The Service whose labels lead the probe to its endpoints.
        service: ObjectKey,
    },
}

/// A request at pods that have no route for it, and how each Gateway that could have given one fails.
#[derive(Clone, Debug)]
pub struct Unrouted {
    /// The Host.
    pub host: String,
    /// The namespace of the VirtualService.
    pub namespace: Arc<str>,
    /// The pods.
    pub pods: Pods,
    /// The port on them.
    pub port: u16,
    /// The Service that led there, and its port.
    pub service: ObjectKey,
    /// The Gateways that the VirtualService is bound to for this Host.
    pub candidates: Vec<Candidate>,
}

/// A Gateway that a route names, and why it does not carry it here.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The Gateway as the configuration names it.
    pub gateway: GatewayRef,
    /// The field that names it.
    pub site: Site,
    /// Why not.
    pub mismatch: Mismatch,
}

/// Why a Gateway does not carry a route on given pods and port.
#[derive(Clone, Debug)]
pub enum Mismatch {
    /// It does not exist.
    Missing,
    /// Its selector does not find the pods.
    OtherPods(Arc<IstioGateway>),
    /// Its servers listen on other ports of the pods.
    OtherPort {
        /// The Gateway.
        gateway: Arc<IstioGateway>,
        /// Where its servers listen, with the number each is written with.
        ports: Vec<(u16, u16)>,
    },
    /// Another server took the port with another protocol, coming first, or for the same address in another spelling.
    Dropped {
        /// The Gateway.
        gateway: Arc<IstioGateway>,
        /// Its server's place.
        server: usize,
        /// The Gateway of the other server: an older one, or itself.
        winner: Arc<IstioGateway>,
        /// The other server's place.
        taken_by: usize,
    },
    /// Its server is no plaintext HTTP server.
    NotHttp {
        /// The Gateway.
        gateway: Arc<IstioGateway>,
        /// Its server's place.
        server: usize,
    },
    /// Its hosts on the port do not cover the Host.
    HostsNotCovered {
        /// The Gateway.
        gateway: Arc<IstioGateway>,
        /// Its server's place.
        server: usize,
    },
    /// Its hosts would cover the Host, but for a prefix that keeps the VirtualService's namespace out.
    NamespaceKeptOut {
        /// The Gateway.
        gateway: Arc<IstioGateway>,
        /// Its server's place.
        server: usize,
    },
}

/// Walks requests through one view.
#[derive(Clone, Copy)]
pub struct Walker<'w, 'v> {
    /// The cluster.
    pub view: &'w View<'v>,
    /// The configuration in it, parsed once.
    pub configuration: &'w Configuration,
    /// What is known of the cluster beside its objects.
    pub facts: &'w ClusterFacts,
}

impl Walker<'_, '_> {
    /// Walks a request.
    #[must_use]
    ///
    /// `before` is the same request's walk before a change, where there is one: a client keeps the name, the port and the
    /// public address that it used.
    pub fn walk(&self, subject: &Subject, kind: &RequestKind, before: Option<&Walk>) -> Walk {
        let before = before.filter(|walk| walk.end.is_reached()).map(|walk| &walk.request);
        match kind {
            RequestKind::Local => self.local(subject, before),
            RequestKind::Direct => self.direct(subject),
            RequestKind::External => self.external(subject, None, before),
            RequestKind::Additional(domain) => self.external(subject, Some(domain), before),
            RequestKind::Readiness => self.readiness(subject),
        }
    }
}
