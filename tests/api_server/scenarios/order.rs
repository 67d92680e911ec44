//! `check --live`: a set of writes before anybody makes them, told as the webhook will tell it.

use std::fs;
use std::time::SystemTime;

use plumbline::exception::{Moment, Span};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::outage::plumbline;
use super::stage::{Stage, example};
use super::stock::{self, kserve_config, named};
use crate::control_plane::Output;
use crate::yaml;

/// The move of KServe to a gateway of its own, as files.
struct Move {
    stage: Stage,
    shipped: Vec<Value>,
    folder: TempDir,
}

impl Move {
    fn begin() -> Self {
        let stage = Stage::enter();
        let shipped = stock::install(&stage);
        stage.rest.delete(&stock::inference_service("models", "iris")).expect_admitted();
        stage.rest.apply(&stock::inference_service("online-serving", "sklearn-iris")).expect_admitted();
        Self { stage, shipped, folder: tempfile::tempdir().unwrap() }
    }

    /// Pods, Service and Gateway of its own.
    fn gateway() -> Vec<Value> {
        let objects = yaml::objects(&[example("10-gateway-pods.yaml"), example("20-gateways.yaml")].join("\n---\n"));
        objects.into_iter().filter(|object| object["metadata"]["name"] == "custom-local-gateway").collect()
    }

    /// KServe's configuration that names it, and goes on calling Knative where it was.
    fn config(&self, annotations: Value) -> Value {
        let mut config = kserve_config(
            &self.shipped,
            &[
                ("localGateway", "istio-system/custom-local-gateway"),
                ("localGatewayService", "custom-local-gateway.istio-system.svc.cluster.local"),
                ("knativeLocalGatewayService", "knative-local-gateway.istio-system.svc.cluster.local"),
            ],
        );
        config["metadata"]["annotations"] = annotations;
        config
    }

    fn write(&self, name: &str, objects: &[Value]) -> String {
        let texts: Vec<_> = objects.iter().map(ToString::to_string).collect();
        let path = self.folder.path().join(name);
        fs::write(&path, texts.join("\n---\n")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn check(&self, args: &[&str]) -> Output {
        plumbline(self.stage.control_plane, &[&["check", "--live"], args].concat())
    }
}

#[test]
fn a_sound_set_in_an_order_that_cuts_is_told_apart_from_one_that_is_not() {
    let story = Move::begin();
    let config = story.config(json!({}));
    let (first, second) =
        (story.write("a.json", std::slice::from_ref(&config)), story.write("b.json", &Move::gateway()));

    // A folder is sent in the order of its names.
    let folder = story.folder.path().to_str().unwrap();
    let checked = story.check(&[folder]);
    assert_eq!(checked.status.code(), Some(1), "{checked:#?}");
    let refused =
        format!("write 1 of 4, ConfigMap kserve/inferenceservice-config ({first}:1) would be refused:\nerror[PL");
    assert!(checked.stdout.contains(&refused), "{checked:#?}");
    assert!(!checked.stdout.contains("write 2 of 4"), "{checked:#?}");
    let says = format!("The set is sound; the order is not. `plumbline plan --to {folder}` looks for one");
    assert!(checked.stdout.contains(&says), "{checked:#?}");
    let report = json_of(&story.check(&["-o", "json", folder]), 1);
    assert_eq!((&report["setIsSound"], &report["orderIsSound"]), (&json!(true), &json!(false)), "{report:#}");
    assert_eq!(verdicts(&report), ["deny", "allow", "allow", "allow"], "{report:#}");
    assert_eq!(report["findings"], report["writes"][0]["findings"], "{report:#}");

    // The paths in another order are another order.
    let checked = story.check(&[&second, &first]);
    assert_eq!(checked.status.code(), Some(0), "{checked:#?}");
    assert!(!checked.stdout.contains("refused"), "{checked:#?}");
    let report = json_of(&story.check(&["-o", "json", &second, &first]), 0);
    assert_eq!((&report["setIsSound"], &report["orderIsSound"]), (&json!(true), &json!(true)), "{report:#}");

    // The webhook says the same.
    let _guard = story.stage.guard();
    assert!(story.stage.rest.apply(&config).denial.is_some());
    for object in Move::gateway() {
        story.stage.rest.apply(&object).expect_admitted();
    }
    story.stage.rest.apply(&config).expect_admitted();
}

#[test]
fn a_set_that_cuts_is_unsound_in_every_order() {
    let story = Move::begin();
    let mut gateway = named(&Move::gateway(), "Gateway", "custom-local-gateway").clone();
    gateway["spec"]["servers"][0]["hosts"] = json!(["*.elsewhere.svc.cluster.local"]);
    let others: Vec<_> = Move::gateway().into_iter().filter(|object| object["kind"] != "Gateway").collect();
    let files = [
        story.write("a.json", &others),
        story.write("b.json", &[gateway]),
        story.write("c.json", &[story.config(json!({}))]),
    ];

    let checked = story.check(&[&files[0], &files[1], &files[2]]);
    assert_eq!(checked.status.code(), Some(1), "{checked:#?}");
    assert!(checked.stdout.contains("error[PL110]") && !checked.stdout.contains("the order is not"), "{checked:#?}");
    assert!(checked.stdout.contains("write 4 of 4, ConfigMap kserve/inferenceservice-config"), "{checked:#?}");
    let report = json_of(&story.check(&["-o", "json", &files[2], &files[1], &files[0]]), 1);
    assert_eq!(report["setIsSound"], false, "{report:#}");
    assert_eq!(report["findings"][0]["code"], "PL110", "{report:#}");
}

#[test]
fn exceptions_count_as_they_do_for_the_webhook() {
    let story = Move::begin();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let until = |seconds| Moment(i64::try_from(now).unwrap()).after(Span(seconds)).to_string();
    let declared = |seconds| {
        let annotations = json!({"plumbline.dev/transition": "move", "plumbline.dev/transition-until": until(seconds)});
        story.write("a.json", &[story.config(annotations)])
    };

    let report = json_of(&story.check(&["-o", "json", &declared(1_800)]), 0);
    assert_eq!(verdicts(&report), ["excepted"], "{report:#}");
    assert_eq!(report["writes"][0]["transition"]["name"], "move", "{report:#}");
    assert_eq!(report["warnings"][0]["code"], "PL700", "{report:#}");
    let checked = story.check(&[&declared(1_800), "--transition-require-rbac"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:#?}");
    assert!(checked.stdout.contains("write 1 of 1"), "{checked:#?}");
    let report = json_of(&story.check(&["-o", "json", &declared(1_800), "--transition-require-rbac"]), 1);
    let codes: Vec<_> = report["writes"][0]["findings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("PL706")), "{report:#}");
    let checked = story.check(&[&declared(-1_800)]);
    assert_eq!(checked.status.code(), Some(1), "{checked:#?}");
    assert!(checked.stdout.contains("warning[PL704]"), "{checked:#?}");
}

#[track_caller]
fn json_of(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:#?}");
    serde_json::from_str(&output.stdout).unwrap()
}

fn verdicts(report: &Value) -> Vec<&str> {
    report["writes"].as_array().unwrap().iter().map(|write| write["verdict"].as_str().unwrap()).collect()
}
