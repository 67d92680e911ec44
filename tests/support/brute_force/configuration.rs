//! The controllers' configuration as a walk by brute force reads it. Gateway lists are written as JSON.

use serde_json::{Map, Value, json};

use super::{DOMAIN, Fate, World, fails, is_subset, text, unclear};

/// A gateway of `config-istio`.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) gateway: (String, String),
    pub(super) service: String,
    /// `labelSelector`, where there is one.
    selector: Option<Value>,
}

pub(super) struct Istio {
    pub(super) local: Vec<Entry>,
    pub(super) external: Vec<Entry>,
}

impl World<'_> {
    /// kserve `pkg/apis/serving/v1beta1/configmap.go` `NewIngressConfig`, and `NewDeployConfig` under `deploy`.
    pub(super) fn kserve(self) -> Result<Value, Fate> {
        let Some(config) = self.find("ConfigMap", "kserve", "inferenceservice-config") else {
            return fails("no inferenceservice-config");
        };
        let read = |key: &str| config["data"][key].as_str().map(serde_json::from_str::<Value>);
        let mut ingress = match read("ingress") {
            Some(Ok(ingress)) if ingress.is_object() => ingress,
            _ => return fails("ingress does not parse"),
        };
        let is_named = !text(&ingress, "ingressGateway").is_empty();
        let gateway: Vec<_> = text(&ingress, "kserveIngressGateway").split('/').collect();
        let is_known =
            ingress["enableGatewayApi"] != true || gateway.len() == 2 && gateway.iter().all(|it| is_label(it));
        let has_domain = text(&ingress, "pathTemplate").is_empty() || !text(&ingress, "ingressDomain").is_empty();
        if !is_named || !is_known || !has_domain {
            return fails("inferenceservice-config is refused");
        }
        ingress["mode"] = match read("deploy") {
            None => Value::Null,
            Some(Ok(deploy)) if mode(text(&deploy, "defaultDeploymentMode")).is_some() => {
                mode(text(&deploy, "defaultDeploymentMode")).into()
            }
            Some(_) => return fails("deploy is refused"),
        };
        Ok(ingress)
    }

    /// What of KServe's own objects the API server and istiod refuse: the ExternalName Service (k8s
    /// `pkg/apis/core/validation` `ValidateService`), the VirtualService (istio `pkg/config/validation`).
    pub(super) fn unwritable(self) -> Vec<&'static str> {
        let Ok(config) = self.kserve() else { return Vec::new() };
        if config["disableIstioVirtualHost"] == true {
            return Vec::new();
        }
        let service = text(&config, "localGatewayService");
        let mut refused = Vec::new();
        if !service.strip_suffix('.').unwrap_or(service).split('.').all(is_label) {
            refused.push("KServe's Service");
        }
        let is_gateway = |text: &str| match text.split_once('/') {
            Some((space, name)) => is_istio_label(space) && is_istio_label(name),
            None => text.split('.').all(is_istio_label),
        };
        let destination = match text(&config, "knativeLocalGatewayService") {
            "" => service,
            named => named,
        };
        let is_destination = destination.strip_suffix('.').unwrap_or(destination).split('.').all(is_istio_label);
        let gateways = ["localGateway", "ingressGateway"].map(|field| text(&config, field));
        if !gateways.into_iter().all(is_gateway) || !is_destination {
            refused.push("KServe's VirtualService");
        }
        refused
    }

    /// Whether KServe writes Istio objects at all.
    pub(super) fn is_serverless(self) -> bool {
        let by_default = self.kserve().is_ok_and(|config| config["mode"] == "Knative" || config["mode"].is_null());
        by_default || self.all("InferenceService").any(|service| own_mode(service) == Some("Knative"))
    }

    /// net-istio `pkg/reconciler/ingress/config/istio.go` `NewIstioFromConfigMap`, of Knative 1.22.
    pub(super) fn istio(self) -> Result<Istio, Fate> {
        let Some(config) = self.find("ConfigMap", "knative-serving", "config-istio") else {
            return fails("no config-istio");
        };
        let empty = Map::new();
        let data = config["data"].as_object().unwrap_or(&empty);
        let old = |prefix: &str| -> Vec<Entry> {
            let named = data.iter().filter_map(|(key, service)| {
                let (space, name) = key.strip_prefix(prefix)?.split_once('.')?;
                let gateway = (space.to_owned(), name.to_owned());
                Some(Entry { gateway, service: service.as_str()?.to_owned(), selector: None })
            });
            named.collect()
        };
        let (old_external, old_local) = (old("gateway."), old("local-gateway."));
        let has_old = !old_external.is_empty() || !old_local.is_empty();
        let has_lists = data.contains_key("local-gateways") || data.contains_key("external-gateways");
        let shipped = |name: &str, service: &str| json!([{"name": name, "namespace": "knative-serving", "service": format!("{service}.istio-system.{DOMAIN}")}]);
        let local = shipped("knative-local-gateway", "knative-local-gateway");
        let external = shipped("knative-ingress-gateway", "istio-ingressgateway");
        if has_old && has_lists {
            return fails("old and new keys together");
        }
        let or = |old: Vec<Entry>, key: &str, shipped: Value| {
            if old.is_empty() { entries(&config["data"][key], shipped) } else { Some(old) }
        };
        match (or(old_local, "local-gateways", local), or(old_external, "external-gateways", external)) {
            (Some(local), Some(external)) => Ok(Istio { local, external }),
            _ => fails("config-istio does not parse"),
        }
    }

    fn network(self, key: &str) -> Option<&'static str> {
        let network = self.find("ConfigMap", "knative-serving", "config-network")?;
        let known = [
            "istio.ingress.networking.knative.dev",
            "Redirected",
            "{{.Name}}-{{.Namespace}}.{{.Domain}}",
            "{{.Name}}.{{.Namespace}}.{{.Domain}}",
        ];
        let value = network["data"][key].as_str()?;
        Some(known.into_iter().find(|known| *known == value).unwrap_or("another"))
    }

    pub(super) fn is_on_istio(self) -> bool {
        self.network("ingress-class").is_none_or(|class| class == "istio.ingress.networking.knative.dev")
    }

    /// Whether Knative redirects plain requests, on Gateways of its own.
    pub(super) fn redirects(self) -> bool {
        self.network("http-protocol") == Some("Redirected")
    }

    /// The public host of a component's Knative service, if it has one (knative/serving `pkg/reconciler/route/domains`).
    pub(super) fn public_host(self, service: &Value, component: &str) -> Result<Option<String>, Fate> {
        let Some(domain) = self.domain(service, component) else { return Ok(None) };
        let own = format!("{}-{component}", super::name(service));
        let space = super::namespace(service);
        match self.network("domain-template") {
            None | Some("{{.Name}}.{{.Namespace}}.{{.Domain}}") => Ok(Some(format!("{own}.{space}.{domain}"))),
            Some("{{.Name}}-{{.Namespace}}.{{.Domain}}") => Ok(Some(format!("{own}-{space}.{domain}"))),
            Some(_) => unclear("another domain-template"),
        }
    }

    /// knative/serving `pkg/reconciler/route/config/domain.go` `LookupDomainForLabels`.
    pub(super) fn domain(self, service: &Value, component: &str) -> Option<String> {
        if is_private(service) {
            return None;
        }
        let config = self.find("ConfigMap", "knative-serving", "config-domain")?;
        let labels = labels_of(service, component);
        let mut best: Option<(usize, String)> = None;
        for (domain, text) in config["data"].as_object()?.iter().filter(|(key, _)| *key != "_example") {
            let chooser: Value = serde_json::from_str(text.as_str()?).unwrap_or(Value::Null);
            let wanted = chooser["selector"].clone();
            let count = wanted.as_object().map_or(0, Map::len);
            if is_subset(&wanted, &labels) && best.as_ref().is_none_or(|(most, _)| count > *most) {
                best = Some((count, domain.clone()));
            }
        }
        best.map(|(_, domain)| domain).filter(|domain| domain != DOMAIN)
    }
}

pub(super) fn is_private(service: &Value) -> bool {
    service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"
}

/// The deployment mode that an InferenceService names itself (kserve `isvcutils.GetDeploymentMode`).
pub(super) fn own_mode(service: &Value) -> Option<&'static str> {
    mode(text(&service["status"], "deploymentMode"))
        .or_else(|| mode(text(&service["metadata"]["annotations"], "serving.kserve.io/deploymentMode")))
}

fn mode(text: &str) -> Option<&'static str> {
    match text {
        "Serverless" | "Knative" => Some("Knative"),
        "RawDeployment" | "Standard" => Some("Standard"),
        "ModelMesh" => Some("ModelMesh"),
        _ => None,
    }
}

/// The entries of a gateway list; `None` where net-istio would refuse it.
fn entries(list: &Value, shipped: Value) -> Option<Vec<Entry>> {
    let list = match list.as_str() {
        None | Some("") => shipped,
        Some(text) => serde_json::from_str(text).ok()?,
    };
    let mut entries = Vec::new();
    for entry in list.as_array()? {
        entries.push(Entry {
            gateway: (entry["namespace"].as_str()?.to_owned(), entry["name"].as_str()?.to_owned()),
            service: entry["service"].as_str()?.to_owned(),
            selector: Some(entry["labelSelector"].clone()).filter(|selector| !selector.is_null()),
        });
    }
    let defaults = entries.iter().filter(|entry| entry.selector.is_none()).count();
    (entries.is_empty() || defaults == 1).then_some(entries)
}

/// The entries for some labels: those that select them, else those that select nothing (net-istio `resources/gateway.go`).
pub(super) fn chosen(entries: &[Entry], labels: &Value) -> Vec<Entry> {
    let by = |entry: &&Entry| entry.selector.as_ref().is_some_and(|selector| is_chosen(selector, labels));
    let selected: Vec<_> = entries.iter().filter(by).cloned().collect();
    if selected.is_empty() {
        return entries.iter().filter(|entry| entry.selector.is_none()).cloned().collect();
    }
    selected
}

/// Whether a label selector selects some labels (k8s `LabelSelectorAsSelector`).
fn is_chosen(selector: &Value, labels: &Value) -> bool {
    let holds = |wanted: &Value| {
        let own = &labels[text(wanted, "key")];
        let is_in = wanted["values"].as_array().into_iter().flatten().any(|value| value == own);
        match text(wanted, "operator") {
            "In" => is_in,
            "NotIn" => !is_in,
            "Exists" => !own.is_null(),
            _ => own.is_null(),
        }
    };
    is_subset(&selector["matchLabels"], labels)
        && selector["matchExpressions"].as_array().into_iter().flatten().all(holds)
}

/// The labels of a component's Knative service (kserve `components/predictor.go` `buildObjectMeta`).
pub(super) fn labels_of(service: &Value, component: &str) -> Value {
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.extend(service["spec"][component]["labels"].as_object().cloned().unwrap_or_default());
    labels.insert("component".to_owned(), component.into());
    labels.insert("serving.kserve.io/inferenceservice".to_owned(), super::name(service).into());
    labels.into()
}

fn is_label(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !text.is_empty()
        && text.bytes().all(|byte| is_plain(byte) || byte == b'-')
        && text.bytes().next().is_some_and(is_plain)
}

/// Istio's labels may be in upper case (istio `pkg/config/labels` `IsDNS1123Label`).
fn is_istio_label(text: &str) -> bool {
    is_label(&text.to_ascii_lowercase())
}
