//! The controllers' configuration in one view, parsed once for all of its walks.

use std::sync::Arc;

use crate::model::config_map::{CONFIG_DOMAIN, CONFIG_ISTIO, CONFIG_NETWORK, INFERENCE_SERVICE_CONFIG};
use crate::model::domain_config::{DomainConfig, NetworkConfig};
use crate::model::go_struct::Refusal;
use crate::model::istio_config::IstioConfig;
use crate::model::kserve_config::KserveConfig;
use crate::model::version::Versions;
use crate::object::{Kind, ObjectKey};
use crate::view::{Lookup, View};

/// What is known of the cluster beside its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFacts {
    /// KServe's namespace.
    pub kserve_namespace: Arc<str>,
    /// Knative Serving's namespace.
    pub knative_namespace: Arc<str>,
    /// The cluster's DNS domain.
    pub cluster_domain: Arc<str>,
    /// Whether istiod runs with `PILOT_SCOPE_GATEWAY_TO_NAMESPACE`.
    pub scope_gateways_to_namespace: bool,
    /// The installed releases.
    pub versions: Versions,
}

impl Default for ClusterFacts {
    fn default() -> Self {
        Self {
            kserve_namespace: "kserve".into(),
            knative_namespace: "knative-serving".into(),
            cluster_domain: "cluster.local".into(),
            scope_gateways_to_namespace: false,
            versions: Versions::default(),
        }
    }
}

impl ClusterFacts {
    /// The host of a Kubernetes Service.
    #[must_use]
    pub fn service_host(&self, name: &str, namespace: &str) -> String {
        format!("{name}.{namespace}.svc.{}", self.cluster_domain)
    }

    /// KServe's ConfigMap.
    #[must_use]
    pub fn kserve_config(&self) -> ObjectKey {
        ObjectKey::new(Kind::ConfigMap, self.kserve_namespace.clone(), INFERENCE_SERVICE_CONFIG)
    }

    /// net-istio's ConfigMap.
    #[must_use]
    pub fn istio_config(&self) -> ObjectKey {
        ObjectKey::new(Kind::ConfigMap, self.knative_namespace.clone(), CONFIG_ISTIO)
    }
}

/// The configuration of KServe, net-istio and Knative.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// `inferenceservice-config`.
    pub kserve: Lookup<Result<Arc<KserveConfig>, Refusal>>,
    /// `config-istio`.
    pub istio: Lookup<Result<Arc<IstioConfig>, Refusal>>,
    /// `config-domain`.
    pub domain: Lookup<DomainConfig>,
    /// `config-network`; an absent one is the defaults.
    pub network: Lookup<NetworkConfig>,
}

impl Configuration {
    /// Reads the configuration of a view.
    pub fn of(view: &View<'_>, facts: &ClusterFacts) -> Self {
        let kserve = view
            .config_map(&facts.kserve_namespace, INFERENCE_SERVICE_CONFIG)
            .map(|config_map| KserveConfig::parse(&config_map, facts.versions).map(Arc::new));
        let istio = view.config_map(&facts.knative_namespace, CONFIG_ISTIO).map(|config_map| {
            IstioConfig::parse(&config_map, &facts.knative_namespace, &facts.cluster_domain, facts.versions)
                .map(Arc::new)
        });
        let domain =
            view.config_map(&facts.knative_namespace, CONFIG_DOMAIN).map(|config_map| DomainConfig::parse(&config_map));
        let network = match view.config_map(&facts.knative_namespace, CONFIG_NETWORK) {
            Lookup::Unknown(why) => Lookup::Unknown(why),
            found => Lookup::Present(NetworkConfig::parse(found.present().as_deref())),
        };
        Self { kserve, istio, domain, network }
    }

    /// Whether every walk goes the same way by another configuration, whatever else the cluster holds: the two may differ
    /// in where things are written, and in fields that shape no request. What is refused is never the same.
    #[must_use]
    pub fn leads_as(&self, other: &Self) -> bool {
        let kserve =
            |side: &Self| side.kserve.as_ref().map(|read| read.clone().map(|config| config.without_lines()).ok());
        let istio =
            |side: &Self| side.istio.as_ref().map(|read| read.clone().map(|config| config.without_lines()).ok());
        let is_read = |side: &Self| !side.refuses();
        is_read(self)
            && is_read(other)
            && kserve(self) == kserve(other)
            && istio(self) == istio(other)
            && self.domain == other.domain
            && self.network == other.network
    }

    /// Whether KServe or net-istio refuses what it reads.
    fn refuses(&self) -> bool {
        matches!(self.kserve, Lookup::Present(Err(_))) || matches!(self.istio, Lookup::Present(Err(_)))
    }

    /// KServe's configuration, where it parses.
    #[must_use]
    pub fn kserve(&self) -> Option<&Arc<KserveConfig>> {
        match &self.kserve {
            Lookup::Present(Ok(config)) => Some(config),
            _ => None,
        }
    }

    /// net-istio's configuration, where it parses.
    #[must_use]
    pub fn istio(&self) -> Option<&Arc<IstioConfig>> {
        match &self.istio {
            Lookup::Present(Ok(config)) => Some(config),
            _ => None,
        }
    }
}
