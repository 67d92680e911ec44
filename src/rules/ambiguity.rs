//! `PL6xx`: what two objects say differently, so that age or order decides.

mod protocol;
mod redirecting;
mod translation;
mod unproven;

pub(super) use protocol::PROTOCOL;
pub(super) use redirecting::REDIRECTING_NEIGHBOUR;
pub(super) use translation::TRANSLATION;
pub(super) use unproven::UNPROVEN;

use std::collections::BTreeSet;

use crate::data_plane::endpoints::{Caller, Endpoints, connect, resolve};
use crate::data_plane::listener::GatewayPods;
use crate::finding::Finding;
use crate::model::names::GatewayRef;
use crate::model::workload::Pods;
use crate::walk::Walker;

/// The pods of a gateway in a cluster, and what is on them.
struct Place<'a> {
    walker: &'a Walker<'a, 'a>,
    pods: Pods,
    on_pods: GatewayPods<'a>,
}

/// What is ambiguous on the gateways that requests pass.
#[must_use]
pub fn ambiguities(walker: &Walker<'_, '_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for pods in gateway_pods(walker) {
        let on_pods = GatewayPods::of(walker.view, &pods, walker.facts.scope_gateways_to_namespace).present();
        let Some(on_pods) = on_pods else { continue };
        let at = Place { walker, pods, on_pods };
        findings.extend(translation::conflicts(&at));
        findings.extend(protocol::dropped(&at));
        findings.extend(redirecting::neighbours(&at));
    }
    findings.dedup_by(|a, b| a.site == b.site && a.message == b.message);
    findings
}

/// The pods behind the Services that KServe's configuration and Knative's lead to, and behind the public Gateway.
fn gateway_pods(walker: &Walker<'_, '_>) -> Vec<Pods> {
    let Some(kserve) = walker.configuration.kserve() else { return Vec::new() };
    let named = [&kserve.local_gateway_service.value, &kserve.knative_local_gateway_service.value];
    let local = walker.configuration.istio().map(|istio| istio.local.as_slice()).unwrap_or_default();
    let hosts = named.into_iter().chain(local.iter().map(|entry| &entry.service)).collect::<BTreeSet<_>>();
    let by_host = hosts
        .into_iter()
        .filter_map(|host| resolve(walker.view, host, &walker.facts.cluster_domain, Caller::Client).ok());
    let ingress = GatewayRef::resolve(&kserve.ingress_gateway.value, "");
    let public = walker.view.gateway(&ingress.namespace, &ingress.name).present();
    let by_selector = public.into_iter().flat_map(|gateway| walker.view.services_selecting(&gateway.selector));
    let mut found: Vec<Pods> = Vec::new();
    for service in by_host.chain(by_selector) {
        let Endpoints::Pods { pods, .. } = connect(walker.view, &service, 80, Caller::Client) else { continue };
        for (pods, _) in pods {
            if !found.iter().any(|known| (&known.labels, &known.namespace) == (&pods.labels, &pods.namespace)) {
                found.push(pods);
            }
        }
    }
    found
}
