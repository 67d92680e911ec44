//! From nothing: what is installed piece by piece is never refused, whatever comes first.

use serde_json::{Value, json};

use super::stage::{Stage, example};
use super::stock;
use crate::control_plane::User;
use crate::rest::Rest;
use crate::yaml;

#[test]
fn a_stock_installation_applies_in_any_order() {
    let stage = Stage::enter();
    let shipped = stock::objects(stage.control_plane.upstream());
    assert!(shipped.len() > 20, "{}", shipped.len());
    let model = stock::inference_service("models", "iris");
    let _guard = stage.guard();

    for (order, objects) in orders(&shipped) {
        for object in &objects {
            assert_silent(&stage.rest, object, &order);
        }
        assert_silent(&stage.rest, &model, &order);
        // Whatever a tool applies again.
        for object in &objects {
            assert_silent(&stage.rest, object, &order);
        }
        assert_in_use(&stage, &order);
        stage.clear();
    }
}

#[test]
fn a_model_may_be_there_before_what_serves_it() {
    let stage = Stage::enter();
    let shipped = stock::objects(stage.control_plane.upstream());
    let _guard = stage.guard();

    for (order, objects) in orders(&shipped) {
        stage.rest.apply(&stock::inference_service("models", "iris")).expect_admitted();
        for object in &objects {
            let answer = stage.rest.apply(object);
            assert!(answer.denial.is_none(), "{order}: {answer:#?}");
        }
        assert_in_use(&stage, &order);
        stage.clear();
    }
}

#[test]
fn an_operator_may_install_in_any_order_too() {
    let stage = Stage::enter();
    let operator = Rest::open(stage.control_plane, User::KnativeOperator);
    let (derived, applied): (Vec<_>, Vec<_>) = stock::objects(stage.control_plane.upstream())
        .into_iter()
        .partition(|object| object["metadata"]["labels"]["app.kubernetes.io/name"] == "knative-serving");
    let serving = json!({
        "apiVersion": "operator.knative.dev/v1beta1",
        "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
        "spec": {"ingress": {"istio": {"enabled": true}}},
    });
    let _guard = stage.guard();

    for (order, objects) in orders(&applied) {
        assert_silent(&stage.rest, &serving, &order);
        // The operator writes at the same time as the others.
        for (index, object) in objects.iter().enumerate() {
            assert_silent(&stage.rest, object, &order);
            let from = derived.len() * index / objects.len();
            let to = derived.len() * (index + 1) / objects.len();
            for object in &derived[from..to] {
                assert_silent(&operator, object, &order);
            }
        }
        assert_silent(&stage.rest, &stock::inference_service("models", "iris"), &order);
        assert_in_use(&stage, &order);
        stage.clear();
    }
}

#[test]
fn the_example_applies_in_any_order() {
    let stage = Stage::enter();
    let files = ["10-gateway-pods.yaml", "20-gateways.yaml", "30-knative.yaml", "40-kserve.yaml", "50-models.yaml"];
    let objects: Vec<_> = files.iter().flat_map(|file| yaml::objects(&example(file))).collect();
    let _guard = stage.guard();

    for (order, objects) in orders(&objects) {
        for object in &objects {
            let answer = stage.rest.apply(object);
            assert!(answer.denial.is_none(), "{order}: {answer:#?}");
        }
        for object in &objects {
            assert_silent(&stage.rest, object, &order);
        }
        stage.clear();
    }
}

#[track_caller]
fn assert_silent(rest: &Rest, object: &Value, order: &str) {
    let answer = rest.apply(object);
    let name = &object["metadata"]["name"];
    assert!(answer.denial.is_none() && answer.warnings.is_empty(), "{order}: {} {name}: {answer:#?}", object["kind"]);
}

/// Requests arrive by now, or nobody would mind.
#[track_caller]
fn assert_in_use(stage: &Stage, order: &str) {
    let shipped = stock::objects(stage.control_plane.upstream());
    assert_silent(&stage.rest, &stock::with_domain(&shipped), order);
    for (kind, name) in [
        ("Gateway", "knative-local-gateway"),
        ("Gateway", "knative-ingress-gateway"),
        ("Service", "knative-local-gateway"),
        ("ConfigMap", "inferenceservice-config"),
        ("ConfigMap", "config-istio"),
    ] {
        let answer = stage.rest.delete(stock::named(&shipped, kind, name));
        assert!(answer.denial.is_some(), "{order}: {name}: {answer:#?}");
    }
}

/// As shipped, backwards, as Helm sorts kinds, and shuffled.
fn orders(objects: &[Value]) -> Vec<(String, Vec<Value>)> {
    let reversed = objects.iter().rev().cloned().collect();
    let mut by_kind = objects.to_vec();
    by_kind.sort_by_key(|object| {
        let kinds = ["ConfigMap", "Service", "Deployment"];
        kinds.iter().position(|kind| object["kind"] == *kind).unwrap_or(kinds.len())
    });
    let mut orders = vec![
        ("as shipped".to_owned(), objects.to_vec()),
        ("reversed".to_owned(), reversed),
        ("by kind".to_owned(), by_kind),
    ];
    orders.extend((1..=2).map(|seed| (format!("shuffled with {seed}"), shuffled(objects, seed))));
    orders
}

/// Fisher and Yates with Knuth's generator, the same on every machine.
fn shuffled(objects: &[Value], seed: u64) -> Vec<Value> {
    let mut objects = objects.to_vec();
    let mut state = seed;
    for last in (1..objects.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = usize::try_from(state >> 33).unwrap() % (last + 1);
        objects.swap(last, drawn);
    }
    objects
}
