//! Writes that fewer people make: newer options, other kinds of Services and listeners, whole configurations gone.

use serde_json::{Value, json};

use super::{
    DEPLOYMENTS, DOMAINS, GATEWAYS, ISTIO, KSERVE, NETWORK, OTHERS, PODS, Random, SERVICES, SERVING, STATUS, list,
    place, put, whole,
};

/// Services of a kind that gateways seldom have: by another name, without an address, with named ports.
pub(super) const ALIAS: &str = "alias";
pub(super) const HEADLESS: &str = "headless";
pub(super) const NAMED: &str = "named";

const SERVED: &str = "InferenceService models/iris";

pub(super) fn edit(random: &mut Random) -> Value {
    match random.below(20) {
        0..=3 => kserve(random),
        4..=5 => istio(random),
        6..=7 => serving(random),
        8 => domains(random),
        9 => network(random),
        10..=13 => gateway(random),
        14..=17 => service(random),
        18 => inference_service(random),
        _ => container_ports(random),
    }
}

fn kserve(random: &mut Random) -> Value {
    let names = [ALIAS, HEADLESS, NAMED, SERVICES[1]].map(whole);
    match random.below(16) {
        0..=2 => put(KSERVE, "ingress/localGatewayService", random.pick(&names).into()),
        3..=5 => put(KSERVE, "ingress/knativeLocalGatewayService", random.pick(&names).into()),
        6 => {
            let odd = ["knative-local-gateway", "models.example.org", "Local.istio-system.svc.cluster.local", ""];
            let field = random.pick(&["localGatewayService", "knativeLocalGatewayService"]);
            put(KSERVE, &format!("ingress/{field}"), random.pick(&odd).into())
        }
        7 => {
            let odd = ["knative-local-gateway.knative-serving.svc.cluster.local", "a/b/c", "Other/custom", ""];
            put(KSERVE, "ingress/localGateway", random.pick(&odd).into())
        }
        8..=9 => put(KSERVE, "ingress/urlScheme", random.pick(&["http", "https", ""]).into()),
        10 => put(KSERVE, "ingress/enableGatewayApi", (random.below(2) == 0).into()),
        11 => {
            let gateways = ["kserve/kserve-ingress-gateway", "kserve-ingress-gateway", ""];
            put(KSERVE, "ingress/kserveIngressGateway", random.pick(&gateways).into())
        }
        12 => {
            let templates = ["/serving/{{ .Namespace }}/{{ .Name }}", ""];
            put(KSERVE, "ingress/pathTemplate", random.pick(&templates).into())
        }
        13 => put(KSERVE, "ingress/ingressDomain", random.pick(&["models.example.com", "example.com", ""]).into()),
        14 => {
            let lists = [json!(["corp.example.org"]), json!(["corp.example.org"]), json!([]), Value::Null];
            put(KSERVE, "ingress/additionalIngressDomains", random.pick(&lists))
        }
        _ => {
            let deploys = [
                json!({"defaultDeploymentMode": "Serverless"}),
                json!({"defaultDeploymentMode": "RawDeployment"}),
                json!({"defaultDeploymentMode": "ModelMesh"}),
                json!({"defaultDeploymentMode": "Sometimes"}),
                json!({}),
            ];
            let choices = [
                put(KSERVE, "/data/deploy", random.pick(&deploys).to_string().into()),
                put(KSERVE, "ingress/ingressClassName", random.pick(&["nginx", "istio"]).into()),
                put(KSERVE, "ingress/disableIngressCreation", (random.below(2) == 0).into()),
            ];
            random.pick(&choices)
        }
    }
}

/// A gateway list with rarer selectors.
fn odd_list(random: &mut Random) -> Value {
    let entry = |gateway: &str, service: &str, selector: Value| {
        let (space, name) = place(gateway);
        json!({"name": name, "namespace": space, "service": whole(service), "labelSelector": selector})
    };
    let by = |key: &str, operator: &str, values: Value| {
        let mut wanted = json!({"key": key, "operator": operator});
        if !values.is_null() {
            wanted["values"] = values;
        }
        json!({"matchExpressions": [wanted]})
    };
    let selectors = [
        by("component", "In", json!(["transformer"])),
        by("tier", "NotIn", json!(["gold"])),
        by("tier", "Exists", Value::Null),
        by("tier", "DoesNotExist", Value::Null),
        json!({"matchLabels": {"serving.kserve.io/inferenceservice": "iris"}}),
    ];
    let default = entry(random.pick(&GATEWAYS), random.pick(&SERVICES), Value::Null);
    let chosen = entry(random.pick(&GATEWAYS), random.pick(&SERVICES), random.pick(&selectors));
    let lists = [
        json!([]),
        json!([default.clone(), chosen.clone()]),
        json!([chosen, default.clone()]),
        json!([entry(GATEWAYS[1], ALIAS, Value::Null)]),
        json!([entry(GATEWAYS[1], NAMED, Value::Null)]),
        json!([entry(GATEWAYS[1], SERVICES[1], json!({}))]),
        json!([default.clone(), default]),
    ];
    random.pick(&lists).to_string().into()
}

fn old_keys(random: &mut Random) -> Value {
    let mut data = json!({STATUS: "false"});
    for (prefix, gateways) in [("local-gateway", [GATEWAYS[1], GATEWAYS[2]]), ("gateway", [GATEWAYS[0], GATEWAYS[2]])] {
        for gateway in gateways {
            if random.below(2) == 0 {
                let key = format!("{prefix}.{}", gateway.replace('/', "."));
                data[key] = whole(random.pick(&SERVICES)).into();
            }
        }
    }
    data
}

fn istio(random: &mut Random) -> Value {
    match random.below(6) {
        0..=1 => put(ISTIO, "/data", old_keys(random)),
        2 => put(ISTIO, "/data/local-gateways", odd_list(random)),
        3 => put(ISTIO, "/data/external-gateways", odd_list(random)),
        4 => put(ISTIO, "/data/local-gateway.knative-serving.knative-local-gateway", whole(SERVICES[1]).into()),
        _ => json!({"object": ISTIO, "delete": true}),
    }
}

fn serving(random: &mut Random) -> Value {
    let config = |value: Value| put(SERVING, "/spec/config", value);
    match random.below(12) {
        0 => config(json!({"config-istio": {STATUS: "false", "local-gateways": list(random)}})),
        1 => config(json!({"istio": old_keys(random)})),
        2 => config(json!({"istio": {STATUS: "false"}, "domain": random.pick(&every_domain())})),
        3 => config(json!({"istio": {STATUS: "false"}, "config-network": random.pick(&every_network())})),
        4 => config(json!({"istio": {"external-gateways": odd_list(random)}})),
        5 => config(json!({})),
        6..=8 => {
            let selector = random.pick(&[json!({"istio": "custom"}), json!({"istio": "ingressgateway"}), json!({})]);
            let hosts = random.pick(&[json!(["*"]), json!(["*.example.com"]), json!(["*.models.svc.cluster.local"])]);
            let number = random.pick(&[80, 8081]);
            let servers = json!([{"port": {"number": number, "name": "http", "protocol": "HTTP"}, "hosts": hosts}]);
            let shipped = random.pick(&["knative-local-gateway", "knative-ingress-gateway"]);
            let overrides = random.pick(&[json!({"selector": selector}), json!({"servers": servers}), json!({})]);
            put(SERVING, "/spec/ingress", json!({"istio": {"enabled": true, shipped: overrides}}))
        }
        9 => put(SERVING, "/spec/ingress", json!({"istio": {"enabled": random.below(2) == 0}})),
        10 => put(SERVING, "/spec/ingress", Value::Null),
        _ => json!({"object": SERVING, "delete": true}),
    }
}

fn every_domain() -> [Value; 5] {
    let by = |labels: Value| json!({"selector": labels}).to_string();
    [
        json!({"example.com": "", "front.example.com": by(json!({"component": "transformer"}))}),
        json!({"example.com": "", "back.example.com": by(json!({"component": "predictor"}))}),
        json!({"example.com": "", "iris.example.com": by(json!({"serving.kserve.io/inferenceservice": "iris", "component": "predictor"}))}),
        json!({"svc.cluster.local": "", "example.com": by(json!({"tier": "gold"}))}),
        json!({"example.com": ""}),
    ]
}

fn domains(random: &mut Random) -> Value {
    match random.below(3) {
        0 => json!({"object": DOMAINS, "delete": true}),
        _ => put(DOMAINS, "/data", random.pick(&every_domain())),
    }
}

fn every_network() -> [Value; 5] {
    [
        json!({"domain-template": "{{.Name}}-{{.Namespace}}.{{.Domain}}"}),
        json!({"domain-template": "{{.Name}}.{{.Namespace}}.{{.Domain}}"}),
        json!({"http-protocol": "Redirected", "external-domain-tls": "Enabled"}),
        json!({"external-domain-tls": "Enabled", "http-protocol": "Enabled"}),
        json!({"ingress-class": "istio.ingress.networking.knative.dev"}),
    ]
}

fn network(random: &mut Random) -> Value {
    match random.below(3) {
        0 => json!({"object": NETWORK, "delete": true}),
        _ => put(NETWORK, "/data", random.pick(&every_network())),
    }
}

fn gateway(random: &mut Random) -> Value {
    let object = format!("Gateway {}", random.pick(&GATEWAYS));
    let hosts: [&[&str]; 6] = [
        &["*"],
        &["*.example.com"],
        &["iris.models.example.com"],
        &["*.svc.cluster.local"],
        &["models/*", "other/*.example.com"],
        &["*.corp.example.org", "*.example.com"],
    ];
    let binds = ["", "", "127.0.0.1", "0.0.0.0"];
    let server = |random: &mut Random| {
        let (protocol, number) = random.pick(&[
            ("HTTP", 80),
            ("HTTP", 8081),
            ("HTTP2", 8081),
            ("http", 80),
            ("GRPC", 8081),
            ("TCP", 8081),
            ("HTTPS", 443),
            ("HTTPS", 443),
            ("HTTPS", 8081),
            ("TLS", 443),
        ]);
        let name = format!("{}-{number}", protocol.to_lowercase());
        let port = json!({"number": number, "name": name, "protocol": protocol});
        let mut server = json!({"port": port, "hosts": random.pick(&hosts)});
        match random.pick(&binds) {
            "" => {}
            bind => server["bind"] = bind.into(),
        }
        if matches!(protocol, "HTTPS" | "TLS") {
            let modes = ["SIMPLE", "SIMPLE", "SIMPLE", "MUTUAL", "PASSTHROUGH", "ISTIO_MUTUAL"];
            server["tls"] = json!({"mode": random.pick(&modes), "credentialName": "certificate"});
        }
        server
    };
    match random.below(8) {
        0..=2 => put(&object, "/spec/servers/0/bind", random.pick(&binds).into()),
        3..=4 => {
            let one = server(random);
            put(&object, "/spec/servers", json!([one]))
        }
        5..=6 => {
            let (one, other) = (server(random), server(random));
            // Two servers of one Gateway need names of their own.
            let servers = if one["port"]["name"] == other["port"]["name"] { json!([one]) } else { json!([one, other]) };
            put(&object, "/spec/servers", servers)
        }
        // What is public alone, and under which names.
        _ => {
            let public = [
                json!(["*.example.com", "*.svc.cluster.local"]),
                json!(["*.corp.example.org", "iris.models.example.com"]),
            ];
            let place = random.below(2);
            put(&format!("Gateway {}", GATEWAYS[0]), &format!("/spec/servers/{place}/hosts"), random.pick(&public))
        }
    }
}

fn service(random: &mut Random) -> Value {
    let port = |name: &str, port: u16, target: Value| json!({"name": name, "port": port, "protocol": "TCP", "targetPort": target});
    let any = random.pick(&[SERVICES[0], SERVICES[1], SERVICES[2], NAMED]);
    let any = format!("Service istio-system/{any}");
    let other = random.pick(&[ALIAS, HEADLESS, NAMED]);
    let other = format!("Service istio-system/{other}");
    match random.below(14) {
        0..=3 => {
            let ports = [
                json!([port("http", 80, "local".into())]),
                json!([port("http", 80, "web".into())]),
                json!([port("http", 80, "nowhere".into())]),
                json!([port("http", 80, 8080.into()), port("https", 443, 8443.into())]),
                json!([port("http", 80, 8080.into()), port("https", 443, "web".into())]),
                json!([port("status", 15021, 15021.into()), port("http", 8888, 8081.into())]),
                json!([port("http", 8889, 8081.into())]),
                json!([port("http2", 8081, 8081.into()), port("http", 80, 8081.into())]),
                json!([{"name": "dns", "port": 80, "protocol": "UDP", "targetPort": 9999}, port("http", 80, 8081.into())]),
            ];
            put(&any, "/spec/ports", random.pick(&ports))
        }
        4 => {
            let ports = [(8081, 8081), (8081, 8080), (80, 8081), (8080, 8081), (80, 80)];
            let (number, target) = random.pick(&ports);
            let object = format!("Service istio-system/{HEADLESS}");
            put(&object, "/spec/ports", json!([port("http", number, target.into())]))
        }
        5..=6 => {
            let names = [whole(SERVICES[0]), whole(SERVICES[1]), whole(SERVICES[2]), whole(ALIAS), whole("nothing")];
            let names = [names.as_slice(), &[format!("{}.", whole(SERVICES[1])), "models.example.org".to_owned()]];
            let object = format!("Service istio-system/{ALIAS}");
            put(&object, "/spec/externalName", random.pick(&names.concat()).into())
        }
        7..=8 => {
            let names = ["*.example.com", "iris.models.example.com, iris.other.example.com", "*.corp.example.org"];
            let key = "external-dns.alpha.kubernetes.io/hostname";
            let choices = [json!({key: names[0]}), json!({key: names[1]}), json!({key: names[2]}), json!({})];
            put(&any, "/metadata/annotations", random.pick(&choices))
        }
        9 => put(&any, "/spec/type", random.pick(&["ClusterIP", "LoadBalancer", "NodePort"]).into()),
        10 => json!({"object": any, "set": {"/spec/type": "ExternalName", "/spec/externalName": whole(SERVICES[1])}}),
        11 => {
            let export = "networking.istio.io/exportTo";
            let targets = ["istio-system", "models,other", ".,*", "*,~", ""];
            put(&any, "/metadata/annotations", json!({export: random.pick(&targets)}))
        }
        12 => put(&any, "/spec/selector", json!({})),
        _ => json!({"object": other, "delete": true}),
    }
}

fn inference_service(random: &mut Random) -> Value {
    let object = format!("InferenceService {}", random.pick(&OTHERS));
    let annotations = [
        json!({"serving.kserve.io/deploymentMode": "RawDeployment"}),
        json!({"serving.kserve.io/deploymentMode": "ModelMesh"}),
        json!({"serving.kserve.io/deploymentMode": "Serverless"}),
        json!({"serving.kserve.io/stop": "true"}),
        json!({}),
    ];
    let component = json!({"containers": [{"name": "kserve-container", "image": "auto"}]});
    let parts = [component, Value::Null];
    let choices = [
        put(&object, "/metadata/annotations", random.pick(&annotations)),
        put(&object, "/spec/transformer", random.pick(&parts)),
        put(&object, "/spec/explainer", random.pick(&parts)),
        put(&object, "/spec/predictor/labels", random.pick(&[json!({"tier": "gold"}), Value::Null])),
        put(SERVED, "/metadata/annotations", random.pick(&annotations[2..])),
    ];
    random.pick(&choices)
}

fn container_ports(random: &mut Random) -> Value {
    let ports = random.pick(&[container_port(8081, 8080), container_port(8080, 8081), json!([])]);
    let choices = [
        put(
            &format!("Deployment istio-system/{}", random.pick(&DEPLOYMENTS)),
            "/spec/template/spec/containers/0/ports",
            ports.clone(),
        ),
        put(random.pick(&PODS), "/spec/containers/0/ports", ports),
    ];
    random.pick(&choices)
}

/// The named ports of a gateway's container.
pub(super) fn container_port(local: u16, web: u16) -> Value {
    json!([{"name": "local", "containerPort": local, "protocol": "TCP"}, {"name": "web", "containerPort": web, "protocol": "TCP"}])
}
