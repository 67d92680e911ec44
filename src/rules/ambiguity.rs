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
use std::sync::Arc;

use crate::data_plane::endpoints::{Caller, Endpoints, connect, resolve};
use crate::data_plane::listener::{BoundServer, GatewayPods, Listener};
use crate::finding::Finding;
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::model::workload::Pods;
use crate::walk::Walker;

/// The pods of a gateway in a cluster, and what is on them.
struct Place<'a> {
    walker: &'a Walker<'a, 'a>,
    pods: Pods,
    on_pods: GatewayPods<'a>,
}

impl<'a> Place<'a> {
    fn of(walker: &'a Walker<'a, 'a>, pods: &Pods) -> Option<Self> {
        let on_pods = GatewayPods::of(walker.view, pods, walker.facts.scope_gateways_to_namespace).present()?;
        Some(Self { walker, pods: pods.clone(), on_pods })
    }

    /// The listeners here that differ from those that were, each with the one that was: of a thousand Gateways, whatever one
    /// write does not touch costs nothing.
    fn changed_listeners(&self, was: Option<&Place<'_>>) -> impl Iterator<Item = (u16, Listener, Listener)> {
        self.on_pods.ports().into_iter().filter_map(move |port| {
            let before = was.map_or(Listener::Closed, |was| was.on_pods.listener(port));
            let now = self.on_pods.listener(port);
            (!now.is_same(&before)).then_some((port, now, before))
        })
    }
}

/// What is ambiguous on the gateways that requests pass, and was not in a cluster before.
#[must_use]
pub fn ambiguities(walker: &Walker<'_, '_>, before: Option<&Walker<'_, '_>>) -> Vec<Finding> {
    let known = before.map(gateway_pods).unwrap_or_default();
    let mut findings = Vec::new();
    for pods in gateway_pods(walker) {
        let Some(at) = Place::of(walker, &pods) else { continue };
        let was = before.filter(|_| known.iter().any(|known| is_same_place(known, &pods)));
        let was = was.and_then(|walker| Place::of(walker, &pods));
        findings.extend(translation::conflicts(&at, was.as_ref()));
        findings.extend(protocol::dropped(&at, was.as_ref()));
        findings.extend(redirecting::neighbours(&at, was.as_ref()));
    }
    findings.dedup_by(|a, b| a.site == b.site && a.message == b.message);
    findings
}

fn is_same_place(one: &Pods, other: &Pods) -> bool {
    (&one.labels, &one.namespace) == (&other.labels, &other.namespace)
}

/// Explains what is there now and was not; what only looks new, since its object was written, is explained for comparison.
fn explain_new<T, I: Ord>(
    now: &[T],
    before: &[T],
    identity: impl Fn(&T) -> I,
    explain: impl Fn(&T) -> Finding,
) -> Vec<Finding> {
    let identities = |all: &[T]| all.iter().map(&identity).collect::<BTreeSet<I>>();
    let (new, old) = (identities(now), identities(before));
    let gone: Vec<Finding> = before.iter().filter(|was| !new.contains(&identity(was))).map(&explain).collect();
    let come = now.iter().filter(|is| !old.contains(&identity(is))).map(&explain);
    come.filter(|is| !gone.iter().any(|was| (&was.site, &was.message) == (&is.site, &is.message))).collect()
}

/// Tells a server from all others, also from its own earlier versions.
fn identity(bound: &BoundServer) -> (*const IstioGateway, usize) {
    (Arc::as_ptr(&bound.gateway), bound.index)
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
            if !found.iter().any(|known| is_same_place(known, &pods)) {
                found.push(pods);
            }
        }
    }
    found
}
