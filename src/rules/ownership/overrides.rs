//! PL502.

use std::sync::Arc;

use crate::finding::Finding;
use crate::model::istio_config::{GatewayEntry, SHIPPED_EXTERNAL, SHIPPED_LOCAL};
use crate::model::knative_serving::{GatewayOverride, KnativeServing};
use crate::model::names::GatewayRef;
use crate::object::FieldPath;
use crate::quote;
use crate::rules::case::{Explanation, labels};
use crate::rules::declare::declare_rule;
use crate::rules::{derived, remedy};
use crate::walk::Walker;

declare_rule! {
    /// A gateway override of the KnativeServing changes a Gateway that nothing uses.
    ///
    /// ## What breaks
    ///
    /// Nothing. The override does not do what its author may think.
    ///
    /// ## Why
    ///
    /// `spec.ingress.istio.knative-local-gateway` rewrites the Gateway of that very name, which Knative ships, and the Service
    /// of that name; `selector` and `servers` have no effect on any other Gateway. Where `local-gateways` names
    /// `custom-local-gateway`, that one has to be changed itself. (The widely copied configuration from kserve#4387 has both:
    /// the override in it is harmless and useless.)
    ///
    /// ## How to fix
    ///
    /// Remove the override, or name the shipped Gateway in `spec.config.istio.local-gateways`.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "istio-system/custom-local-gateway",
    ///       "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local"
    ///     }
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: custom-local-gateway
    ///       namespace: istio-system
    ///       service: custom-local-gateway.istio-system.svc.cluster.local
    /// ---
    /// apiVersion: operator.knative.dev/v1beta1
    /// kind: KnativeServing
    /// metadata: {name: knative-serving, namespace: knative-serving}
    /// spec:
    ///   ingress:
    ///     istio:
    ///       enabled: true
    ///       knative-local-gateway:
    ///         selector: {istio: custom-local-gateway}
    /// ```
    ///
    /// While KServe or Knative names the shipped Gateway, the override works on it:
    ///
    /// ```yaml good
    /// apiVersion: operator.knative.dev/v1beta1
    /// kind: KnativeServing
    /// metadata: {name: knative-serving, namespace: knative-serving}
    /// spec:
    ///   ingress:
    ///     istio:
    ///       enabled: true
    ///       knative-local-gateway:
    ///         selector: {app: istio-ingressgateway}
    /// ```
    pub(in crate::rules) OVERRIDE_WITHOUT_EFFECT = 502 "override-without-effect" {
        summary: "A gateway override of the KnativeServing changes a Gateway that nothing uses",
        severity: Note,
        hops: [],
        reads: {
            KnativeServing: ["spec.ingress.istio.knative-local-gateway", "spec.ingress.istio.knative-ingress-gateway"],
            ConfigMap: ["data.local-gateways", "data.external-gateways", "data.ingress"],
        },
    }
}

pub(super) fn without_effect(walker: &Walker<'_, '_>) -> Vec<Finding> {
    let Some(serving) = derived::serving_in(walker.view, &walker.facts.knative_namespace) else { return Vec::new() };
    let (Some(ingress), Some(istio)) = (&serving.ingress, walker.configuration.istio()) else { return Vec::new() };
    let pairs = [
        (SHIPPED_LOCAL, &ingress.local_override, &istio.local, "local-gateways"),
        (SHIPPED_EXTERNAL, &ingress.external_override, &istio.external, "external-gateways"),
    ];
    let unused = |name: &str, entries: &[GatewayEntry]| !is_used(walker, &serving, name, entries);
    let idle = pairs.into_iter().filter(|(name, rewrite, entries, _)| is_set(rewrite) && unused(name, entries));
    idle.map(|(name, rewrite, entries, list)| finding(walker, &serving, name, rewrite, entries, list)).collect()
}

fn is_set(rewrite: &GatewayOverride) -> bool {
    !rewrite.selector.is_empty() || !rewrite.servers.is_empty()
}

/// Whether KServe or Knative names the shipped Gateway.
fn is_used(walker: &Walker<'_, '_>, serving: &KnativeServing, name: &str, entries: &[GatewayEntry]) -> bool {
    let is_shipped = |gateway: &GatewayRef| gateway.name == name && *gateway.namespace == *serving.key.namespace;
    let by_kserve = walker.configuration.kserve().is_none_or(|kserve| {
        [&kserve.local_gateway, &kserve.ingress_gateway]
            .iter()
            .any(|field| is_shipped(&GatewayRef::resolve(&field.value, "")))
    });
    by_kserve || entries.iter().any(|entry| is_shipped(&entry.gateway))
}

fn finding(
    walker: &Walker<'_, '_>,
    serving: &Arc<KnativeServing>,
    name: &'static str,
    rewrite: &GatewayOverride,
    entries: &[GatewayEntry],
    list: &str,
) -> Finding {
    let path = FieldPath::of("spec.ingress.istio").key(name);
    let names: Vec<String> = entries.iter().map(|entry| entry.gateway.to_string()).collect();
    let used = quote::names(names.iter().map(String::as_str));
    let message = format!(
        "{path} of {} changes Gateway {}/{name} alone, which nothing names: {list} means {used}",
        crate::rules::case::object(&serving.key),
        serving.key.namespace
    );
    let says = if rewrite.selector.is_empty() { "sets servers".to_owned() } else { labels(&rewrite.selector) };
    let used_site = walker.facts.istio_config().site(crate::model::config_map::ConfigMap::path(list));
    let site = serving.key.site(path);
    let remove = |field: &str| format!("remove {field}, and set the selector or servers of {used} itself");
    let removal =
        remedy::change_at(walker.view, walker.facts, &site, remove, |path| remedy::Patch::default().remove(path));
    Explanation::new(&OVERRIDE_WITHOUT_EFFECT, message, site, says)
        .and(used_site, used.clone())
        .remedy(removal)
        .into_finding(walker.view, walker.facts, None, ("hazard", "nothing: the override has no effect on requests"))
}
