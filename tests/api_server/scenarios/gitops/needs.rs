//! What each tool has to be told, beside the order.

use serde_json::{Value, json};

use super::argo::Argo;
use super::flux::Flux;
use super::helm::Helm;
use super::kubectl::{How, Kubectl};
use super::repository::{Commit, Migration, Wave};
use super::story::{add_host, expect_gone};
use super::tool::{Outcome, Tool, converge, drift, versions};
use crate::control_plane::{ControlPlane, User};
use crate::rest::Rest;
use crate::scenarios::stage::Stage;
use crate::scenarios::stock::{self, named};

#[test]
fn kustomize_keeps_an_order_only_if_told() {
    let stage = Stage::enter();
    let migration = migration(&stage);
    let _guard = stage.guard();
    let mut tool = Kubectl::new(stage.control_plane, How::SortedKustomization);
    tool.attempt(&migration.stock()).unwrap();

    let [first, _] = migration.plan();
    // ConfigMaps go first, and a second round finds the Gateway in place.
    assert_eq!(attempt(&stage.rest, &mut tool, &first), Outcome::Converges { rounds: 2 });
}

#[test]
fn argo_cd_prunes_too_early_unless_told() {
    let stage = Stage::enter();
    let migration = migration(&stage);
    let _guard = stage.guard();
    let mut tool = Argo::new(stage.control_plane);
    let [first, second] = migration.plan();
    let [back, stock] = migration.plan_back();
    for commit in [migration.stock_in_parts(), first, second, back] {
        assert_eq!(attempt(&stage.rest, &mut tool, &commit), Outcome::AT_ONCE);
    }

    tool.prune_last = false;
    let outcome = attempt(&stage.rest, &mut tool, &stock);
    assert!(matches!(outcome, Outcome::Never { .. }), "{outcome:#?}");
    // The Gateway is still named, and stays. Its Deployment is not what plumbline guards, and is gone.
    let Wave { objects, .. } = Migration::gateways();
    let is_there = |kind| stage.rest.find(named(&objects, kind, "custom-local-gateway")).is_some();
    assert!(is_there("Gateway") && !is_there("Deployment"));
    tool.prune_last = true;
    assert_eq!(attempt(&stage.rest, &mut tool, &stock), Outcome::AT_ONCE);
}

#[test]
fn flux_needs_no_dependencies_where_each_commit_is_one_step() {
    let stage = Stage::enter();
    let migration = migration(&stage);
    let _guard = stage.guard();
    let mut tool = Flux::new(stage.control_plane);
    let stock = migration.stock();
    assert_eq!(attempt(&stage.rest, &mut tool, &stock), Outcome::AT_ONCE);
    tool.attempt(&migration.target()).unwrap_err();
    // Not even what nobody minds has been written.
    expect_gone(&stage.rest);

    let [first, second] = migration.plan();
    let steps = [first.steps(&stock), second.steps(&first)].concat();
    for commit in &steps {
        assert_eq!(attempt(&stage.rest, &mut tool, commit), Outcome::AT_ONCE);
    }
    assert_eq!(drift(&stage.rest, &migration.target()), [""; 0]);
}

#[test]
fn helm_goes_back_revision_by_revision() {
    let stage = Stage::enter();
    let migration = migration(&stage);
    let _guard = stage.guard();
    let mut tool = Helm::new(stage.control_plane);
    // Every rollback is one more revision, and Helm forgets all but ten.
    tool.set_flags(&["--history-max=0"]);
    tool.attempt(&migration.stock()).unwrap();
    for commit in migration.plan() {
        tool.attempt(&commit).unwrap();
    }
    let moved = tool.revision();

    // The pitfall: after a rollback that was refused, Helm no longer knows what it has deployed.
    let before = versions(&stage.rest);
    let said = tool.roll_back(1).unwrap_err();
    assert!(said.contains("denied the request: this change of ConfigMap"), "{said}");
    let said = tool.roll_back(moved).unwrap_err();
    assert_eq!(said.trim_end(), "Error: no Service with the name \"custom-local-gateway\" found");
    assert_eq!(versions(&stage.rest), before);
    tool.attempt(&migration.target()).unwrap();

    for revision in (1..moved).rev() {
        tool.roll_back(revision).unwrap();
    }
    assert_eq!(drift(&stage.rest, &migration.stock()), [""; 0]);
}

#[test]
fn helm_sees_drift_of_custom_resources_only_with_force() {
    let stage = Stage::enter();
    let stock = migration(&stage).stock();
    let _guard = stage.guard();
    let mut tool = Helm::new(stage.control_plane);
    tool.attempt(&stock).unwrap();
    add_host(stage.control_plane);

    tool.attempt(&stock).unwrap();
    assert_eq!(drift(&stage.rest, &stock), ["Gateway knative-ingress-gateway"]);
    tool.set_flags(&["--force"]);
    tool.attempt(&stock).unwrap();
    assert_eq!(drift(&stage.rest, &stock), [""; 0]);
}

#[test]
fn helm_takes_an_atomic_upgrade_back_that_is_refused() {
    let stage = Stage::enter();
    let migration = migration(&stage);
    let _guard = stage.guard();
    let mut tool = Helm::new(stage.control_plane);
    tool.attempt(&settled(migration.stock())).unwrap();
    assign_address(stage.control_plane);
    tool.set_flags(&["--atomic", "--timeout=60s"]);

    let said = tool.attempt(&settled(migration.target())).unwrap_err();
    let says = "Error: UPGRADE FAILED: release gitops-";
    let line = said.lines().find(|line| line.starts_with(says)).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("failed, and has been rolled back due to atomic being set: cannot patch"), "{line}");
    assert!(line.contains("denied the request: this change of ConfigMap"), "{line}");
    assert_eq!(drift(&stage.rest, &migration.stock()), [""; 0]);
    expect_gone(&stage.rest);

    // And the plan goes through.
    for commit in migration.plan() {
        tool.attempt(&settled(commit)).unwrap();
    }
    assert_eq!(drift(&stage.rest, &migration.target()), [""; 0]);
}

fn migration(stage: &Stage) -> Migration {
    Migration::new(stock::objects(stage.control_plane.upstream()))
}

fn attempt(rest: &Rest, tool: &mut dyn Tool, commit: &Commit) -> Outcome {
    converge(rest, commit, |commit| tool.attempt(commit))
}

/// The same with Deployments that Helm does not wait for: no controller rolls them out here.
fn settled(mut commit: Commit) -> Commit {
    let objects = commit.waves.iter_mut().flat_map(|wave| &mut wave.objects);
    for deployment in objects.filter(|object| object["kind"] == "Deployment") {
        deployment["spec"]["paused"] = Value::Bool(true);
    }
    commit
}

/// Gives the external gateway an address, as a load balancer would: Helm waits for that as well.
fn assign_address(cluster: &ControlPlane) {
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}).to_string();
    let args = ["patch", "service/istio-ingressgateway", "--namespace=istio-system", "--subresource=status"];
    cluster.kubectl_as(User::Admin, &[&args[..], &["--type=merge", "--patch", &status]].concat()).expect_success();
}
