//! KnativeServing, and what the Knative operator makes of it (operator `pkg/reconciler/knativeserving/ingress`,
//! `pkg/reconciler/common/config_maps.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::istio_gateway::{IstioGateway, Server};
use super::{Labels, Meta, from_spec, nullable};
use crate::object::ObjectKey;

/// The part of a KnativeServing that configures gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnativeServing {
    /// Which one.
    pub key: ObjectKey,
    /// Metadata.
    pub meta: Meta,
    /// `spec.config`, only the entries for `config-istio`, `config-domain` and `config-network`, by the name written.
    pub config: BTreeMap<String, BTreeMap<String, Arc<str>>>,
    /// `spec.ingress`; `None` when absent, which installs Istio's.
    pub ingress: Option<IngressPlugins>,
    /// `status.version`: the Knative Serving that is installed.
    pub version: Arc<str>,
}

/// `spec.ingress`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressPlugins {
    /// `istio.enabled`.
    pub istio: bool,
    /// `istio.knative-ingress-gateway`.
    pub external_override: GatewayOverride,
    /// `istio.knative-local-gateway`.
    pub local_override: GatewayOverride,
}

/// An override of one of the two Gateways that Knative ships.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayOverride {
    /// `selector`: replaces the Gateway's, and the Service `knative-local-gateway`'s; empty for none.
    pub selector: Labels,
    /// `servers`: replaces the Gateway's; empty for none.
    pub servers: Vec<Server>,
}

impl KnativeServing {
    pub(super) fn new(
        key: &ObjectKey,
        mut meta: Meta,
        spec: serde_json::Value,
        status: Option<serde_json::Value>,
    ) -> serde_json::Result<Self> {
        let raw: RawSpec = from_spec(spec)?;
        let status: RawStatus = from_spec(status.unwrap_or_default())?;
        meta.labels.clear();
        let mut config = BTreeMap::new();
        for (name, data) in raw.config {
            if matches!(name.trim_start_matches("config-"), "istio" | "domain" | "network") {
                let data = data.unwrap_or_default().into_iter();
                config.insert(name, data.map(|(key, value)| (key, value.unwrap_or_default())).collect());
            }
        }
        let ingress = match raw.ingress {
            Some(ingress) => Some(IngressPlugins {
                istio: ingress.istio.enabled,
                external_override: ingress.istio.external.into_override()?,
                local_override: ingress.istio.local.into_override()?,
            }),
            None => None,
        };
        Ok(Self { key: key.clone(), meta, config, ingress, version: status.version })
    }

    /// Whether the operator installs net-istio: an absent `spec.ingress` does, one that enables nothing does not.
    #[must_use]
    pub fn installs_istio(&self) -> bool {
        self.ingress.as_ref().is_none_or(|ingress| ingress.istio)
    }

    /// The keys that this resource writes over a ConfigMap, and the name it writes them under: `config-x` wins over `x`.
    #[must_use]
    pub fn config_for(&self, config_map: &str) -> Option<(&str, &BTreeMap<String, Arc<str>>)> {
        let short = config_map.strip_prefix("config-").unwrap_or(config_map);
        [config_map, short]
            .into_iter()
            .find_map(|name| self.config.get_key_value(name))
            .map(|(name, data)| (name.as_str(), data))
    }
}

/// The keys of one ConfigMap.
type RawData = BTreeMap<String, Option<Arc<str>>>;

#[derive(Debug, Default, Deserialize)]
struct RawSpec {
    #[serde(default, deserialize_with = "nullable")]
    config: BTreeMap<String, Option<RawData>>,
    #[serde(default)]
    ingress: Option<RawIngress>,
}

#[derive(Debug, Default, Deserialize)]
struct RawIngress {
    #[serde(default, deserialize_with = "nullable")]
    istio: RawIstio,
}

#[derive(Debug, Default, Deserialize)]
struct RawIstio {
    #[serde(default, deserialize_with = "nullable")]
    enabled: bool,
    #[serde(default, rename = "knative-ingress-gateway", deserialize_with = "nullable")]
    external: RawOverride,
    #[serde(default, rename = "knative-local-gateway", deserialize_with = "nullable")]
    local: RawOverride,
}

#[derive(Debug, Default, Deserialize)]
struct RawOverride {
    #[serde(default, deserialize_with = "nullable")]
    selector: Labels,
    #[serde(default)]
    servers: Option<serde_json::Value>,
}

impl RawOverride {
    fn into_override(self) -> serde_json::Result<GatewayOverride> {
        let servers = IstioGateway::servers_from(self.servers.unwrap_or_default())?;
        Ok(GatewayOverride { selector: self.selector, servers })
    }
}

#[derive(Debug, Default, Deserialize)]
struct RawStatus {
    #[serde(default, deserialize_with = "nullable")]
    version: Arc<str>,
}
