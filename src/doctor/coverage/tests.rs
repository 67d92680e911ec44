use serde::Deserialize as _;
use serde_json::{Value, json};

use super::*;

/// What the chart renders, in short.
fn sound() -> Value {
    let around = around();
    let name = "kubernetes.io/metadata.name";
    let webhooks = WEBHOOKS.iter().map(|expected| {
        let (operator, values) = match expected.place {
            Place::Configuration => ("In", json!([around.kserve_namespace, around.knative_namespace])),
            Place::Everywhere => ("NotIn", json!(["kube-system", "kube-public", "kube-node-lease", "plumbline"])),
            Place::Gateways => ("In", json!(["istio-system"])),
        };
        let conditions = match expected.place {
            Place::Configuration => json!([{"name": "holds-gateway-configuration", "expression":
                "request.namespace == \"kserve\" && (request.operation == \"DELETE\" ? oldObject : object).metadata.name == \
                 \"inferenceservice-config\" || request.namespace == \"knative-serving\" && (request.operation == \"DELETE\" ? \
                 oldObject : object).metadata.name in [\"config-istio\", \"config-domain\", \"config-network\"]"}]),
            _ => Value::Null,
        };
        json!({
            "name": expected.name,
            "clientConfig": {"service": {"namespace": "plumbline", "name": "plumbline", "path": "/validate", "port": 443}},
            "rules": [{"apiGroups": [expected.kind.group()], "apiVersions": expected.kind.versions(),
                "operations": OPERATIONS, "resources": [expected.kind.plural()], "scope": "Namespaced"}],
            "failurePolicy": if expected.place == Place::Gateways { "Ignore" } else { "Fail" },
            "matchPolicy": "Equivalent",
            "namespaceSelector": {"matchExpressions": [{"key": name, "operator": operator, "values": values}]},
            "objectSelector": {},
            "matchConditions": conditions,
            "sideEffects": "None",
            "timeoutSeconds": 5,
            "admissionReviewVersions": ["v1"],
        })
    });
    json!({"metadata": {"name": "plumbline"}, "webhooks": webhooks.collect::<Vec<_>>()})
}

fn around() -> Surroundings {
    let labels = |name: &str| (Arc::from(name), [("kubernetes.io/metadata.name".into(), Arc::from(name))].into());
    Surroundings {
        kserve_namespace: "kserve".to_owned(),
        knative_namespace: "knative-serving".to_owned(),
        namespaces: Some(["kserve", "knative-serving", "istio-system", "models"].map(labels).into()),
        holders: [(Kind::IstioGateway, ["istio-system".into(), "plumbline".into(), "kube-system".into()].into())]
            .into(),
    }
}

fn judged(change: impl FnOnce(&mut Value)) -> Vec<Check> {
    let mut configuration = sound();
    change(&mut configuration);
    judge(&Configuration::deserialize(configuration).unwrap(), &around())
}

/// The one check that is not ok.
#[track_caller]
fn only(change: impl FnOnce(&mut Value)) -> (Status, String) {
    let mut checks = judged(change);
    checks.retain(|check| check.status != Status::Ok);
    assert_eq!(checks.len(), 1, "{checks:#?}");
    let check = checks.remove(0);
    assert!(!check.remedy.is_empty(), "{check:?}");
    (check.status, check.seen)
}

const CONFIG_MAPS: usize = 0;
const GATEWAYS: usize = 2;
const SERVICES: usize = 4;

#[test]
fn what_the_chart_renders_is_sound() {
    let checks = judged(|_| {});
    assert_eq!(checks.len(), WEBHOOKS.len());
    assert!(checks.iter().all(|check| check.status == Status::Ok), "{checks:#?}");
}

#[test]
fn what_is_left_out_is_a_problem() {
    for (webhook, field, value, seen) in [
        (GATEWAYS, "/rules/0/operations", json!(["CREATE", "UPDATE"]), "no rule holds for DELETE of gateways"),
        (GATEWAYS, "/rules/0/resources", json!(["gateways/status"]), "no rule holds for CREATE of gateways"),
        (GATEWAYS, "/objectSelector", json!({"matchLabels": {"judge": "yes"}}), "objectSelector \"judge=yes\""),
        (
            GATEWAYS,
            "/namespaceSelector/matchExpressions/0/values",
            json!(["istio-system"]),
            "namespaceSelector \"kubernetes.io/metadata.name notin (istio-system)\" leaves out istio-system",
        ),
        (
            CONFIG_MAPS,
            "/namespaceSelector/matchExpressions/0/values",
            json!(["kserve"]),
            "namespaceSelector \"kubernetes.io/metadata.name in (kserve)\" leaves out knative-serving",
        ),
        (GATEWAYS, "/sideEffects", json!("Some"), "sideEffects is \"Some\""),
        (GATEWAYS, "/admissionReviewVersions", json!(["v1beta1"]), "admissionReviewVersions lacks v1"),
        (GATEWAYS, "/clientConfig/service/path", json!("/"), "reviews are sent to \"/\""),
    ] {
        let field = format!("/webhooks/{webhook}{field}");
        let mut checks = judged(|configuration| *configuration.pointer_mut(&field).unwrap() = value);
        checks.retain(|check| check.status != Status::Ok);
        assert!(checks.iter().all(|check| check.status == Status::Problem), "{field}: {checks:#?}");
        assert!(checks.iter().any(|check| check.seen.starts_with(seen)), "{field}: {checks:#?}");
    }
}

#[test]
fn what_somebody_may_have_wanted_is_a_warning() {
    for (webhook, field, value, seen) in [
        (GATEWAYS, "/failurePolicy", json!("Ignore"), "it fails open"),
        (SERVICES, "/failurePolicy", json!("Fail"), "it fails closed"),
        (GATEWAYS, "/timeoutSeconds", json!(30), "the API server waits 30 s"),
        (GATEWAYS, "/matchPolicy", json!("Exact"), "matchPolicy is Exact"),
        (
            GATEWAYS,
            "/matchConditions",
            json!([{"name": "not-flux", "expression": "request.userInfo.username != 'flux'"}]),
            "matchConditions holds \"not-flux\"",
        ),
        (CONFIG_MAPS, "/matchConditions", json!([]), "it has no matchConditions"),
        (SERVICES, "/namespaceSelector/matchExpressions/0/values", json!(["istio-ingress"]), "namespaceSelector"),
    ] {
        let field = format!("/webhooks/{webhook}{field}");
        let (status, found) = only(|configuration| *configuration.pointer_mut(&field).unwrap() = value);
        assert_eq!(status, Status::Warning, "{field}: {found}");
        assert!(found.starts_with(seen), "{field}: {found}");
    }
}

#[test]
fn a_version_that_is_left_out_counts_where_versions_are_matched_exactly() {
    let narrowed = |policy: &str| {
        judged(|configuration| {
            configuration["webhooks"][GATEWAYS]["rules"][0]["apiVersions"] = json!(["v1"]);
            configuration["webhooks"][GATEWAYS]["matchPolicy"] = policy.into();
        })
    };
    assert!(narrowed("Equivalent").iter().all(|check| check.status == Status::Ok));
    let exact = narrowed("Exact").into_iter().find(|check| check.status == Status::Problem).unwrap();
    assert_eq!(exact.seen, "matchPolicy is Exact, so CREATE of gateways as v1beta1 and v1alpha3 goes unjudged");
}

#[test]
fn a_label_that_others_may_set_is_a_way_out() {
    let (status, seen) = only(|configuration| {
        let expressions = configuration.pointer_mut("/webhooks/2/namespaceSelector/matchExpressions").unwrap();
        expressions.as_array_mut().unwrap().push(json!({"key": "plumbline", "operator": "DoesNotExist"}));
    });
    assert_eq!(status, Status::Warning);
    assert!(seen.contains("the label plumbline: whoever may label a namespace"), "{seen}");
}

#[test]
fn a_missing_webhook_and_an_unknown_one_are_told() {
    let (status, seen) = only(|configuration| drop(configuration["webhooks"].as_array_mut().unwrap().remove(GATEWAYS)));
    assert_eq!((status, seen.as_str()), (Status::Problem, "it is not registered, so no write of a Gateway is judged"));
    let (status, _) = only(|configuration| drop(configuration["webhooks"].as_array_mut().unwrap().remove(SERVICES)));
    assert_eq!(status, Status::Warning);
    let (status, seen) = only(|configuration| {
        configuration["webhooks"].as_array_mut().unwrap().push(json!({"name": "new.plumbline.dev"}));
    });
    assert_eq!((status, seen.as_str()), (Status::Warning, "this release of plumbline does not know it"));
}

#[test]
fn ours_are_found_by_the_names_of_their_webhooks() {
    let all = [sound(), json!({"metadata": {"name": "istiod"}, "webhooks": [{"name": "rev.validation.istio.io"}]})]
        .map(|configuration| Configuration::deserialize(configuration).unwrap());
    let names: Vec<_> = ours(&all).into_iter().map(|configuration| configuration.metadata.name.as_str()).collect();
    assert_eq!(names, ["plumbline"]);
    assert_eq!(ours(&all[1..]), [] as [&Configuration; 0]);
}
