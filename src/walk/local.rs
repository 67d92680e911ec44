//! The in-cluster URL: the InferenceService's name, KServe's route, Knative's gateway.

use std::sync::Arc;

use super::request::{Hop, Request, RequestKind, Subject};
use super::route::{Route, broken};
use super::{Cause, End, Passed, Step, Walk, Walker};
use crate::data_plane::endpoints::{Caller, Endpoints, resolve};
use crate::model::domain_config::ISTIO_INGRESS_CLASS;
use crate::model::go_struct::{Located, Refusal};
use crate::model::inference_service::{Component, DeploymentMode};
use crate::model::istio_config::{GatewayEntry, IstioConfig};
use crate::model::kserve_config::KserveConfig;
use crate::model::names::{GatewayRef, ServiceHost, service_host};
use crate::model::service::Service;
use crate::object::{FieldPath, ObjectKey, Site};
use crate::view::Lookup;

/// The port of plain HTTP, and of every destination that KServe writes (`CommonDefaultHttpPort`).
pub(super) const HTTP_PORT: u16 = 80;
/// The port of HTTPS.
pub(super) const HTTPS_PORT: u16 = 443;
/// Ports of a gateway's Service that serve Istio itself.
const ISTIO_PORTS: [u16; 5] = [15_012, 15_017, 15_020, 15_021, 15_443];

impl Walker<'_, '_> {
    pub(super) fn local(&self, subject: &Subject, before: Option<&Request>) -> Walk {
        let url = format!("http://{}", self.facts.service_host(&subject.name, &subject.namespace));
        let mut walk = Walk { request: Request::new(RequestKind::Local, url), passed: Vec::new(), end: End::Reached };
        if let Err(end) = self.walk_local(subject, before, &mut walk) {
            walk.end = end;
        }
        walk
    }

    fn walk_local(&self, subject: &Subject, before: Option<&Request>, walk: &mut Walk) -> Result<(), End> {
        let config = self.serverless_config(subject, Hop::Name)?;
        if config.disable_virtual_host.value {
            // The URL in the InferenceService's status is then its Knative service's own.
            let front = subject.front();
            let host = self.facts.service_host(&subject.service(front), &subject.namespace);
            walk.request.url = format!("http://{host}");
            return self.knative_direct(subject, front, &host, walk);
        }
        self.check_written_objects(&config, Hop::Name)?;
        let own = self.facts.service_host(&subject.name, &subject.namespace);
        let target = &config.local_gateway_service;
        let site = self.kserve_site("localGatewayService", target);
        walk.passed.push(Passed {
            hop: Hop::Name,
            step: Step::Name { from: own.clone(), to: target.value.clone() },
            sites: vec![site.clone()],
        });
        let service = self.resolved(&target.value, Hop::Service, &site)?;
        let port = client_port(&service, before);
        walk.request.entries = vec![(service.key.clone(), port)];
        let local = self.kserve_gateway(subject, "localGateway", &config.local_gateway);
        let route = Route {
            namespace: subject.namespace.clone(),
            host: own,
            bound: self.kserve_bound(subject, &config),
            gateways: vec![local],
            meant: 1,
            hops: (Hop::Listener, Hop::Route),
            tls: false,
            site,
        };
        self.through(&service, port, Hop::Service, &route, &mut walk.passed)?;
        self.destination(subject, &config, &service, walk)
    }

    /// From KServe's route on: its destination, and Knative's route behind it.
    pub(super) fn destination(
        &self,
        subject: &Subject,
        config: &KserveConfig,
        from: &Service,
        walk: &mut Walk,
    ) -> Result<(), End> {
        let hop = Hop::Destination;
        let istio = self.istio_config()?;
        let named = &config.knative_local_gateway_service;
        let site = self.kserve_site(config.destination_field(), named);
        // A host without a dot means the VirtualService's own namespace; any other is taken as it stands.
        let host = if named.value.contains('.') {
            named.value.clone()
        } else {
            self.facts.service_host(&named.value, &subject.namespace)
        };
        let service = match service_host(&host, &self.facts.cluster_domain) {
            ServiceHost::Cluster { name, namespace } if host == self.facts.service_host(name, namespace) => {
                self.resolved(&host, hop, &site)?
            }
            ServiceHost::Foreign => {
                return Err(End::Unknown { hop, why: format!("{host} is a name outside the cluster") });
            }
            _ => return Err(broken(hop, Cause::UnknownDestination { host }, site)),
        };
        if !service.is_exported_to(&from.key.namespace) {
            let path = FieldPath::of("metadata.annotations").key(crate::model::service::EXPORT_TO_ANNOTATION);
            let site = service.key.site(path);
            return Err(broken(hop, Cause::Hidden { service, from: from.key.namespace.clone() }, site));
        }
        for component in subject.forwarded_to() {
            let host = self.facts.service_host(&subject.service(component), &subject.namespace);
            let forward = Step::Forward { to: service.key.qualified_name(), host: host.clone() };
            walk.passed.push(Passed { hop, step: forward, sites: vec![site.clone()] });
            let route = self.knative_local_route(subject, component, &istio, host.clone());
            self.through(&service, HTTP_PORT, hop, &route, &mut walk.passed)?;
            walk.passed.push(Passed { hop: Hop::KnativeRoute, step: Step::Backend { host }, sites: Vec::new() });
        }
        Ok(())
    }

    /// Knative's route for a cluster-local host of a component.
    pub(super) fn knative_local_route(
        &self,
        subject: &Subject,
        component: Component,
        istio: &IstioConfig,
        host: String,
    ) -> Route {
        let config = self.facts.istio_config();
        let labels = subject.service_labels(component);
        let entries = istio.local_for(&labels);
        let external = if self.is_public(subject, component) { istio.external_for(&labels) } else { Vec::new() };
        // Without local gateways net-istio leaves the match open to every gateway that the VirtualService is bound to.
        let matched = if entries.is_empty() { &external } else { &entries };
        Route {
            namespace: subject.namespace.clone(),
            host,
            meant: matched.len(),
            gateways: matched.iter().map(|entry| (entry.gateway.clone(), entry_site(&config, entry, "name"))).collect(),
            bound: entries.iter().chain(&external).map(|entry| entry.gateway.clone()).collect(),
            hops: (Hop::KnativeListener, Hop::KnativeRoute),
            tls: false,
            site: config.site(crate::model::config_map::ConfigMap::path("local-gateways")),
        }
    }

    /// KServe's configuration, for an InferenceService in Knative mode.
    pub(super) fn serverless_config(&self, subject: &Subject, hop: Hop) -> Result<Arc<KserveConfig>, End> {
        let key = self.facts.kserve_config();
        let config = match &self.configuration.kserve {
            Lookup::Present(Ok(config)) => config.clone(),
            Lookup::Present(Err(refusal)) => return Err(refused(hop, key, refusal)),
            Lookup::Absent => {
                let site = key.site(FieldPath::root());
                return Err(broken(hop, Cause::ConfigMissing { config: key }, site));
            }
            Lookup::Unknown(why) => return Err(End::Unknown { hop, why: format!("{key}: {why}") }),
        };
        match subject.mode(&config) {
            Some(DeploymentMode::Knative) => self.check_ingress_class(hop).map(|()| config),
            Some(DeploymentMode::Standard | DeploymentMode::ModelMesh) => Err(End::NotMade),
            None => {
                let why =
                    format!("{key} has no default deployment mode, and releases of KServe differ in what that means");
                Err(End::Unknown { hop, why })
            }
        }
    }

    /// Ends the walk where another ingress than net-istio serves the cluster: its gateways are not modelled, and KServe is
    /// then told not to use Istio's, or its routes lead nowhere already.
    fn check_ingress_class(&self, hop: Hop) -> Result<(), End> {
        match &self.configuration.network {
            Lookup::Present(network) if network.ingress_class != ISTIO_INGRESS_CLASS => {
                let why = format!("Knative's ingress class is {:?}, not Istio's", network.ingress_class);
                Err(End::Unknown { hop, why })
            }
            Lookup::Unknown(why) => Err(End::Unknown { hop, why: format!("config-network: {why}") }),
            Lookup::Present(_) | Lookup::Absent => Ok(()),
        }
    }

    /// net-istio's configuration.
    pub(super) fn istio_config(&self) -> Result<Arc<IstioConfig>, End> {
        let hop = Hop::KnativeRoute;
        let key = self.facts.istio_config();
        match &self.configuration.istio {
            Lookup::Present(Ok(config)) if config.empty_list_is_ambiguous => {
                let why = format!(
                    "an empty gateway list in {key} means the shipped gateways to Knative before 1.22 and none since; set \
                     versions.knative"
                );
                Err(End::Unknown { hop, why })
            }
            Lookup::Present(Ok(config)) => Ok(config.clone()),
            Lookup::Present(Err(refusal)) => Err(refused(hop, key, refusal)),
            Lookup::Absent => {
                let site = key.site(FieldPath::root());
                Err(broken(hop, Cause::ConfigMissing { config: key }, site))
            }
            Lookup::Unknown(why) => Err(End::Unknown { hop, why: format!("{key}: {why}") }),
        }
    }

    /// Fails where the API server or istiod would refuse what KServe writes.
    pub(super) fn check_written_objects(&self, config: &KserveConfig, hop: Hop) -> Result<(), End> {
        match config.refused_objects().first() {
            Some(refusal) => Err(refused(hop, self.facts.kserve_config(), refusal)),
            None => Ok(()),
        }
    }

    pub(super) fn resolved(&self, host: &str, hop: Hop, site: &Site) -> Result<Arc<Service>, End> {
        let caller = if hop == Hop::Destination { Caller::Gateway } else { Caller::Client };
        resolve(self.view, host, &self.facts.cluster_domain, caller).map_err(|why| match why {
            Endpoints::NoService(service) => {
                broken(hop, Cause::ServiceMissing { host: host.to_owned(), service }, site.clone())
            }
            Endpoints::Unknown(why) => End::Unknown { hop, why },
            _ => broken(hop, Cause::NameUnresolvable { host: host.to_owned() }, site.clone()),
        })
    }

    pub(super) fn kserve_site<T>(&self, field: &str, value: &Located<T>) -> Site {
        let mut site = self.facts.kserve_config().site(KserveConfig::path(field));
        site.line = value.written_line();
        site
    }

    pub(super) fn kserve_gateway(&self, subject: &Subject, field: &str, value: &Located<String>) -> (GatewayRef, Site) {
        (GatewayRef::resolve(&value.value, &subject.namespace), self.kserve_site(field, value))
    }

    /// Whether Knative gives a component of the InferenceService a public host.
    pub(super) fn is_public(&self, subject: &Subject, component: Component) -> bool {
        let domain = match &self.configuration.domain {
            Lookup::Present(domains) => {
                domains.domain_for(&subject.service_labels(component), &self.facts.cluster_domain)
            }
            Lookup::Absent | Lookup::Unknown(_) => None,
        };
        !subject.shape.cluster_local && domain.is_some()
    }

    /// The Gateways that KServe's VirtualService is bound to.
    pub(super) fn kserve_bound(&self, subject: &Subject, config: &KserveConfig) -> Vec<GatewayRef> {
        let mut bound = vec![GatewayRef::resolve(&config.local_gateway.value, &subject.namespace)];
        if self.is_public(subject, subject.front()) {
            bound.push(GatewayRef::resolve(&config.ingress_gateway.value, &subject.namespace));
        }
        bound
    }
}

/// The field of an entry of `config-istio`.
pub(super) fn entry_site(config: &ObjectKey, entry: &GatewayEntry, field: &str) -> Site {
    Site { object: config.clone(), path: entry.field(field), line: entry.line }
}

pub(super) fn refused(hop: Hop, config: ObjectKey, refusal: &Refusal) -> End {
    let mut site = config.site(refusal.path.clone());
    site.line = refusal.position.map(|(line, _)| line);
    broken(hop, Cause::Refused { config, refusal: refusal.clone() }, site)
}

/// The port that a local client uses: the one it used before, unless HTTP's takes the place of that; else HTTP's, or, where
/// the Service has none, the first that faces clients (some distributions expose HTTPS only).
fn client_port(service: &Service, before: Option<&Request>) -> u16 {
    let has = |number: u16| service.tcp_port(number).is_some();
    match before.and_then(|request| request.entries.first()) {
        Some((_, used)) if has(*used) || !has(HTTP_PORT) => *used,
        _ if has(HTTP_PORT) => HTTP_PORT,
        _ => {
            let facing = service.ports.iter().find(|port| port.tcp && !ISTIO_PORTS.contains(&port.port));
            facing.map_or(HTTP_PORT, |port| port.port)
        }
    }
}
