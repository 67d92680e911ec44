//! The time that a plan of fifteen changed objects takes.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use plumbline::engine::JudgeSettings;
use plumbline::object::ObjectKey;
use plumbline::plan::{Target, Version, Wanted, plan};
use serde_json::{Value, json};

use crate::cluster::{self, Cluster};
use crate::table::{Mark, Measure, Ratio, Row};

/// How long it may take, in milliseconds.
const MARK_MILLISECONDS: f64 = 1000.0;
const SERVICE: &str = "custom-local-gateway.istio-system.svc.cluster.local";

/// To a local gateway of one's own, which takes a version in between, and ten Gateways that change with it.
pub(crate) fn time(base: Cluster) -> Result<Row, Box<dyn Error>> {
    let snapshot = base.snapshot()?;
    let mut targets = Vec::new();
    let labels = json!({"istio": "custom-local-gateway"});
    let metadata = json!({"name": "custom-local-gateway", "namespace": "istio-system"});
    let mut gateway = cluster::local_gateway(&json!(["*"]));
    gateway["metadata"] = metadata.clone();
    gateway["spec"]["selector"] = labels.clone();
    let mut service = cluster::local_service(&labels);
    service["metadata"]["name"] = "custom-local-gateway".into();
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}},
    });
    for manifest in [gateway, service, deployment] {
        targets.push(target(None, Some(manifest))?);
    }
    let ingress = cluster::ingress_config();
    let moved = ingress
        .replace("knative-serving/knative-local-gateway", "istio-system/custom-local-gateway")
        .replace("knative-local-gateway.istio-system.svc.cluster.local", SERVICE);
    targets.push(target(Some(cluster::kserve_config(&ingress)), Some(cluster::kserve_config(&moved)))?);
    let list = format!("- {{name: custom-local-gateway, namespace: istio-system, service: {SERVICE}}}\n");
    let listed = json!({"local-gateways": list});
    let istio = |data: Value| cluster::knative_config("config-istio", data);
    targets.push(target(Some(istio(json!({}))), Some(istio(listed)))?);
    for index in 0..10 {
        let before = base.gateway(index);
        let mut after = before.clone();
        after["spec"]["servers"][0]["hosts"] = json!([format!("new-shop-{index}.example.org")]);
        targets.push(target(Some(before), Some(after))?);
    }
    let (count, wanted) = (targets.len(), Wanted { targets });
    let start = Instant::now();
    let planned = black_box(plan(&snapshot, &wanted, &JudgeSettings::default()));
    let value = start.elapsed().as_secs_f64() * 1e3;
    if !planned.is_safe() || planned.steps().count() != count + 1 {
        return Err(format!("the plan of {count} objects is another one: {:?}", planned.outcome).into());
    }
    Ok(Row {
        what: format!("plan of {count} changed objects"),
        setting: format!("{} InferenceServices, {} writes judged", base.inference_services, planned.judged),
        measured: Measure { value, unit: "ms" },
        ratio: Some(Ratio { to: "1 s".to_owned(), value: value / MARK_MILLISECONDS, mark: Some(Mark::AtMost(1.0)) }),
    })
}

fn target(before: Option<Value>, after: Option<Value>) -> Result<Target, Box<dyn Error>> {
    let manifest = after.as_ref().or(before.as_ref()).ok_or("neither before nor after")?;
    let key: ObjectKey = cluster::read(manifest.clone())?.0;
    let version = |manifest: Value| Version::read(&key, manifest);
    let (before, after) = (before.map(version).transpose()?, after.map(version).transpose()?);
    Ok(Target { key, before, after })
}
