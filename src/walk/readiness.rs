//! net-istio's own look at the gateways: a Gateway it cannot find, or one whose probe is not answered, keeps a new
//! service from ever becoming Ready (net-istio `pkg/reconciler/ingress/lister.go`).

use std::sync::Arc;

use super::local::entry_site;
use super::request::{Hop, Request, RequestKind, Subject};
use super::route::{Route, broken};
use super::{Cause, End, Walk, Walker};
use crate::model::inference_service::Component;
use crate::model::istio_config::GatewayEntry;
use crate::model::istio_gateway::IstioGateway;
use crate::object::{ObjectKey, Site};
use crate::view::Lookup;

impl Walker<'_, '_> {
    pub(super) fn readiness(&self, subject: &Subject) -> Walk {
        let host = format!("{}.{}", subject.service(Component::Predictor), subject.namespace);
        let mut walk =
            Walk { request: Request::new(RequestKind::Readiness, host.clone()), passed: Vec::new(), end: End::Reached };
        if let Err(end) = self.check_readiness(subject, &host) {
            walk.end = end;
        }
        walk
    }

    fn check_readiness(&self, subject: &Subject, host: &str) -> Result<(), End> {
        let hop = Hop::Readiness;
        self.serverless_config(subject, hop)?;
        let istio = self.istio_config()?;
        let config = self.facts.istio_config();
        let labels = subject.service_labels(Component::Predictor);
        let local = istio.local_for(&labels);
        // Only a public service has a rule that needs the external gateways.
        let external =
            if self.is_public(subject, Component::Predictor) { istio.external_for(&labels) } else { Vec::new() };
        for entry in local.iter().chain(&external) {
            let reference = &entry.gateway;
            match self.view.gateway(&reference.namespace, &reference.name) {
                Lookup::Present(_) => {}
                Lookup::Absent => {
                    let site = entry_site(&config, entry, "name");
                    return Err(broken(hop, Cause::GatewayMissing { gateway: reference.clone() }, site));
                }
                Lookup::Unknown(why) => return Err(End::Unknown { hop, why: format!("Gateway {reference}: {why}") }),
            }
        }
        let predictor = Component::Predictor;
        for entry in &local {
            let route = self.knative_local_route(subject, predictor, &istio, host.to_owned());
            self.check_probe(entry, entry_site(&config, entry, "name"), route)?;
        }
        // A gateway that is local, too, is probed once, with the first of all hosts: a local one.
        let is_local = |entry: &GatewayEntry| local.iter().any(|other| other.gateway == entry.gateway);
        for entry in external.iter().filter(|entry| !is_local(entry)) {
            // Where Knative gives no public host, or one that cannot be told, nothing is provable.
            let Ok((host, _)) = self.knative_host(subject, predictor) else { break };
            let Ok(route) = self.knative_public(subject, predictor, host) else { break };
            self.check_probe(entry, entry_site(&config, entry, "name"), route)?;
        }
        Ok(())
    }

    /// Follows the probe of one gateway: the Service is found by its *labels*, and a server is probed on the Service port
    /// of its own number, with the first of the service's hosts.
    fn check_probe(&self, entry: &GatewayEntry, site: Site, route: Route) -> Result<(), End> {
        let Some(gateway) = self.view.gateway(&entry.gateway.namespace, &entry.gateway.name).present() else {
            return Ok(());
        };
        let services = self.view.services_labelled(&gateway.selector);
        // None: not probed. Several: net-istio takes any of them, so nothing is provable.
        let [service] = services.as_slice() else { return Ok(()) };
        let Lookup::Present(pods) = self.view.pods(&service.key.namespace, &service.selector) else { return Ok(()) };
        let route = Route { hops: (Hop::Readiness, Hop::Readiness), site, ..route };
        for (index, server) in gateway.servers.iter().enumerate() {
            if !server.is_probed() || server.redirects() || server.is_tls() || !service.selects_pods() {
                continue;
            }
            let Some((_, port)) = service.tcp_port(server.number) else { continue };
            for pods in &pods {
                let Some(target) = pods.target_of(port) else { continue };
                let Err(End::Broken(found)) = self.carry(pods, target, service, &route) else { continue };
                if matches!(found.cause, Cause::NoVirtualHost(_)) {
                    return Err(not_covered(gateway, index, route, service.key.clone()));
                }
            }
        }
        Ok(())
    }
}

fn not_covered(gateway: Arc<IstioGateway>, server: usize, route: Route, service: ObjectKey) -> End {
    let site = gateway.key.site(IstioGateway::server_path(server).key("hosts"));
    let Route { host, namespace, .. } = route;
    broken(Hop::Readiness, Cause::ProbeNotCovered { gateway, server, host, namespace, service }, site)
}
