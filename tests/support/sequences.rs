//! Random writes to a small cluster, weighted to what people do: a field changed, an object deleted, and what is not as it
//! was at first put back.

#[path = "sequences/further.rs"]
mod further;
#[path = "sequences/operator.rs"]
mod operator;
#[path = "sequences/shipped.rs"]
mod shipped;
#[path = "sequences/themes.rs"]
mod themes;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
pub(crate) use shipped::shipped;

use crate::brute_force::{Effect, effect};

/// The objects of a cluster by `Kind namespace/name`.
pub(crate) type Objects = BTreeMap<String, Value>;

const KSERVE: &str = "ConfigMap kserve/inferenceservice-config";
const ISTIO: &str = "ConfigMap knative-serving/config-istio";
const DOMAINS: &str = "ConfigMap knative-serving/config-domain";
const NETWORK: &str = "ConfigMap knative-serving/config-network";
const SERVING: &str = "KnativeServing knative-serving/knative-serving";
/// Pods of a canary: where there are any, no template stands in.
const PODS: [&str; 2] = ["Pod istio-system/by-hand", "Pod istio-system/canary"];

/// A key of `config-istio` that no request goes by.
const STATUS: &str = "enable-virtualservice-status";

/// Gateways, with the Service of the same purpose.
const GATEWAYS: [&str; 3] =
    ["knative-serving/knative-ingress-gateway", "knative-serving/knative-local-gateway", "other/custom"];
const SERVICES: [&str; 3] = ["istio-ingressgateway", "knative-local-gateway", "custom"];
const DEPLOYMENTS: [&str; 2] = ["istio-ingressgateway", "custom"];
/// InferenceServices that come and go; `models/iris` stays, so that something is always at stake.
const OTHERS: [&str; 5] =
    ["models/explained", "models/premium", "online-serving/iris", "online-serving/private", "other/iris"];

/// Writes that the webhook is asked about; the others are the weather.
pub(crate) fn is_judged(object: &str) -> bool {
    !["Deployment ", "Pod ", "InferenceService "].iter().any(|kind| object.starts_with(kind))
}

/// Numbers that a seed makes (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// The writes that begin a sequence: those of up to two arrangements that take several.
pub(crate) fn theme(random: &mut Random) -> Vec<Write> {
    themes::theme(random)
}

/// One write, as a case file has it: `{"object": …, "set": {path: value}}`, or `"delete": true`, or `"restore": true`;
/// `"declared": true` where a transition is declared on it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Write(pub(crate) Value);

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Write {
    pub(crate) fn object(&self) -> &str {
        self.0["object"].as_str().unwrap()
    }

    pub(crate) fn is_declared(&self) -> bool {
        self.0["declared"] == true
    }

    /// A random write to a cluster.
    pub(crate) fn random(random: &mut Random, objects: &Objects, shipped: &Objects) -> Self {
        let astray: Vec<_> = shipped.iter().filter(|(key, object)| objects.get(*key) != Some(object)).collect();
        let mut write = if !astray.is_empty() && random.below(10) < 3 {
            json!({"object": random.pick(&astray).0, "restore": true})
        } else {
            edit(random)
        };
        if random.below(12) == 0 {
            write["declared"] = true.into();
        }
        Self(write)
    }

    /// The object as this write makes it: `None` where there is nothing to do, `Some(None)` where it goes.
    #[allow(clippy::option_option, reason = "no write, and a delete, are two things")]
    pub(crate) fn outcome(&self, objects: &Objects, shipped: &Objects) -> Option<Option<Value>> {
        let current = objects.get(self.object());
        let made = if self.0["delete"] == true {
            None
        } else if self.0["restore"] == true {
            shipped.get(self.object()).cloned()
        } else {
            let mut made = current?.clone();
            for (path, value) in self.0["set"].as_object().unwrap() {
                set(&mut made, path, value);
            }
            Some(made)
        };
        (made.as_ref() != current).then_some(made)
    }
}

/// The cluster with one object written, and with what the Knative operator writes after it.
pub(crate) fn laid_over(objects: &Objects, key: &str, object: Option<&Value>) -> Objects {
    let mut after = objects.clone();
    let mut lay = |key: String, object: Option<Value>| match object {
        Some(object) => drop(after.insert(key, object)),
        None => drop(after.remove(&key)),
    };
    for (derived, object) in followed(objects, key, object) {
        lay(derived, object);
    }
    lay(key.to_owned(), object.cloned());
    after
}

/// What the operator writes, or takes away, when a `KnativeServing` is written.
pub(crate) fn followed(objects: &Objects, key: &str, object: Option<&Value>) -> Vec<(String, Option<Value>)> {
    if key == SERVING { operator::follows(objects, objects.get(key), object) } else { Vec::new() }
}

/// What a write to a cluster does.
pub(crate) fn effect_of(before: &Objects, after: &Objects) -> Effect {
    let list = |objects: &Objects| objects.values().cloned().collect::<Vec<_>>();
    effect(&list(before), &list(after))
}

/// Leaves out writes as long as what is left still `fails`.
pub(crate) fn shrunk(writes: &[Write], fails: impl Fn(&[Write]) -> bool) -> Vec<Write> {
    let mut left = writes.to_vec();
    let mut size = left.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut is_smaller = false;
        while at < left.len() {
            let mut fewer = left.clone();
            fewer.drain(at..(at + size).min(left.len()));
            if fails(&fewer) {
                left = fewer;
                is_smaller = true;
            } else {
                at += size;
            }
        }
        if size == 1 && !is_smaller {
            return left;
        }
        size = if is_smaller { size } else { (size / 2).max(1) };
    }
}

/// Writes as a case file has them.
pub(crate) fn case_text(note: &str, writes: &[Write]) -> String {
    let lines: Vec<_> = writes.iter().map(|write| format!("  {}", write.0)).collect();
    format!("{{\"note\": {},\n \"writes\": [\n{}\n ]}}\n", json!(note), lines.join(",\n"))
}

/// The writes of a case file.
pub(crate) fn case(text: &str) -> Vec<Write> {
    let case: Value = serde_json::from_str(text).unwrap();
    case["writes"].as_array().unwrap().iter().cloned().map(Write).collect()
}

/// The object of a key without its Kind.
pub(crate) fn place(key: &str) -> (&str, &str) {
    key.rsplit_once(' ').map_or(key, |(_, place)| place).split_once('/').unwrap()
}

/// Sets a field by its path; a path that begins with `ingress` is in KServe's JSON, and `null` takes away.
fn set(object: &mut Value, path: &str, value: &Value) {
    if let Some(field) = path.strip_prefix("ingress/") {
        let text = object["data"]["ingress"].as_str().unwrap_or_default();
        let Ok(mut ingress) = serde_json::from_str::<Value>(text) else { return };
        ingress[field] = value.clone();
        object["data"]["ingress"] = ingress.to_string().into();
        return;
    }
    let (parent, field) = path.rsplit_once('/').unwrap();
    let Some(parent) = object.pointer_mut(parent) else { return };
    let field = field.replace("~1", "/");
    match (parent, value) {
        (Value::Object(parent), Value::Null) => drop(parent.remove(&field)),
        (Value::Object(parent), value) => drop(parent.insert(field, value.clone())),
        _ => {}
    }
}

/// A write that sets one field.
#[allow(clippy::needless_pass_by_value, reason = "values are written where they are used")]
fn put(object: &str, path: &str, value: Value) -> Value {
    json!({"object": object, "set": {path: value}})
}

fn edit(random: &mut Random) -> Value {
    if random.below(2) == 0 {
        return further::edit(random);
    }
    match random.below(20) {
        0..=3 => kserve_edit(random),
        4..=5 => json!({"object": ISTIO, "set": istio_edit(random)}),
        6 => json!({"object": SERVING, "set": {"/spec/config/istio": istio_value(random)}}),
        7 => json!({"object": DOMAINS, "set": {"/data": random.pick(&domains())}}),
        8 => {
            let classes = ["istio.ingress.networking.knative.dev", "kourier.ingress.networking.knative.dev"];
            json!({"object": NETWORK, "set": {"/data/ingress-class": random.pick(&classes)}})
        }
        9..=12 => {
            let place = random.pick(&GATEWAYS);
            gateway_edit(random, &format!("Gateway {place}"))
        }
        13..=14 => {
            let name = random.pick(&SERVICES);
            service_edit(random, &format!("Service istio-system/{name}"))
        }
        15 => {
            let object = format!("Deployment istio-system/{}", random.pick(&DEPLOYMENTS));
            let labels = random.pick(&[json!({"istio": "ingressgateway"}), json!({"istio": "custom"}), json!({})]);
            let (_, name) = place(&object);
            let labels = merged(json!({"app": name}), &labels);
            random.pick(&[
                json!({"object": object, "set": {"/spec/template/metadata/labels": labels}}),
                json!({"object": object, "delete": true}),
            ])
        }
        16..=17 => {
            let object = random.pick(&PODS);
            let labels = random.pick(&[
                json!({"app": "istio-ingressgateway", "istio": "ingressgateway"}),
                json!({"app": "canary", "istio": "ingressgateway"}),
                json!({"app": "custom", "istio": "custom"}),
                json!({"app": "by-hand"}),
            ]);
            random.pick(&[
                json!({"object": object, "set": {"/metadata/labels": labels}}),
                json!({"object": object, "set": {"/metadata/labels": labels}}),
                json!({"object": object, "delete": true}),
            ])
        }
        _ => {
            let object = format!("InferenceService {}", random.pick(&OTHERS));
            let labels =
                [json!({}), json!({"tier": "gold"}), json!({"networking.knative.dev/visibility": "cluster-local"})];
            let labels = random.pick(&labels);
            random.pick(&[
                json!({"object": object, "set": {"/metadata/labels": labels}}),
                json!({"object": object, "delete": true}),
            ])
        }
    }
}

fn merged(mut one: Value, other: &Value) -> Value {
    one.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    one
}

fn whole(service: &str) -> String {
    format!("{service}.istio-system.svc.cluster.local")
}

fn kserve_edit(random: &mut Random) -> Value {
    let gateways =
        [GATEWAYS[1], GATEWAYS[1], GATEWAYS[2], GATEWAYS[2], GATEWAYS[0], "knative-local-gateway", "nowhere/nothing"];
    let services = [
        whole(SERVICES[1]),
        whole(SERVICES[1]),
        whole(SERVICES[2]),
        whole(SERVICES[2]),
        whole(SERVICES[0]),
        format!("{}.", whole(SERVICES[1])),
        format!("{}.istio-system", SERVICES[1]),
        whole("nothing"),
    ];
    let set = |path: &str, value: Value| json!({"object": KSERVE, "set": {path: value}});
    match random.below(20) {
        0..=4 => set("ingress/localGateway", random.pick(&gateways).into()),
        5..=8 => set("ingress/localGatewayService", random.pick(&services).into()),
        9..=12 => set("ingress/knativeLocalGatewayService", random.pick(&services).into()),
        13 => set("ingress/knativeLocalGatewayService", "".into()),
        14..=15 => {
            set("ingress/ingressGateway", random.pick(&[GATEWAYS[0], GATEWAYS[2], "nowhere/nothing", ""]).into())
        }
        16..=17 => set("ingress/disableIstioVirtualHost", (random.below(2) == 0).into()),
        18 => set("/data/ingress", random.pick(&["{", "{}"]).into()),
        _ => json!({"object": KSERVE, "delete": true}),
    }
}

/// An entry of a gateway list, for the services with these labels; for all where they are null.
fn entry(gateway: &str, service: &str, labels: Value) -> Value {
    let (space, name) = place(gateway);
    let mut entry = json!({"name": name, "namespace": space, "service": whole(service)});
    if !labels.is_null() {
        entry["labelSelector"]["matchLabels"] = labels;
    }
    entry
}

/// A gateway list; mostly one that parses.
fn list(random: &mut Random) -> Value {
    let gold = json!({"tier": "gold"});
    let choices = [
        json!([entry(GATEWAYS[1], SERVICES[1], Value::Null)]),
        json!([entry(GATEWAYS[2], SERVICES[2], Value::Null)]),
        json!([entry(GATEWAYS[2], SERVICES[1], Value::Null)]),
        json!([entry(GATEWAYS[0], SERVICES[0], Value::Null)]),
        json!([entry(GATEWAYS[1], SERVICES[1], Value::Null), entry(GATEWAYS[2], SERVICES[2], gold.clone())]),
        json!([entry(GATEWAYS[2], SERVICES[2], Value::Null), entry(GATEWAYS[1], SERVICES[1], gold.clone())]),
        json!([entry(GATEWAYS[1], SERVICES[1], Value::Null), entry("nowhere/nothing", SERVICES[2], gold.clone())]),
        json!([entry("nowhere/nothing", SERVICES[1], Value::Null)]),
        json!([entry(GATEWAYS[1], SERVICES[1], gold)]),
        json!({"name": "no list"}),
    ];
    random.pick(&choices).to_string().into()
}

fn istio_edit(random: &mut Random) -> Value {
    match random.below(6) {
        0..=3 => json!({"/data/local-gateways": list(random)}),
        4 => json!({"/data/external-gateways": list(random)}),
        _ => json!({"/data/local-gateways": Value::Null}),
    }
}

fn istio_value(random: &mut Random) -> Value {
    match random.below(3) {
        0 => json!({STATUS: "false"}),
        1 => json!({STATUS: "false", "local-gateways": list(random)}),
        _ => json!({STATUS: "false", "local-gateways": list(random), "external-gateways": list(random)}),
    }
}

fn domains() -> [Value; 4] {
    let gold = json!({"selector": {"tier": "gold"}}).to_string();
    [
        json!({"example.com": ""}),
        json!({"example.com": "", "gold.example.com": gold}),
        json!({"apps.example.com": "", "gold.example.com": gold}),
        json!({"gold.example.com": gold}),
    ]
}

fn gateway_edit(random: &mut Random, object: &str) -> Value {
    let hosts: [&[&str]; 11] = [
        &["*"],
        &["*.svc.cluster.local"],
        &["*.models.svc.cluster.local", "*.online-serving.svc.cluster.local"],
        &["*.models.svc.cluster.local", "*.models", "*.example.com"],
        &["models/*"],
        &["*.models"],
        &["iris.models.svc.cluster.local", "iris-predictor.models.svc.cluster.local"],
        &["./*", "online-serving/*.online-serving.svc.cluster.local"],
        &["*.example.com"],
        &["other/*", "*/*.models.svc.cluster.local", "iris.models.example.com"],
        &["*.online-serving", "*.online-serving.svc.cluster.local", "iris.online-serving.example.com"],
    ];
    let ports = [("HTTP", 80), ("HTTP", 8081), ("HTTP2", 8081), ("TCP", 8081), ("HTTP", 8080), ("HTTPS", 443)];
    let set = |path: &str, value: Value| json!({"object": object, "set": {path: value}});
    match random.below(12) {
        0..=4 => set("/spec/servers/0/hosts", json!(random.pick(&hosts))),
        5..=6 => {
            let (protocol, number) = random.pick(&ports);
            let mut server = json!({
                "port": {"number": number, "name": protocol.to_lowercase(), "protocol": protocol},
                "hosts": random.pick(&hosts),
            });
            if protocol == "HTTPS" {
                server["tls"] = json!({"mode": "SIMPLE", "credentialName": "certificate"});
            }
            set("/spec/servers", json!([server]))
        }
        7 => {
            let server = |number: u16, hosts: &[&str]| {
                json!({
                    "port": {"number": number, "name": format!("http-{number}"), "protocol": "HTTP"}, "hosts": hosts,
                })
            };
            set("/spec/servers", json!([server(80, random.pick(&hosts)), server(8081, random.pick(&hosts))]))
        }
        8 => set("/spec/servers/0/tls", random.pick(&[json!({"httpsRedirect": true}), Value::Null])),
        9..=10 => {
            let selectors = [
                json!({"istio": "ingressgateway"}),
                json!({"istio": "custom"}),
                json!({"app": "istio-ingressgateway"}),
                json!({"app": "custom"}),
                json!({}),
            ];
            set("/spec/selector", random.pick(&selectors))
        }
        _ => json!({"object": object, "delete": true}),
    }
}

fn service_edit(random: &mut Random, object: &str) -> Value {
    let set = |path: &str, value: Value| json!({"object": object, "set": {path: value}});
    let selectors = [
        json!({"istio": "ingressgateway"}),
        json!({"istio": "custom"}),
        json!({"app": "istio-ingressgateway"}),
        json!({"app": "nobody"}),
    ];
    let ports = [(80, 8081), (80, 8080), (80, 80), (8888, 8081)];
    match random.below(10) {
        0..=2 => set("/spec/selector", random.pick(&selectors)),
        3..=5 => {
            let (port, target) = random.pick(&ports);
            set("/spec/ports", json!([{"name": "http", "port": port, "protocol": "TCP", "targetPort": target}]))
        }
        6 => {
            let label = "experimental.istio.io/disable-gateway-port-translation";
            set("/metadata/labels", random.pick(&[json!({label: "false"}), json!({}), json!({"istio": "custom"})]))
        }
        7 => {
            let export = "networking.istio.io/exportTo";
            let choices = [json!({export: "~"}), json!({export: "."}), json!({export: "*"}), json!({})];
            set("/metadata/annotations", random.pick(&choices))
        }
        8 => set("/spec/type", random.pick(&["ClusterIP", "LoadBalancer"]).into()),
        _ => json!({"object": object, "delete": true}),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "objects are written where they are used")]
fn config_map(key: &str, data: Value) -> Value {
    let (space, name) = place(key);
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": space, "name": name, "labels": {}, "annotations": {}}, "data": data,
    })
}
