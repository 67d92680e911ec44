//! PL501.

use crate::finding::Finding;
use crate::model::istio_config::{SHIPPED_EXTERNAL, SHIPPED_LOCAL};
use crate::model::knative_serving::KnativeServing;
use crate::object::{FieldPath, Kind, ObjectKey, Site};
use crate::operator::{self, is_derived};
use crate::rules::case::{Explanation, field, object};
use crate::rules::declare::declare_rule;
use crate::rules::remedy;
use crate::view::Lookup;
use crate::walk::Walker;

declare_rule! {
    /// The edited object is written by the Knative operator, which will undo the edit.
    ///
    /// ## What breaks
    ///
    /// Nothing by itself: the edit takes effect, and some time later it is gone again, without a message to whoever made it.
    /// Whatever was built on it in between then breaks.
    ///
    /// ## Why
    ///
    /// Where a KnativeServing exists, the operator writes `config-istio`, `config-domain`, `config-network`, the Gateways
    /// `knative-local-gateway` and `knative-ingress-gateway` and the Service `knative-local-gateway`, and reapplies them whenever
    /// the KnativeServing or one of them changes. Keys of a ConfigMap that the KnativeServing sets under `spec.config` are
    /// overwritten; keys that it does not set survive.
    ///
    /// ## How to fix
    ///
    /// Make the change in the KnativeServing: `spec.config.istio` for `config-istio`,
    /// `spec.ingress.istio.knative-local-gateway` for the Gateway's selector and servers.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: operator.knative.dev/v1beta1
    /// kind: KnativeServing
    /// metadata: {name: knative-serving, namespace: knative-serving}
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models", "*.models.svc.cluster.local"]
    /// ```
    ///
    /// A Gateway that the operator does not ship stays as it is written:
    ///
    /// ```yaml good
    /// apiVersion: operator.knative.dev/v1beta1
    /// kind: KnativeServing
    /// metadata: {name: knative-serving, namespace: knative-serving}
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: custom-local-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: custom-local-gateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) OPERATOR_OVERWRITES = 501 "operator-overwrites" {
        summary: "The edited object is written by the Knative operator, which will undo the edit",
        severity: Warning,
        hops: [],
        reads: {
            KnativeServing: ["spec.config", "spec.ingress"],
            ConfigMap: ["data"],
            IstioGateway: ["spec.selector", "spec.servers"],
            Service: ["spec.selector", "spec.ports"],
        },
    }
}

/// What the operator will make of an edit of something that it writes. Its own writes are the caller's to leave out.
pub(super) fn undone(before: &Walker<'_, '_>, after: &Walker<'_, '_>, changed: &ObjectKey) -> Option<Finding> {
    let serving = after.view.knative_servings().into_iter().find(|serving| is_derived(changed, serving))?;
    let (site, source) = match changed.kind {
        Kind::ConfigMap => config_key(before, after, changed, &serving)?,
        Kind::IstioGateway => shipped_gateway(before, after, changed, &serving)?,
        Kind::Service => {
            let read = |walker: &Walker<'_, '_>| walker.view.service(&changed.namespace, &changed.name).present();
            let (old, new) = (read(before)?, read(after));
            let same = new.as_ref().is_some_and(|new| (&new.selector, &new.ports) == (&old.selector, &old.ports));
            let written = operator::derived_service(&serving);
            let as_written = new.zip(written).is_some_and(|(new, written)| new.selector == written.selector);
            if same || as_written {
                return None;
            }
            let source = FieldPath::of("spec.ingress.istio").key(SHIPPED_LOCAL).key("selector");
            (changed.site(FieldPath::of("spec")), serving.key.site(source))
        }
        _ => return None,
    };
    // As a warning it is cut off after 120 characters, so what to do comes early.
    let message = format!("the Knative operator will undo this edit; make it in {}", field(&source));
    let text = format!("make the change in {}, and leave {} to the operator", field(&source), object(changed));
    let explanation = Explanation::new(&OPERATOR_OVERWRITES, message, site, "edited by hand")
        .and(source, "what the operator writes it from")
        .remedy(remedy::by_hand(&serving.key, text));
    Some(explanation.into_finding(after.view, after.facts, None, ("hazard", "the edit disappears some time later")))
}

/// The first key of a ConfigMap that an edit takes away from what the KnativeServing says.
fn config_key(
    before: &Walker<'_, '_>,
    after: &Walker<'_, '_>,
    changed: &ObjectKey,
    serving: &KnativeServing,
) -> Option<(Site, Site)> {
    let (section, written) = serving.config_for(&changed.name)?;
    let read = |walker: &Walker<'_, '_>| match walker.view.config_map(&changed.namespace, &changed.name) {
        Lookup::Present(config_map) => Some(config_map),
        Lookup::Absent | Lookup::Unknown(_) => None,
    };
    let (old, new) = (read(before)?, read(after));
    let (key, _) = written.iter().find(|(key, value)| {
        let held = new.as_ref().and_then(|new| new.data.get(*key));
        held != Some(*value) && held != old.data.get(*key)
    })?;
    let source = FieldPath::of("spec.config").key(section).key(key.as_str());
    Some((changed.site(FieldPath::of("data").key(key.as_str())), serving.key.site(source)))
}

fn shipped_gateway(
    before: &Walker<'_, '_>,
    after: &Walker<'_, '_>,
    changed: &ObjectKey,
    serving: &KnativeServing,
) -> Option<(Site, Site)> {
    let name = [SHIPPED_LOCAL, SHIPPED_EXTERNAL].into_iter().find(|name| *changed.name == **name)?;
    let read = |walker: &Walker<'_, '_>| walker.view.gateway(&changed.namespace, &changed.name).present();
    let (old, new) = (read(before)?, read(after));
    let source = |field: &str| serving.key.site(FieldPath::of("spec.ingress.istio").key(name).key(field));
    let at = |field: &str| changed.site(FieldPath::of("spec").key(field));
    let written = operator::derived_gateway(serving, name)?;
    let Some(new) = new else { return Some((changed.site(FieldPath::root()), source("selector"))) };
    if new.selector != old.selector && new.selector != written.selector {
        return Some((at("selector"), source("selector")));
    }
    let same = new.servers == old.servers || new.servers == written.servers;
    (!same).then(|| (at("servers"), source("servers")))
}
