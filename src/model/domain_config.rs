//! `config-domain` and `config-network`: the public names that Knative gives (knative/serving
//! `pkg/reconciler/route/config/domain.go`, knative/networking `pkg/config/config.go`).

use super::config_map::ConfigMap;
use super::go_template::GoTemplate;
use super::{Labels, selects};
use crate::object::FieldPath;
use crate::syntax::{Value, yaml};

/// Knative's default `domain-template`.
const DEFAULT_DOMAIN_TEMPLATE: &str = "{{.Name}}.{{.Namespace}}.{{.Domain}}";
/// The ingress class of net-istio, and the default.
pub const ISTIO_INGRESS_CLASS: &str = "istio.ingress.networking.knative.dev";

/// The domains of `config-domain`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainConfig {
    /// Each domain with the labels it selects by; without labels it is a default.
    pub domains: Vec<(String, Labels)>,
}

impl DomainConfig {
    /// Reads the ConfigMap. A domain whose value does not parse is left out: Knative's own webhook keeps such values off.
    #[must_use]
    pub fn parse(config_map: &ConfigMap) -> Self {
        let domains = config_map.data.iter().filter_map(|(domain, value)| Some((domain.clone(), selector(value)?)));
        Self { domains: domains.collect() }
    }

    /// The domain of a service with these labels; `None` when it gets the cluster's own (`LookupDomainForLabels`).
    #[must_use]
    pub fn domain_for(&self, labels: &Labels, cluster_domain: &str) -> Option<&str> {
        let mut best: Option<(&str, usize)> = None;
        for (domain, selector) in self.domains.iter().filter(|(_, selector)| selects(selector, labels)) {
            let better = best
                .is_none_or(|(name, size)| selector.len() > size || (selector.len() == size && domain.as_str() < name));
            if better {
                best = Some((domain, selector.len()));
            }
        }
        let (domain, _) = best?;
        let inside = domain.strip_prefix("svc.").is_some_and(|rest| rest == cluster_domain);
        (!inside).then_some(domain)
    }

    /// The path of a domain.
    #[must_use]
    pub fn path(domain: &str) -> FieldPath {
        ConfigMap::path(domain)
    }
}

fn selector(value: &str) -> Option<Labels> {
    let node = yaml::parse(value).ok()?;
    let mut labels = Labels::new();
    for entry in node.fields("selector") {
        match &entry.value.value {
            Value::Mapping(pairs) => {
                for pair in pairs {
                    // Go makes strings of unquoted numbers and booleans, and the empty one of null.
                    let text = if pair.value.is_null() { "".into() } else { pair.value.coerced_string()? };
                    labels.insert(pair.key.as_str().into(), (*text).into());
                }
            }
            Value::Null => labels.clear(),
            _ => return None,
        }
    }
    Some(labels)
}

/// What of `config-network` shapes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// `ingress-class`.
    pub ingress_class: String,
    /// `domain-template`; `None` when Go would refuse it (Knative then keeps the previous one).
    pub domain_template: Option<GoTemplate>,
    /// Whether plain HTTP is answered with a redirect (`http-protocol: redirected`), which Knative puts on Gateways of
    /// its own for each service.
    pub redirects_http: bool,
}

impl NetworkConfig {
    /// Reads the ConfigMap; an absent one means the defaults.
    #[must_use]
    pub fn parse(config_map: Option<&ConfigMap>) -> Self {
        let value = |new: &str, old: &str| {
            let data = &config_map?.data;
            data.get(new).or_else(|| data.get(old)).map(AsRef::as_ref)
        };
        let template = value("domain-template", "domainTemplate").unwrap_or(DEFAULT_DOMAIN_TEMPLATE);
        Self {
            ingress_class: value("ingress-class", "ingress.class").unwrap_or(ISTIO_INGRESS_CLASS).to_owned(),
            domain_template: GoTemplate::parse(template).ok(),
            redirects_http: value("http-protocol", "httpProtocol")
                .is_some_and(|protocol| protocol.eq_ignore_ascii_case("redirected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_may_hold_unquoted_numbers_and_booleans() {
        let labels = |text| {
            let labels = selector(text)?;
            Some(labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","))
        };
        assert_eq!(labels("selector: {gpu: true, tier: 1, team: }").as_deref(), Some("gpu=true,team=,tier=1"));
        assert_eq!(labels("").as_deref(), Some(""));
        assert_eq!(labels("selector: {tier: [gold]}"), None);
    }
}
