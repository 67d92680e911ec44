//! Clusters to judge changes of: the stock layout, and around it as many InferenceServices, Gateways and Services as
//! asked for.

#![allow(clippy::needless_pass_by_value, clippy::unused_self, reason = "builders of a table, not an interface")]

use plumbline::model::{ModelError, Object};
use plumbline::object::{Kind, ObjectKey};
use plumbline::view::Snapshot;
use serde_json::{Value, json};

/// The most namespaces that InferenceServices are spread over.
const MOST_NAMESPACES: usize = 500;
/// The labels of the pods that serve every gateway of the stock layout.
const GATEWAY_PODS: &str = "ingressgateway";

/// How large a cluster is and what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// InferenceServices.
    pub(crate) inference_services: usize,
    /// Istio Gateways beside the two that Knative ships.
    pub(crate) gateways: usize,
    /// Services beside those of the stock layout.
    pub(crate) services: usize,
    /// What is out of the ordinary.
    pub(crate) variant: Variant,
}

/// What is out of the ordinary in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Every Gateway is on the pods that inference requests enter by; InferenceServices share a few sets of labels.
    Plain,
    /// Every other Gateway is on pods of its own.
    GatewaysElsewhere,
    /// Each InferenceService carries a label that no other has, as releases of Helm and Argo CD do.
    OwnLabels,
    /// As plain, and the local Gateway is open to the hosts of each namespace by name.
    HostsByName,
    /// As plain, and `config-istio` chooses the local gateway by a label that every other InferenceService has.
    Selecting,
}

impl Cluster {
    /// The cluster's parts as they would be read from an API server.
    pub(crate) fn snapshot(self) -> Result<Snapshot, ModelError> {
        let mut snapshot = Snapshot::default();
        for manifest in self.manifests() {
            let (key, object) = read(manifest)?;
            snapshot.insert(key, object);
        }
        Ok(snapshot)
    }

    /// Its objects, the stock layout first.
    pub(crate) fn manifests(self) -> impl Iterator<Item = Value> {
        let stock = [
            kserve_config(&ingress_config()),
            knative_config("config-istio", self.gateway_lists()),
            knative_config("config-domain", json!({"example.com": ""})),
            knative_serving(json!({})),
            local_gateway(&self.local_hosts()),
            shipped_gateway("knative-ingress-gateway", 80, &json!(["*"])),
            local_service(&json!({"istio": GATEWAY_PODS})),
            ingress_service(),
            gateway_deployment(),
        ];
        let platform = ["istio-system", "knative-serving", "kserve"].map(str::to_owned);
        let namespaces = platform.into_iter().chain((0..self.namespaces()).map(team)).map(|name| namespace(&name));
        let gateways = (0..self.gateways).map(move |index| self.gateway(index));
        let services = (0..self.services).map(move |index| self.service(index));
        let inference_services = (0..self.inference_services).map(move |index| self.inference_service(index));
        stock.into_iter().chain(namespaces).chain(gateways).chain(services).chain(inference_services)
    }

    /// The first of its Gateways, written once more.
    pub(crate) fn rewritten_gateway(self, round: usize) -> Result<(ObjectKey, Object), ModelError> {
        let mut manifest = self.gateway(0);
        manifest["metadata"]["resourceVersion"] = json!((1_000_000 + round).to_string());
        read(manifest)
    }

    /// How many namespaces hold InferenceServices.
    pub(crate) fn namespaces(self) -> usize {
        match self.inference_services {
            0 => MOST_NAMESPACES,
            some => MOST_NAMESPACES.min(some.div_ceil(2)),
        }
    }

    fn local_hosts(self) -> Value {
        if self.variant != Variant::HostsByName {
            return json!(["*"]);
        }
        let hosts = (0..self.namespaces()).flat_map(|index| hosts_of(&team(index)));
        hosts.collect::<Vec<String>>().into()
    }

    fn gateway_lists(self) -> Value {
        match self.variant {
            Variant::Selecting => json!({"local-gateways": concat!(
                "- name: knative-local-gateway\n",
                "  namespace: knative-serving\n",
                "  service: knative-local-gateway.istio-system.svc.cluster.local\n",
                "- name: knative-local-gateway\n",
                "  namespace: knative-serving\n",
                "  service: knative-local-gateway.istio-system.svc.cluster.local\n",
                "  labelSelector: {matchLabels: {tier: gold}}\n",
            )}),
            _ => json!({}),
        }
    }

    /// A public site of some team: HTTPS, and plain requests redirected to it.
    pub(crate) fn gateway(self, index: usize) -> Value {
        let pods = match self.variant {
            Variant::GatewaysElsewhere if index % 2 == 1 => json!({"app": format!("gateway-{index}")}),
            _ => json!({"istio": GATEWAY_PODS}),
        };
        let hosts = json!([format!("shop-{index}.example.org"), format!("api.shop-{index}.example.org")]);
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": metadata(&format!("shop-{index}"), &team(index % MOST_NAMESPACES), index),
            "spec": {"selector": pods, "servers": [
                {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": hosts,
                 "tls": {"mode": "SIMPLE", "credentialName": "shop"}},
                {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts,
                 "tls": {"httpsRedirect": true}},
            ]},
        })
    }

    /// An application's Service; every twentieth stands beside the gateways, as those of further gateways do.
    fn service(self, index: usize) -> Value {
        let namespace =
            if index.is_multiple_of(20) { "istio-system".to_owned() } else { team(index % MOST_NAMESPACES) };
        let name = format!("app-{index}");
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(&name, &namespace, index),
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        })
    }

    fn inference_service(self, index: usize) -> Value {
        let namespace = team(index % self.namespaces());
        let mut metadata = metadata(&format!("model-{index}"), &namespace, index);
        let tier = if index.is_multiple_of(2) { "gold" } else { "silver" };
        metadata["labels"] = json!({"app.kubernetes.io/managed-by": "Helm", "tier": tier});
        if self.variant == Variant::OwnLabels {
            metadata["labels"]["app.kubernetes.io/instance"] = json!(format!("model-{index}"));
            metadata["labels"]["helm.sh/chart"] = json!("model-1.4.2");
        }
        let mode = if index % 10 == 9 { "Standard" } else { "Knative" };
        metadata["annotations"] = json!({"serving.kserve.io/deploymentMode": mode});
        let mut spec = json!({"predictor": {"model": {
            "modelFormat": {"name": "sklearn"},
            "storageUri": format!("gs://models/{index}"),
        }}});
        if index % 10 == 4 {
            spec["transformer"] = json!({"containers": [{"name": "kserve-container", "image": "transform:1"}]});
        }
        json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": spec})
    }
}

/// Reads a manifest whose kind plumbline knows.
pub(crate) fn read(manifest: Value) -> Result<(ObjectKey, Object), ModelError> {
    let api_version = manifest["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind = Kind::from_group_kind(group, manifest["kind"].as_str().unwrap_or_default());
    Object::from_value(kind.unwrap_or(Kind::Namespace), manifest)
}

/// `inferenceservice-config` with this text as its `ingress`.
pub(crate) fn kserve_config(ingress: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("inferenceservice-config", "kserve", 0),
        "data": {"deploy": "{\"defaultDeploymentMode\": \"Knative\"}", "ingress": ingress},
    })
}

/// The stock `ingress` of `inferenceservice-config`, in one line.
pub(crate) fn ingress_config() -> String {
    json!({
        "kserveIngressGateway": "kserve/kserve-ingress-gateway",
        "ingressGateway": "knative-serving/knative-ingress-gateway",
        "localGateway": "knative-serving/knative-local-gateway",
        "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
        "ingressDomain": "example.com",
        "ingressClassName": "istio",
        "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
        "urlScheme": "http",
        "disableIstioVirtualHost": false,
        "disableIngressCreation": false,
    })
    .to_string()
}

/// A ConfigMap of Knative's.
pub(crate) fn knative_config(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name, "knative-serving", 0), "data": data})
}

/// A KnativeServing that overrides the local Gateway like this.
pub(crate) fn knative_serving(local_override: Value) -> Value {
    json!({
        "apiVersion": "operator.knative.dev/v1beta1",
        "kind": "KnativeServing",
        "metadata": metadata("knative-serving", "knative-serving", 0),
        "spec": {
            "config": {"domain": {"example.com": ""}},
            "ingress": {"istio": {"enabled": true, "knative-local-gateway": local_override}},
        },
    })
}

/// Knative's local Gateway, open to these hosts.
pub(crate) fn local_gateway(hosts: &Value) -> Value {
    shipped_gateway("knative-local-gateway", 8081, hosts)
}

/// The Service in front of Knative's local gateway, with this selector.
pub(crate) fn local_service(selector: &Value) -> Value {
    let mut metadata = metadata("knative-local-gateway", "istio-system", 0);
    metadata["labels"] = json!({"experimental.istio.io/disable-gateway-port-translation": "true"});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": selector, "ports": [
            {"name": "http2", "port": 80, "targetPort": 8081},
            {"name": "https", "port": 443, "targetPort": 8444},
        ]},
    })
}

/// The cluster-local hosts of a namespace.
pub(crate) fn hosts_of(namespace: &str) -> [String; 3] {
    ["", ".svc", ".svc.cluster.local"].map(|suffix| format!("*.{namespace}{suffix}"))
}

/// The namespace of a team, by its number.
pub(crate) fn team(index: usize) -> String {
    format!("team-{index}")
}

fn shipped_gateway(name: &str, number: u16, hosts: &Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": metadata(name, "knative-serving", 0),
        "spec": {"selector": {"istio": GATEWAY_PODS}, "servers": [
            {"port": {"number": number, "name": "http", "protocol": "HTTP"}, "hosts": hosts},
        ]},
    })
}

fn ingress_service() -> Value {
    let mut metadata = metadata("istio-ingressgateway", "istio-system", 0);
    metadata["annotations"] = json!({"external-dns.alpha.kubernetes.io/hostname": "*.example.com"});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "LoadBalancer", "selector": {"istio": GATEWAY_PODS}, "ports": [
            {"name": "http2", "port": 80, "targetPort": 8080},
            {"name": "https", "port": 443, "targetPort": 8443},
        ]},
    })
}

fn gateway_deployment() -> Value {
    let labels = json!({"app": "istio-ingressgateway", "istio": GATEWAY_PODS});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata("istio-ingressgateway", "istio-system", 0),
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [
            {"name": "istio-proxy", "image": "istio/proxyv2:1.27.1", "ports": [
                {"name": "http2", "containerPort": 8080}, {"name": "https", "containerPort": 8443},
            ]},
        ]}}},
    })
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(name, "", 0)})
}

/// Metadata as the API server sends it; objects are created one second after the other, `index` first to last.
fn metadata(name: &str, namespace: &str, index: usize) -> Value {
    let (minutes, second) = (index / 60, index % 60);
    let (hours, minute) = (minutes / 60, minutes % 60);
    let (day, hour) = (1 + hours / 24, hours % 24);
    json!({
        "name": name,
        "namespace": namespace,
        "creationTimestamp": format!("2025-01-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        "resourceVersion": (1_000 + index).to_string(),
        "uid": format!("00000000-0000-4000-8000-{index:012}"),
    })
}
