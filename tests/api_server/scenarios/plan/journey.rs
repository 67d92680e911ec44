//! From one cluster to another by the steps of a plan.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::control_plane::User;
use crate::rest::Rest;
use crate::scenarios::stage::{Guard, Stage};
use crate::scenarios::stock;

/// A change of several objects of a stock installation with one InferenceService.
pub(super) struct Journey {
    pub(super) stage: Stage,
    /// What was shipped.
    pub(super) shipped: Vec<Value>,
    guard: Guard<'static>,
    start: Vec<Value>,
}

impl Journey {
    /// Installs what is shipped and the objects to start from, then puts the webhook in front of it.
    pub(super) fn from(start: impl FnOnce(&[Value]) -> Vec<Value>) -> Self {
        let stage = Stage::enter();
        let shipped = stock::objects(stage.control_plane.upstream());
        let start = start(&shipped);
        install(&stage, &start);
        let guard = stage.guard();
        Self { stage, shipped, guard, start }
    }

    /// Applies the objects as tools send them, ConfigMaps first and custom kinds last, and starts anew once one is refused.
    #[track_caller]
    pub(super) fn refused_by_kind(self, to: &[Value]) -> Self {
        let mut by_kind = to.to_vec();
        by_kind.sort_by_key(|object| {
            let kinds = ["ConfigMap", "Service", "Deployment"];
            kinds.iter().position(|kind| object["kind"] == *kind).unwrap_or(kinds.len())
        });
        let is_refused = |object: &Value| self.stage.rest.apply(object).denial.is_some();
        assert!(by_kind.iter().any(is_refused), "all of it is admitted in the order of kinds");
        let Self { stage, shipped, guard, start } = self;
        drop(guard);
        stage.clear();
        install(&stage, &start);
        let guard = stage.guard();
        Self { stage, shipped, guard, start }
    }

    /// Plans the way to these objects from the live cluster, without those to delete, and goes it.
    #[track_caller]
    pub(super) fn travel(&self, to: &[Value], delete: &[&str]) -> Value {
        let plan = self.plan(to, delete);
        assert_eq!(plan["outcome"], "safe", "{plan:#}");
        for step in plan["waves"].as_array().unwrap().iter().flat_map(|wave| wave["steps"].as_array().unwrap()) {
            self.go(step);
        }
        let again = self.plan(to, &[]);
        assert_eq!(again["waves"], json!([]), "it is where it wanted to be: {again:#}");
        plan
    }

    #[track_caller]
    fn go(&self, step: &Value) {
        let (manifest, object) = (&step["manifest"], &step["object"]);
        let answer = if manifest.is_null() {
            let versions = json!({"Gateway": "networking.istio.io/v1", "Deployment": "apps/v1"});
            let kind = object["kind"].as_str().unwrap();
            let api_version = versions[kind].as_str().unwrap_or("v1");
            let metadata = json!({"namespace": object["namespace"], "name": object["name"]});
            self.stage.rest.delete(&json!({"apiVersion": api_version, "kind": kind, "metadata": metadata}))
        } else {
            self.stage.rest.apply(manifest)
        };
        assert!(answer.denial.is_none(), "{manifest:#}: {}", answer.denial.unwrap_or_default());
        if object["kind"] == "KnativeServing" {
            self.operate(manifest);
        }
    }

    /// What the Knative operator does with a KnativeServing that names gateways.
    fn operate(&self, serving: &Value) {
        let operator = Rest::open(self.stage.control_plane, User::KnativeOperator);
        let data = &serving["spec"]["config"]["istio"];
        if data.is_object() {
            let config = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"namespace": "knative-serving", "name": "config-istio"}, "data": data,
            });
            operator.apply(&config).expect_admitted();
        }
    }

    /// The plan as JSON.
    #[track_caller]
    pub(super) fn plan(&self, to: &[Value], delete: &[&str]) -> Value {
        let output = self.run("json", to, delete);
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}"))
    }

    /// What `plumbline plan` prints of the way to these objects.
    #[track_caller]
    pub(super) fn run(&self, format: &str, to: &[Value], delete: &[&str]) -> String {
        use std::io::Write as _;
        let list = json!({"apiVersion": "v1", "kind": "List", "items": to});
        let mut child = Command::new(env!("CARGO_BIN_EXE_plumbline"))
            .args(["plan", "--to", "-", "--output", format, "--kubeconfig"])
            .arg(self.stage.control_plane.kubeconfig(User::Admin))
            .args(delete.iter().map(|object| format!("--delete={object}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(list.to_string().as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let output = String::from_utf8(ended.stdout).unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() != Some(2), "{errors}\n{}", self.guard.server.log());
        output
    }

    /// How many intermediate versions a plan has.
    pub(super) fn intermediate(plan: &Value) -> usize {
        let steps = plan["waves"].as_array().unwrap().iter().flat_map(|wave| wave["steps"].as_array().unwrap());
        steps.filter(|step| !step["intermediate"].is_null()).count()
    }
}

fn install(stage: &Stage, start: &[Value]) {
    stock::install(stage);
    stage.rest.apply(&stock::inference_service("online-serving", "sklearn-iris")).expect_admitted();
    stage.rest.delete(&stock::inference_service("models", "iris")).expect_admitted();
    for object in start {
        stage.rest.apply(object).expect_admitted();
    }
}

/// An object with some of its fields set, each by its JSON pointer.
pub(super) fn edited(object: &Value, edits: &[(&str, Value)]) -> Value {
    let mut object = object.clone();
    for (pointer, value) in edits {
        let field = object.pointer_mut(pointer);
        *field.unwrap_or_else(|| panic!("there is no {pointer}")) = value.clone();
    }
    object
}
