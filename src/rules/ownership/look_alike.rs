//! PL506.

use crate::finding::Finding;
use crate::model::config_map::ConfigMap;
use crate::object::{FieldPath, Site};
use crate::quote;
use crate::rules::case::{Explanation, field};
use crate::rules::declare::declare_rule;
use crate::rules::remedy;
use crate::rules::suggest::distance;
use crate::syntax::{Node, Value, json, line_column, yaml};
use crate::walk::Walker;

/// The keys of `config-istio` that hold lists.
const LISTS: [&str; 2] = ["external-gateways", "local-gateways"];
/// The fields of an entry.
const ENTRY_FIELDS: [&str; 4] = ["name", "namespace", "service", "labelSelector"];
/// The fields of `data.ingress`, of every release (kserve `pkg/apis/serving/v1beta1/configmap.go`).
const INGRESS_FIELDS: [&str; 19] = [
    "additionalIngressDomains",
    "disableHTTPRouteTimeout",
    "disableIngressCreation",
    "disableIstioVirtualHost",
    "domainTemplate",
    "enableGatewayApi",
    "enableLLMInferenceServiceTLS",
    "ingressClassName",
    "ingressDomain",
    "ingressGateway",
    "ingressService",
    "knativeLocalGatewayService",
    "kserveIngressGateway",
    "localGateway",
    "localGatewayService",
    "modelBasedRoutingHeaderName",
    "modelBasedRoutingMode",
    "pathTemplate",
    "urlScheme",
];

declare_rule! {
    /// A key looks like one that a controller reads, and is not.
    ///
    /// ## What breaks
    ///
    /// The setting is silently ignored, and a default takes its place.
    ///
    /// ## Why
    ///
    /// Both controllers ignore what they do not know. `local_gateways`, `localGateways` or `local-gateway` in `config-istio`
    /// leave Knative on the gateway that it ships; `labelSelectors` in an entry makes it the default entry; a misspelt field in
    /// KServe's JSON is empty. (Case is no misspelling in KServe's JSON and in the entries: Go matches those keys in any
    /// case. The keys of a ConfigMap itself are exact.)
    ///
    /// ## How to fix
    ///
    /// Write the key as the controller spells it, or remove it.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local_gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local
    /// ```
    ///
    /// A key that resembles none is nobody's business:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   enable-virtualservice-status: "false"
    ///   owner: ml-platform
    /// ```
    pub(in crate::rules) LOOK_ALIKE_KEY = 506 "look-alike-key" {
        summary: "A key looks like one that a controller reads, and is not",
        severity: Warning,
        hops: [],
        reads: {
            ConfigMap: ["data", "data.ingress", "data.local-gateways", "data.external-gateways"],
        },
    }
}

pub(super) fn keys(walker: &Walker<'_, '_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let istio = walker.facts.istio_config();
    if let Some(config_map) = walker.view.config_map(&istio.namespace, &istio.name).present() {
        for (key, text) in &config_map.data {
            if LISTS.contains(&key.as_str()) {
                let Some(Node { value: Value::Sequence(entries), .. }) = yaml::parse(text).ok() else { continue };
                for (index, entry) in entries.iter().enumerate() {
                    let path = ConfigMap::path(key).text().index(index);
                    found.extend(fields(entry, text, &istio.site(path), &ENTRY_FIELDS));
                }
            } else if !key.starts_with("gateway.") && !key.starts_with("local-gateway.") {
                let site = istio.site(ConfigMap::path(key));
                found.extend(alike(key, &LISTS).map(|known| (site, known)));
            }
        }
    }
    let kserve = walker.facts.kserve_config();
    if let Some(config_map) = walker.view.config_map(&kserve.namespace, &kserve.name).present()
        && let Some(text) = config_map.data.get("ingress")
        && let Ok(node) = json::parse(text)
    {
        found.extend(fields(&node, text, &kserve.site(ConfigMap::path("ingress").text()), &INGRESS_FIELDS));
    }
    found.into_iter().map(|(site, known)| finding(walker, &site, known)).collect()
}

/// The fields of a mapping that resemble a known one.
fn fields(node: &Node, text: &str, at: &Site, known: &[&'static str]) -> Vec<(Site, &'static str)> {
    let Value::Mapping(entries) = &node.value else { return Vec::new() };
    let alike = entries.iter().filter_map(|entry| {
        if known.iter().any(|known| known.eq_ignore_ascii_case(&entry.key)) {
            return None;
        }
        let known = alike(&entry.key, known)?;
        let path = FieldPath(at.path.0.clone()).key(entry.key.as_str());
        let line = Some(line_column(text, entry.key_span.start).0);
        Some((Site { object: at.object.clone(), path, line }, known))
    });
    alike.collect()
}

/// The known key that a key must have been meant for: the same but for hyphens, underscores and case, or a slip of the
/// finger away.
fn alike(key: &str, known: &[&'static str]) -> Option<&'static str> {
    const SLIP: usize = 1;
    const SHORTEST: usize = 7;
    let plain = |key: &str| key.replace(['-', '_', '.', ' '], "").to_lowercase();
    let written = plain(key);
    let near = |known: &&&'static str| {
        let known = plain(known);
        written == known || (known.len() >= SHORTEST && distance(&written, &known) <= SLIP)
    };
    known.iter().find(near).copied()
}

fn finding(walker: &Walker<'_, '_>, site: &Site, known: &'static str) -> Finding {
    let message = format!("{} is read by nobody; {known} would be", field(site));
    let text = format!("rename {} to {known}, or remove it", field(site));
    let written = site.path.0.last().map(|segment| match segment {
        crate::object::Segment::Key(key) => quote::quoted(key),
        _ => String::new(),
    });
    Explanation::new(&LOOK_ALIKE_KEY, message, site.clone(), written.unwrap_or_default())
        .remedy(remedy::by_hand(&site.object, text))
        .into_finding(
            walker.view,
            walker.facts,
            None,
            ("hazard", "the setting is ignored, and a default takes its place"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_misses_are_alike() {
        for (key, known) in [
            ("local_gateways", "local-gateways"),
            ("localGateways", "local-gateways"),
            ("local-gateway", "local-gateways"),
            ("External-Gateways", "external-gateways"),
        ] {
            assert_eq!(alike(key, &LISTS), Some(known), "{key}");
        }
        for key in ["gateways", "owner", "enable-virtualservice-status", "local"] {
            assert_eq!(alike(key, &LISTS), None, "{key}");
        }
        assert_eq!(alike("localGatewayServices", &INGRESS_FIELDS), Some("localGatewayService"));
        assert_eq!(alike("names", &ENTRY_FIELDS), None, "short names have too many neighbours");
    }
}
