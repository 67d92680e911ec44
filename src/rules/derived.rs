//! What the Knative operator writes, and the field of the KnativeServing that it writes it from.

use std::sync::Arc;

use super::edit;
use crate::model::Object;
use crate::model::istio_config::{SHIPPED_EXTERNAL, SHIPPED_LOCAL};
use crate::model::knative_serving::{GatewayOverride, IngressPlugins, KnativeServing};
use crate::object::{FieldPath, Kind, ObjectKey, Segment, Site};
use crate::view::{Lookup, View};
use crate::walk::ClusterFacts;

/// The field of a KnativeServing that decides what a field of a derived object says; `None` where nothing derives it, or
/// where it says something else by now.
pub(super) fn source_of(view: &View<'_>, facts: &ClusterFacts, site: &Site) -> Option<Site> {
    let [Segment::Key(top), Segment::Key(key), rest @ ..] = site.path.0.as_slice() else { return None };
    let at = |serving: &KnativeServing, prefix: FieldPath, rest: &[Segment]| {
        let path = FieldPath(prefix.0.into_iter().chain(rest.iter().cloned()).collect());
        Site { object: serving.key.clone(), path, line: site.line }
    };
    match (site.object.kind, &**top, &**key) {
        (Kind::ConfigMap, "data", key) => {
            let serving = serving_in(view, &site.object.namespace)?;
            let (section, data) = serving.config_for(&site.object.name)?;
            let written = data.get(key)?;
            let config_map = view.config_map(&site.object.namespace, &site.object.name).present()?;
            (config_map.data.get(key) == Some(written)).then(|| {
                let prefix = FieldPath::of("spec.config").key(section).key(key);
                at(&serving, prefix, rest)
            })
        }
        (Kind::IstioGateway, "spec", field @ ("selector" | "servers")) => {
            let serving = serving_in(view, &site.object.namespace)?;
            let (name, rewrite) = override_for(serving.ingress.as_ref()?, &site.object.name)?;
            let gateway = view.gateway(&site.object.namespace, &site.object.name).present()?;
            let rewritten = match field {
                "selector" => !rewrite.selector.is_empty() && rewrite.selector == gateway.selector,
                _ => !rewrite.servers.is_empty() && rewrite.servers == gateway.servers,
            };
            rewritten.then(|| at(&serving, FieldPath::of("spec.ingress.istio").key(name).key(field), rest))
        }
        (Kind::Service, "spec", "selector") if *site.object.name == *SHIPPED_LOCAL => {
            let serving = serving_in(view, &facts.knative_namespace)?;
            let rewrite = &serving.ingress.as_ref()?.local_override;
            let service = view.service(&site.object.namespace, &site.object.name).present()?;
            let rewritten = !rewrite.selector.is_empty() && rewrite.selector == service.selector;
            rewritten
                .then(|| at(&serving, FieldPath::of("spec.ingress.istio").key(SHIPPED_LOCAL).key("selector"), rest))
        }
        _ => None,
    }
}

/// The KnativeServing that ships a Gateway, and the path under which it may rewrite the Gateway's field.
pub(super) fn shipped_by(view: &View<'_>, gateway: &ObjectKey, field: &str) -> Option<Site> {
    if gateway.kind != Kind::IstioGateway {
        return None;
    }
    let serving = serving_in(view, &gateway.namespace)?;
    let (name, _) = override_for(&IngressPlugins::default(), &gateway.name)?;
    Some(serving.key.site(FieldPath::of("spec.ingress.istio").key(name).key(field)))
}

/// The KnativeServing of a namespace, where it installs net-istio.
pub(super) fn serving_in(view: &View<'_>, namespace: &str) -> Option<Arc<KnativeServing>> {
    view.knative_servings().into_iter().find(|serving| *serving.key.namespace == *namespace && serving.installs_istio())
}

/// The override for a shipped Gateway of this name.
pub(super) fn override_for<'a>(
    ingress: &'a IngressPlugins,
    gateway: &str,
) -> Option<(&'static str, &'a GatewayOverride)> {
    match gateway {
        SHIPPED_LOCAL => Some((SHIPPED_LOCAL, &ingress.local_override)),
        SHIPPED_EXTERNAL => Some((SHIPPED_EXTERNAL, &ingress.external_override)),
        _ => None,
    }
}

/// The same site with the very line of its field, where the text that holds it reads.
pub(super) fn exact(view: &View<'_>, site: &Site) -> Site {
    let split = site.path.0.iter().position(|segment| *segment == Segment::Text);
    let line = split.and_then(|split| {
        let (_, line) = edit::find(&text_at(view, site)?, &site.path.0[split + 1..])?;
        Some(line)
    });
    Site { line: line.or(site.line), ..site.clone() }
}

/// The text of a key that a ConfigMap, or the KnativeServing that writes it, holds.
pub(super) fn text_at(view: &View<'_>, site: &Site) -> Option<Arc<str>> {
    match (site.object.kind, site.path.0.as_slice()) {
        (Kind::ConfigMap, [_, Segment::Key(key), ..]) => {
            view.config_map(&site.object.namespace, &site.object.name).present()?.data.get(&**key).cloned()
        }
        (Kind::KnativeServing, [_, _, Segment::Key(section), Segment::Key(key), ..]) => {
            let Lookup::Present(Object::KnativeServing(serving)) = view.object(&site.object) else { return None };
            serving.config.get(&**section)?.get(&**key).cloned()
        }
        _ => None,
    }
}
