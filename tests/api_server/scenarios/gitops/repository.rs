use serde_json::Value;

use crate::scenarios::stage::example;
use crate::scenarios::stock::{self, istio_config, kserve_config};
use crate::scenarios::transition;
use crate::yaml;

const OLD_SERVICE: &str = "knative-local-gateway.istio-system.svc.cluster.local";
const NEW_SERVICE: &str = "custom-local-gateway.istio-system.svc.cluster.local";
const OLD_KEY: &str = "local-gateway.knative-serving.knative-local-gateway";
const NEW_KEY: &str = "local-gateway.istio-system.custom-local-gateway";

/// What a repository holds at one commit: every object that is to be there.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    /// In the order in which they are to be written. A repository that knows no order has one.
    pub(super) waves: Vec<Wave>,
}

/// Objects that may be written in any order.
#[derive(Clone, Debug)]
pub(super) struct Wave {
    /// The part of the repository that they are in.
    pub(super) part: &'static str,
    pub(super) objects: Vec<Value>,
}

/// What of a stock installation the requests of a model depend on, and where its versions are read from.
const ESSENTIAL: [&str; 8] = [
    "config-istio",
    "config-network",
    "controller",
    "inferenceservice-config",
    "istio-ingressgateway",
    "knative-ingress-gateway",
    "knative-local-gateway",
    "net-istio-controller",
];

/// A migration from stock configuration to a local gateway of one's own, `examples/custom-local-gateway`, as commits.
///
/// The states in between are written by hand.
#[derive(Debug)]
pub(super) struct Migration {
    shipped: Vec<Value>,
}

impl Commit {
    /// All objects, wave by wave.
    pub(super) fn objects(&self) -> Vec<Value> {
        self.waves.iter().flat_map(|wave| wave.objects.iter().cloned()).collect()
    }

    /// Those of `objects` that the commit does not hold.
    pub(super) fn missing_from(&self, objects: &[Value]) -> Vec<Value> {
        let held = self.objects();
        objects.iter().filter(|object| !held.iter().any(|held| is_same(held, object))).cloned().collect()
    }

    /// What there is to be after each of its waves, where `before` is there and nothing goes.
    pub(super) fn steps(&self, before: &Self) -> Vec<Self> {
        let mut objects = before.clone();
        let steps = self.waves.iter().map(|wave| {
            objects = objects.with(&wave.objects);
            objects.clone()
        });
        steps.collect()
    }

    /// The same with other versions of some objects, in one wave.
    pub(super) fn with(&self, objects: &[Value]) -> Self {
        let others =
            Self { waves: vec![Wave { part: "all", objects: objects.to_vec() }] }.missing_from(&self.objects());
        let objects = others.into_iter().chain(objects.iter().cloned()).collect();
        Self { waves: vec![Wave { part: "all", objects }] }.at_once()
    }

    /// The same, every object declaring a transition.
    pub(super) fn declared(&self) -> Self {
        let mut declared = self.clone();
        let annotations = transition::open("move-to-custom-gateway");
        for object in declared.waves.iter_mut().flat_map(|wave| &mut wave.objects) {
            let own = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
            let all: serde_json::Map<_, _> = own.into_iter().chain(annotations.as_object().unwrap().clone()).collect();
            object["metadata"]["annotations"] = all.into();
        }
        declared
    }

    /// The same objects without an order, sorted by name as the files of a folder are.
    pub(super) fn at_once(&self) -> Self {
        let mut objects = self.objects();
        objects.sort_by_key(file_name);
        Self { waves: vec![Wave { part: "all", objects }] }
    }
}

impl Migration {
    pub(super) fn new(shipped: Vec<Value>) -> Self {
        Self { shipped }
    }

    /// All that the projects ship, and a model.
    pub(super) fn whole(&self) -> Commit {
        let objects = self.shipped.iter().cloned().chain([Self::model()]).collect();
        Commit { waves: vec![Wave { part: "all", objects }] }.at_once()
    }

    /// Before: of what the projects ship no more than plays a part, to save time, and a model.
    pub(super) fn stock(&self) -> Commit {
        self.stock_in_parts().at_once()
    }

    /// The same in the parts that [`Self::plan`] is in.
    pub(super) fn stock_in_parts(&self) -> Commit {
        let [kserve, istio] = [self.old_kserve(), self.old_istio()];
        Commit { waves: vec![self.platform(), wave("kserve", kserve), wave("knative", istio)] }
    }

    /// After: the gateway, and all configuration that leads to it.
    pub(super) fn target(&self) -> Commit {
        self.target_in_parts().at_once()
    }

    /// From [`Self::stock`] to [`Self::target`], so that every request is served after every wave.
    pub(super) fn plan(&self) -> [Commit; 2] {
        [self.first_step_in_parts(), self.target_in_parts()]
    }

    /// The first commit of the plan without its order.
    pub(super) fn first_step(&self) -> Commit {
        self.first_step_in_parts().at_once()
    }

    /// From [`Self::target`] to [`Self::stock`].
    pub(super) fn plan_back(&self) -> [Commit; 2] {
        let both = vec![
            self.platform(),
            Self::gateways(),
            wave("knative", self.istio_for_both()),
            wave("kserve", self.kserve_between()),
        ];
        let stock = vec![self.platform(), wave("kserve", self.old_kserve()), wave("knative", self.old_istio())];
        [Commit { waves: both }, Commit { waves: stock }]
    }

    /// The pods, Service and Gateway that the migration brings.
    pub(super) fn gateways() -> Wave {
        let text = [example("10-gateway-pods.yaml"), example("20-gateways.yaml")].join("\n---\n");
        let objects = yaml::objects(&text).into_iter();
        let objects = objects.filter(|object| object["metadata"]["name"] == "custom-local-gateway").collect();
        Wave { part: "gateways", objects }
    }

    fn first_step_in_parts(&self) -> Commit {
        let [kserve, istio] = [self.kserve_between(), self.istio_for_both()];
        Commit { waves: vec![self.platform(), Self::gateways(), wave("kserve", kserve), wave("knative", istio)] }
    }

    fn target_in_parts(&self) -> Commit {
        let [kserve, istio] = [self.kserve(NEW_SERVICE), self.new_istio()];
        Commit { waves: vec![self.platform(), Self::gateways(), wave("kserve", kserve), wave("knative", istio)] }
    }

    /// What the migration leaves as it is.
    fn platform(&self) -> Wave {
        let moved = ["inferenceservice-config", "config-istio"];
        let is = |object: &Value, names: &[&str]| names.iter().any(|name| object["metadata"]["name"] == *name);
        let stays = |object: &&Value| is(object, &ESSENTIAL) && !is(object, &moved);
        let stays = self.shipped.iter().filter(stays).cloned();
        let objects = stays.chain([stock::with_domain(&self.shipped), Self::model()]).collect();
        Wave { part: "platform", objects }
    }

    fn model() -> Value {
        stock::inference_service("online-serving", "sklearn-iris")
    }

    fn old_kserve(&self) -> Value {
        kserve_config(&self.shipped, &[])
    }

    /// KServe uses the new gateway and still calls Knative where it was.
    fn kserve_between(&self) -> Value {
        self.kserve(OLD_SERVICE)
    }

    fn kserve(&self, knative: &str) -> Value {
        let changes = [
            ("localGateway", "istio-system/custom-local-gateway"),
            ("localGatewayService", NEW_SERVICE),
            ("knativeLocalGatewayService", knative),
        ];
        kserve_config(&self.shipped, &changes)
    }

    fn old_istio(&self) -> Value {
        stock::named(&self.shipped, "ConfigMap", "config-istio").clone()
    }

    fn istio_for_both(&self) -> Value {
        istio_config(&self.shipped, &[(OLD_KEY, OLD_SERVICE), (NEW_KEY, NEW_SERVICE)])
    }

    fn new_istio(&self) -> Value {
        let list = format!("- name: custom-local-gateway\n  namespace: istio-system\n  service: {NEW_SERVICE}\n");
        istio_config(&self.shipped, &[("local-gateways", &list)])
    }
}

fn wave(part: &'static str, object: Value) -> Wave {
    Wave { part, objects: vec![object] }
}

/// Whether two manifests are of one object.
fn is_same(one: &Value, other: &Value) -> bool {
    let identity = |object: &Value| {
        let metadata = &object["metadata"];
        [object["kind"].clone(), metadata["namespace"].clone(), metadata["name"].clone()]
    };
    identity(one) == identity(other)
}

/// The name of a file that holds one object.
pub(super) fn file_name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_lowercase();
    format!("{}-{}.yaml", text(&object["metadata"]["name"]), text(&object["kind"]))
}
