use std::process::Command;

use super::repository::{Commit, Migration, Wave};
use super::tool::{Outcome, Tool, converge, drift, versions};
use crate::control_plane::{ControlPlane, Output, User};
use crate::rest::Rest;
use crate::scenarios::stage::Stage;
use crate::scenarios::stock;

/// What a tool is asked to do, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// All that the projects ship, and a model, from nothing.
    Install,
    /// The whole migration as one commit.
    MoveAtOnce,
    /// The commit before, after that was refused.
    TakeBackRefused,
    /// The whole migration as one commit, every object declaring a transition.
    MoveDeclared,
    /// The commit before, declared in the same way.
    RevertDeclared,
    /// The first commit of the plan without its order.
    FirstStepAtOnce,
    /// The plan.
    MoveByPlan,
    /// The commit before the plan.
    RevertAtOnce,
    /// The plan backwards.
    RevertByPlan,
    /// The same commit, after an edit that cuts nothing.
    HealHarmless,
    /// The same commit, after a `ConfigMap` was broken while plumbline was away.
    HealConfigMap,
    /// The same for a `Gateway`.
    HealGateway,
}

/// What came of each task.
pub(super) type Outcomes = Vec<(Task, Outcome)>;

/// Lets a tool do everything that a repository may ask of it, with plumbline enforcing.
pub(super) fn tell(stage: &Stage, start: fn(&'static ControlPlane) -> Box<dyn Tool>) -> Outcomes {
    let (cluster, rest) = (stage.control_plane, &stage.rest);
    let migration = Migration::new(stock::objects(cluster.upstream()));
    let guard = stage.guard();
    let mut outcomes = Vec::new();

    outcomes.push((Task::Install, attempt(rest, &mut *start(cluster), &migration.whole())));

    stage.clear();
    let mut tool = start(cluster);
    expect_at_once(&attempt(rest, &mut *tool, &migration.stock()));
    outcomes.push((Task::MoveAtOnce, attempt(rest, &mut *tool, &migration.target())));
    expect_served(cluster);
    outcomes.push((Task::TakeBackRefused, go_back(rest, &mut *tool, &migration.stock())));
    expect_gone(rest);
    outcomes.push((Task::MoveDeclared, attempt(rest, &mut *tool, &migration.target().declared())));
    expect_served(cluster);
    outcomes.push((Task::RevertDeclared, attempt(rest, &mut *tool, &migration.stock().declared())));
    expect_served(cluster);
    expect_gone(rest);
    outcomes.push((Task::FirstStepAtOnce, attempt(rest, &mut *tool, &migration.first_step())));

    stage.clear();
    let mut tool = start(cluster);
    expect_at_once(&attempt(rest, &mut *tool, &migration.stock_in_parts()));
    let moved = migration.plan().map(|commit| attempt(rest, &mut *tool, &commit));
    outcomes.push((Task::MoveByPlan, worst(moved)));
    expect_served(cluster);
    outcomes.push((Task::RevertAtOnce, go_back(rest, &mut *tool, &migration.stock())));
    expect_served(cluster);
    let reverted = migration.plan_back().map(|commit| go_back(rest, &mut *tool, &commit));
    outcomes.push((Task::RevertByPlan, worst(reverted)));
    expect_gone(rest);

    let stock = migration.stock_in_parts();
    edit_is_refused(cluster, rest);
    add_host(cluster);
    outcomes.push((Task::HealHarmless, heal(rest, &mut *tool, &stock, "Gateway")));
    drop(guard);
    break_config_map(cluster);
    break_gateway(cluster).expect_success();
    let _guard = stage.guard();
    outcomes.push((Task::HealConfigMap, heal(rest, &mut *tool, &stock, "ConfigMap")));
    outcomes.push((Task::HealGateway, found(rest, &stock, "Gateway")));
    outcomes
}

fn attempt(rest: &Rest, tool: &mut dyn Tool, commit: &Commit) -> Outcome {
    converge(rest, commit, |commit| tool.attempt(commit))
}

fn go_back(rest: &Rest, tool: &mut dyn Tool, commit: &Commit) -> Outcome {
    converge(rest, commit, |commit| tool.go_back(commit))
}

/// Applies the same commit once more; nothing may be refused, whatever is left of the drift.
#[track_caller]
fn heal(rest: &Rest, tool: &mut dyn Tool, commit: &Commit, kind: &str) -> Outcome {
    assert_ne!(drift(rest, commit), [""; 0], "otherwise there is nothing to heal");
    if let Err(said) = tool.attempt(commit) {
        panic!("what heals is refused: {said}");
    }
    found(rest, commit, kind)
}

/// Whether objects of a kind are as the commit says.
fn found(rest: &Rest, commit: &Commit, kind: &str) -> Outcome {
    let drifted = drift(rest, commit);
    if drifted.iter().any(|object| object.starts_with(kind)) { Outcome::Overlooked } else { Outcome::AT_ONCE }
}

fn worst(outcomes: [Outcome; 2]) -> Outcome {
    let [first, second] = outcomes;
    if first == Outcome::AT_ONCE { second } else { first }
}

#[track_caller]
fn expect_at_once(outcome: &Outcome) {
    assert_eq!(*outcome, Outcome::AT_ONCE);
}

/// Requests for the model arrive.
#[track_caller]
fn expect_served(cluster: &ControlPlane) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(["trace", "online-serving/sklearn-iris", "--kubeconfig"]).arg(cluster.kubeconfig(User::Plumbline));
    let traced = command.output().unwrap();
    assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stdout));
}

/// What only the migration brings is not there, or no longer.
#[track_caller]
pub(super) fn expect_gone(rest: &Rest) {
    let Wave { objects, .. } = Migration::gateways();
    assert_eq!(objects.iter().filter_map(|object| rest.find(object)).collect::<Vec<_>>(), [serde_json::Value::Null; 0]);
}

/// Somebody edits the local gateway, and cuts it from its pods.
fn break_gateway(cluster: &ControlPlane) -> Output {
    let args = ["edit", "gateways.networking.istio.io/knative-local-gateway", "--namespace=knative-serving"];
    cluster.kubectl_with_editor(User::Admin, &args, "sed -i 's/istio: ingressgateway$/istio: nobody/'")
}

#[track_caller]
fn edit_is_refused(cluster: &ControlPlane, rest: &Rest) {
    let before = versions(rest);
    let said = break_gateway(cluster).expect_failure();
    assert!(
        said.contains("denied the request: this change of Gateway knative-serving/knative-local-gateway"),
        "{said}"
    );
    assert_eq!(versions(rest), before);
}

/// Somebody makes KServe use a gateway that is not there.
fn break_config_map(cluster: &ControlPlane) {
    let args = ["edit", "configmap/inferenceservice-config", "--namespace=kserve"];
    let editor = r"sed -i 's/\(localGateway.\+:.*knative-serving.\)knative-local-gateway/\1gone/'";
    cluster.kubectl_with_editor(User::Admin, &args, editor).expect_success();
}

/// Somebody lets the external gateway serve one more host than it does anyway.
#[track_caller]
pub(super) fn add_host(cluster: &ControlPlane) {
    let patch = r#"[{"op": "add", "path": "/spec/servers/0/hosts/-", "value": "more.example.com"}]"#;
    let args = ["patch", "gateways.networking.istio.io/knative-ingress-gateway", "--namespace=knative-serving"];
    cluster.kubectl(&[&args[..], &["--type=json", "--patch", patch]].concat()).expect_success();
}
