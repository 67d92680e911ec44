//! What the projects themselves ship, read from their modules, and the little that they leave to others.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::stage::{Stage, example};
use crate::control_plane::Upstream;
use crate::yaml;

/// The kinds of the stock manifests that take part. Their webhooks do not: nobody would answer.
const KINDS: [&str; 5] = ["ConfigMap", "Deployment", "Gateway", "Service", "PeerAuthentication"];

/// Istio's ingress gateway, net-istio, Knative Serving and KServe as they install themselves, without an operator.
pub(super) fn objects(upstream: &Upstream) -> Vec<Value> {
    let knative = upstream.knative_operator.join("cmd/operator/kodata");
    let files = [
        knative.join("ingress/1.15/istio/net-istio.yaml"),
        knative.join("knative-serving/1.15.2/2-serving-core.yaml"),
        upstream.kserve.join("config/configmap/inferenceservice.yaml"),
    ];
    let shipped = files.iter().flat_map(|file| yaml::objects(&read(file)));
    ingress_gateway()
        .into_iter()
        .chain(shipped.filter(|object| KINDS.iter().any(|kind| object["kind"] == *kind)))
        .collect()
}

/// Installs all of that for one InferenceService, `models/iris`, and gives what was shipped. Nothing may be guarded yet.
pub(super) fn install(stage: &Stage) -> Vec<Value> {
    let shipped = objects(stage.control_plane.upstream());
    let own = [with_domain(&shipped), inference_service("models", "iris")];
    for object in shipped.iter().chain(&own) {
        stage.rest.apply(object).expect_admitted();
    }
    shipped
}

/// Knative's shipped ConfigMap with a domain of one's own: until there is one, nothing is served to the outside.
pub(super) fn with_domain(shipped: &[Value]) -> Value {
    let mut config = named(shipped, "ConfigMap", "config-domain").clone();
    config["data"] = json!({"example.com": ""});
    config
}

/// The pods of Istio's ingress gateway and the Service in front of them. Istio ships them as a chart, not in a module.
fn ingress_gateway() -> Vec<Value> {
    let pods = yaml::objects(&example("10-gateway-pods.yaml")).into_iter();
    pods.filter(|object| object["metadata"]["name"] == "istio-ingressgateway").collect()
}

pub(super) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

pub(super) fn inference_service(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "gs://models/iris"}}},
    })
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The object of a kind and name.
#[track_caller]
pub(super) fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{kind} {name}"))
}

/// KServe's shipped ConfigMap with some settings of `ingress` changed.
pub(super) fn kserve_config(shipped: &[Value], changes: &[(&str, &str)]) -> Value {
    let mut config = named(shipped, "ConfigMap", "inferenceservice-config").clone();
    let mut ingress: Value = serde_json::from_str(config["data"]["ingress"].as_str().unwrap()).unwrap();
    for (key, value) in changes {
        ingress[key] = json!(value);
    }
    config["data"]["ingress"] = ingress.to_string().into();
    config
}

/// net-istio's shipped ConfigMap with this data.
pub(super) fn istio_config(shipped: &[Value], data: &[(&str, &str)]) -> Value {
    let mut config = named(shipped, "ConfigMap", "config-istio").clone();
    config["data"] = data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    config
}
