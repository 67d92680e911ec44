//! PL504.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::finding::{Affected, Finding};
use crate::model::Labels;
use crate::model::config_map::ConfigMap;
use crate::model::inference_service::DeploymentMode;
use crate::model::istio_config::{GatewayEntry, IstioConfig};
use crate::model::names::GatewayRef;
use crate::quote;
use crate::rules::case::Explanation;
use crate::rules::declare::declare_rule;
use crate::rules::remedy;
use crate::view::View;
use crate::walk::{ClusterFacts, Walker};

declare_rule! {
    /// The gateways of Knative services that already exist have changed under them.
    ///
    /// ## What breaks
    ///
    /// Perhaps nothing. Until net-istio has rewritten a service's routes, and where it does not, the service stays on its old
    /// gateway; and whatever happens to its requests, its status stays Ready.
    ///
    /// ## Why
    ///
    /// Knative's own documentation in `config-istio` warns: do not add or remove gateways after Knative services have been
    /// created, "existing services will not be updated to reflect the new gateway configuration and may become unreachable".
    /// net-istio does walk over its ingresses after a change, but it probes none that was ready before, so nobody learns of one
    /// that went wrong. A write is warned of the services that move; `plumbline audit` names those that net-istio has left where
    /// they were, as the VirtualServices say that it makes of them.
    ///
    /// ## How to fix
    ///
    /// Keep the old Gateway and its Service until `plumbline trace` shows the new way for the services named here, then remove
    /// them.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: custom-local-gateway
    ///       namespace: istio-system
    ///       service: custom-local-gateway.istio-system.svc.cluster.local
    /// ```
    ///
    /// The default written out is the same gateway:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local
    /// ```
    pub(in crate::rules) SERVICES_NOT_MOVED = 504 "services-not-moved" {
        summary: "The gateways of Knative services that already exist have changed under them",
        severity: Warning,
        hops: [],
        reads: {
            ConfigMap: ["data.local-gateways", "data.external-gateways"],
            KnativeServing: ["spec.config.istio"],
            InferenceService: ["metadata.labels"],
        },
    }
}

pub(super) fn services(before: &Walker<'_, '_>, after: &Walker<'_, '_>) -> Option<Finding> {
    let (old, new) = (before.configuration.istio()?, after.configuration.istio()?);
    let list = ["local-gateways", "external-gateways"]
        .into_iter()
        .zip([(&old.local, &new.local), (&old.external, &new.external)])
        .find(|(_, (old, new))| is_taken(old, new));
    let (list, (old_list, new_list)) = list?;
    let affected = affected(after, old, new);
    let count = affected.total();
    if count == 0 {
        return None;
    }
    let site = after.facts.istio_config().site(ConfigMap::path(list));
    let message = format!(
        "{count} existing {} from {} to {}, staying Ready whether or not requests still arrive",
        if count == 1 { "InferenceService moves" } else { "InferenceServices move" },
        gateways(old_list),
        gateways(new_list)
    );
    let text =
        format!("keep {} and its Service until every service answers through the new gateway", gateways(old_list));
    let remedy = remedy::by_hand(&site.object, text);
    let explanation = Explanation::new(&SERVICES_NOT_MOVED, message, site, gateways(new_list)).remedy(remedy);
    let words = ("hazard", "services stay Ready whatever happens to their requests");
    let mut finding = explanation.into_finding(after.view, after.facts, None, words);
    finding.affected = affected;
    Some(finding)
}

/// Tells of services that net-istio has on other gateways than those that configuration names.
pub(crate) fn left_behind(
    view: &View<'_>,
    facts: &ClusterFacts,
    istio: &IstioConfig,
    old: &BTreeSet<&GatewayRef>,
    affected: Affected,
) -> Finding {
    let site = facts.istio_config().site(ConfigMap::path("local-gateways"));
    let names: Vec<String> = old.iter().map(ToString::to_string).collect();
    let old = if names.is_empty() { "others".to_owned() } else { quote::names(names.iter().map(String::as_str)) };
    let new = format!("{} and {}", gateways(&istio.local), gateways(&istio.external));
    let message = format!(
        "{count} on {old} still, and not on the gateways of the lists, {new}",
        count = if affected.total() == 1 {
            "1 service is".to_owned()
        } else {
            format!("{} services are", affected.total())
        }
    );
    let text = format!("keep {old} and its Service until net-istio has followed; its log says what is in the way");
    let remedy = remedy::by_hand(&site.object, text);
    let explanation = Explanation::new(&SERVICES_NOT_MOVED, message, site, gateways(&istio.local)).remedy(remedy);
    let words = ("drift", "services stay Ready whatever happens to their requests");
    let mut finding = explanation.into_finding(view, facts, None, words);
    finding.affected = affected;
    finding
}

/// The Gateways of a list, and for whom.
fn gateways(entries: &[GatewayEntry]) -> String {
    let names = entries.iter().map(|entry| {
        let gateway = quote::name(&entry.gateway.to_string());
        if entry.selector.is_some() { format!("{gateway} (by label)") } else { gateway }
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() { "no gateway".to_owned() } else { quote::shortened(&names.join(", "), 160) }
}

/// Whether a Gateway, or the labels that lead to it, may be taken from somebody. One that is only added leaves all as they are.
fn is_taken(old: &[GatewayEntry], new: &[GatewayEntry]) -> bool {
    let is_kept = |entry: &GatewayEntry| {
        new.iter().any(|other| (&other.gateway, &other.selector) == (&entry.gateway, &entry.selector))
    };
    let selects_anew = new.iter().any(|entry| entry.selector.is_some() && !old.contains(entry));
    selects_anew || !old.iter().all(is_kept)
}

/// The InferenceServices from which a Gateway is taken.
fn affected(after: &Walker<'_, '_>, old: &IstioConfig, new: &IstioConfig) -> Affected {
    let mut affected = Affected::default();
    let default_mode = after.configuration.kserve().and_then(|kserve| kserve.default_mode);
    let by_label = old.selects_by_label() || new.selects_by_label();
    // Label sets are shared, so each is compared once.
    let mut moved: BTreeMap<*const Labels, bool> = BTreeMap::new();
    let mut is_moved = |labels: &Arc<Labels>| {
        *moved.entry(Arc::as_ptr(labels)).or_insert_with(|| {
            loses(&old.local_for(labels), &new.local_for(labels))
                || loses(&old.external_for(labels), &new.external_for(labels))
        })
    };
    for (shape, namespaces) in after.view.population().shapes() {
        if shape.mode.or(default_mode) != Some(DeploymentMode::Knative) {
            continue;
        }
        for (namespace, names) in namespaces {
            if by_label {
                let names = names.iter().filter(|(_, labels)| is_moved(labels)).map(|(name, _)| name);
                affected.add(namespace, names);
            } else {
                affected.add_all(namespace, names.len(), names.keys());
            }
        }
    }
    Arc::make_mut(&mut affected.namespaces).retain(|_, (count, _)| *count > 0);
    affected
}

fn loses(old: &[&GatewayEntry], new: &[&GatewayEntry]) -> bool {
    old.iter().any(|entry| !new.iter().any(|other| other.gateway == entry.gateway))
}
