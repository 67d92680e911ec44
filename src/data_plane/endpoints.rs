//! Services and the pods behind them.

use std::sync::Arc;

use crate::model::names::{ServiceHost, service_host};
use crate::model::service::{Service, ServiceKind};
use crate::model::workload::Pods;
use crate::object::{Kind, ObjectKey};
use crate::view::{Lookup, View};

/// Where a connection to a Service ends, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// At these pods, on this port of each.
    Pods {
        /// The Service.
        service: Arc<Service>,
        /// The port clients use, by its place in `spec.ports`.
        port: usize,
        /// Pods with the port they listen on; never empty.
        pods: Vec<(Pods, u16)>,
    },
    /// The name resolves to nothing.
    Unresolvable,
    /// There is no such Service.
    NoService(ObjectKey),
    /// The Service has no such TCP port.
    NoPort(Arc<Service>),
    /// Its selector finds neither pods nor pod templates.
    NoPods {
        /// The Service.
        service: Arc<Service>,
        /// The port clients use, by its place in `spec.ports`.
        port: usize,
    },
    /// It leads where only the cluster knows.
    Unknown(String),
}

/// Who connects to a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client outside the mesh, through cluster DNS and kube-proxy.
    Client,
    /// A gateway, which istiod tells the endpoints.
    Gateway,
}

/// How many names of ExternalName Services cluster DNS follows before a client gives up.
const CNAMES_MAX: usize = 8;

/// Finds the Service that a host names, through Services of type ExternalName: as DNS does for a client, or one of them, as
/// istiod does for a route's destination (istio `pilot/pkg/networking/core/route` `GetDestinationCluster`).
pub fn resolve(view: &View<'_>, host: &str, cluster_domain: &str, caller: Caller) -> Result<Arc<Service>, Endpoints> {
    let mut service = named(view, host, cluster_domain)?;
    let follows = match caller {
        Caller::Client => CNAMES_MAX,
        Caller::Gateway => 1,
    };
    for _ in 0..follows {
        if service.kind != ServiceKind::ExternalName {
            return Ok(service);
        }
        if caller == Caller::Gateway && service.external_name.ends_with('.') {
            // A name like any other to DNS; istiod looks it up as it is written, and knows no host with a dot at its end.
            return Err(Endpoints::Unresolvable);
        }
        let target = named(view, &service.external_name, cluster_domain)?;
        if target.key == service.key {
            return Err(Endpoints::Unresolvable);
        }
        service = target;
    }
    match (service.kind, caller) {
        (ServiceKind::ExternalName, Caller::Client) => Err(Endpoints::Unresolvable),
        (ServiceKind::ExternalName, Caller::Gateway) => {
            Err(Endpoints::Unknown(format!("{} is one ExternalName behind another", service.key)))
        }
        _ => Ok(service),
    }
}

fn named(view: &View<'_>, host: &str, cluster_domain: &str) -> Result<Arc<Service>, Endpoints> {
    match service_host(host, cluster_domain) {
        ServiceHost::Unresolvable => Err(Endpoints::Unresolvable),
        ServiceHost::Foreign => Err(Endpoints::Unknown(format!("{host} is a name outside the cluster"))),
        ServiceHost::Cluster { name, namespace } => match view.service(namespace, name) {
            Lookup::Present(service) => Ok(service),
            Lookup::Absent => Err(Endpoints::NoService(ObjectKey::new(Kind::Service, namespace, name))),
            Lookup::Unknown(why) => Err(Endpoints::Unknown(format!("Service {namespace}/{name}: {why}"))),
        },
    }
}

/// Follows a connection to a port of a Service.
#[must_use]
pub fn connect(view: &View<'_>, service: &Arc<Service>, number: u16, caller: Caller) -> Endpoints {
    let key = &service.key;
    if service.kind == ServiceKind::ExternalName {
        return Endpoints::Unknown(format!("{key} is of type ExternalName"));
    }
    let found = service.tcp_port(number).filter(|(_, port)| caller == Caller::Client || port.mesh_protocol != "udp");
    let Some((index, port)) = found else { return Endpoints::NoPort(service.clone()) };
    if service.selector.is_empty() {
        // Somebody may write Endpoints by hand for such a Service, which plumbline does not read; but the write that takes
        // a selector away takes its pods away.
        return if view.takes_selector_from(key) {
            Endpoints::NoPods { service: service.clone(), port: index }
        } else {
            Endpoints::Unknown(format!("{key} has no selector; its endpoints are written by hand"))
        };
    }
    match view.pods(&key.namespace, &service.selector) {
        Lookup::Unknown(why) => Endpoints::Unknown(format!("the pods of {key}: {why}")),
        Lookup::Absent => Endpoints::NoPods { service: service.clone(), port: index },
        Lookup::Present(pods) => {
            // The name of a headless Service stands for its pods: a client's port is theirs, whatever the Service says.
            let is_direct = service.headless && caller == Caller::Client;
            let target = |pods: &Pods| if is_direct { Some(number) } else { pods.target_of(port) };
            let targets = pods.into_iter().filter_map(|pods| target(&pods).map(|target| (pods, target)));
            let pods: Vec<_> = targets.collect();
            if pods.is_empty() {
                Endpoints::NoPods { service: service.clone(), port: index }
            } else {
                Endpoints::Pods { service: service.clone(), port: index, pods }
            }
        }
    }
}
