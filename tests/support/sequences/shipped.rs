//! What sequences begin with.

use serde_json::{Value, json};

use super::further::{ALIAS, HEADLESS, NAMED, container_port};
use super::{
    DEPLOYMENTS, DOMAINS, GATEWAYS, ISTIO, KSERVE, NETWORK, OTHERS, Objects, PODS, SERVICES, SERVING, STATUS,
    config_map, place, whole,
};

/// A cluster in which every request works.
pub(crate) fn shipped() -> Objects {
    let mut objects = Objects::new();
    configuration(&mut objects);
    services(&mut objects);
    workloads(&mut objects);
    served(&mut objects);
    objects
}

fn add(objects: &mut Objects, key: &str, mut object: Value) {
    let (kind, _) = key.split_once(' ').unwrap();
    let (space, name) = place(key);
    object["kind"] = kind.into();
    for field in ["labels", "annotations"] {
        if object["metadata"][field].is_null() {
            object["metadata"][field] = json!({});
        }
    }
    object["metadata"]["namespace"] = space.into();
    object["metadata"]["name"] = name.into();
    objects.insert(key.to_owned(), object);
}

fn configuration(objects: &mut Objects) {
    let ingress = json!({
        "ingressGateway": GATEWAYS[0],
        "localGateway": GATEWAYS[1],
        "localGatewayService": whole(SERVICES[1]),
        "knativeLocalGatewayService": "",
        "ingressDomain": "example.com",
        "ingressClassName": "istio",
        "urlScheme": "http",
        "disableIstioVirtualHost": false,
    });
    let deploy = r#"{"defaultDeploymentMode": "Serverless"}"#;
    add(objects, KSERVE, config_map(KSERVE, json!({"ingress": ingress.to_string(), "deploy": deploy})));
    add(objects, ISTIO, config_map(ISTIO, json!({STATUS: "false"})));
    add(objects, DOMAINS, config_map(DOMAINS, json!({"example.com": ""})));
    add(objects, NETWORK, config_map(NETWORK, json!({"ingress-class": "istio.ingress.networking.knative.dev"})));
    add(
        objects,
        SERVING,
        json!({"apiVersion": "operator.knative.dev/v1beta1", "spec": {"config": {"istio": {STATUS: "false"}}}}),
    );
    for (place, (number, istio)) in
        GATEWAYS.iter().zip([(80, "ingressgateway"), (8081, "ingressgateway"), (80, "custom")])
    {
        let port = json!({"number": number, "name": "http", "protocol": "HTTP"});
        let mut servers = vec![json!({"port": port, "hosts": ["*"]})];
        if *place == GATEWAYS[0] {
            let port = json!({"number": 443, "name": "https", "protocol": "HTTPS"});
            let tls = json!({"mode": "SIMPLE", "credentialName": "certificate"});
            servers.push(json!({"port": port, "hosts": ["*"], "tls": tls}));
        }
        let spec = json!({"selector": {"istio": istio}, "servers": servers});
        add(objects, &format!("Gateway {place}"), json!({"apiVersion": "networking.istio.io/v1", "spec": spec}));
    }
}

fn services(objects: &mut Objects) {
    for (name, (kind, target, istio)) in SERVICES.iter().zip([
        ("LoadBalancer", 8080, "ingressgateway"),
        ("ClusterIP", 8081, "ingressgateway"),
        ("ClusterIP", 8080, "custom"),
    ]) {
        let mut ports = vec![json!({"name": "http", "port": 80, "protocol": "TCP", "targetPort": target})];
        let is_public = *name == "istio-ingressgateway";
        if is_public {
            ports.push(json!({"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443}));
        }
        let labels = if is_public { json!({"istio": istio}) } else { json!({}) };
        let spec = json!({"type": kind, "selector": {"istio": istio}, "ports": ports});
        add(
            objects,
            &format!("Service istio-system/{name}"),
            json!({"apiVersion": "v1", "metadata": {"labels": labels}, "spec": spec}),
        );
    }
    let port =
        |number: u16, target: Value| json!([{"name": "http", "port": number, "protocol": "TCP", "targetPort": target}]);
    let selector = json!({"istio": "ingressgateway"});
    for (name, spec) in [
        (ALIAS, json!({"type": "ExternalName", "externalName": whole(SERVICES[1])})),
        (
            HEADLESS,
            json!({"type": "ClusterIP", "clusterIP": "None", "selector": {"istio": "custom"}, "ports": port(80, 80.into())}),
        ),
        (NAMED, json!({"type": "ClusterIP", "selector": selector, "ports": port(80, "local".into())})),
    ] {
        add(objects, &format!("Service istio-system/{name}"), json!({"apiVersion": "v1", "spec": spec}));
    }
}

fn workloads(objects: &mut Objects) {
    let proxy = json!({"name": "proxy", "image": "auto", "ports": container_port(8081, 8080)});
    for (name, istio) in DEPLOYMENTS.iter().zip(["ingressgateway", "custom"]) {
        let template = json!({
            "metadata": {"labels": {"app": name, "istio": istio}},
            "spec": {"containers": [proxy]},
        });
        let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template});
        add(objects, &format!("Deployment istio-system/{name}"), json!({"apiVersion": "apps/v1", "spec": spec}));
    }
    for (pod, labels) in PODS.iter().zip([
        json!({"app": "istio-ingressgateway", "istio": "ingressgateway"}),
        json!({"app": "canary", "istio": "ingressgateway"}),
    ]) {
        let spec = json!({"containers": [proxy]});
        add(objects, pod, json!({"apiVersion": "v1", "metadata": {"labels": labels}, "spec": spec}));
    }
}

fn served(objects: &mut Objects) {
    for place in ["models/iris"].iter().chain(&OTHERS) {
        let labels = match *place {
            "models/premium" => json!({"tier": "gold"}),
            "online-serving/private" => json!({"networking.knative.dev/visibility": "cluster-local"}),
            _ => json!({}),
        };
        let mut spec =
            json!({"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "gs://models/iris"}}});
        if *place == "online-serving/iris" {
            spec["transformer"] = json!({"containers": [{"name": "transformer", "image": "auto"}]});
        }
        if *place == "models/explained" {
            spec["explainer"] = json!({"containers": [{"name": "explainer", "image": "auto"}]});
        }
        add(
            objects,
            &format!("InferenceService {place}"),
            json!({"apiVersion": "serving.kserve.io/v1beta1", "metadata": {"labels": labels}, "spec": spec}),
        );
    }
}
