use std::time::Duration;

use serde_json::{Value, json};

use super::auditor::Auditor;
use super::{IN_TIME, Story};

/// Where net-istio has put `models/iris`.
fn virtual_service(gateways: &[&str]) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
        "metadata": {
            "name": "iris-predictor-ingress", "namespace": "models",
            "labels": {
                "networking.internal.knative.dev/ingress": "iris-predictor",
                "serving.kserve.io/inferenceservice": "iris",
            },
        },
        "spec": {"hosts": ["iris-predictor.models.svc.cluster.local"], "gateways": gateways, "http": []},
    })
}

#[test]
fn services_that_net_istio_has_left_behind_are_told_of() {
    let story = Story::begin();
    let (local, external) = ("knative-serving/knative-local-gateway", "knative-serving/knative-ingress-gateway");
    story.write(&virtual_service(&["istio-system/old-gateway", external]));
    let auditor = Auditor::start(&story.stage, &["--audit-interval=5s"]);
    let told = story.wait_for("ServicesNotMoved", "ConfigMap knative-serving/config-istio", Duration::from_secs(20));
    assert!(told.note.contains("iris in models") && told.note.contains("istio-system/old-gateway"), "{told:#?}");
    auditor.wait_for_metric(r#"plumbline_audit_findings{code="PL504",severity="warning",standing="plain"} 1"#);
    let asked = super::super::outage::plumbline(story.stage.control_plane, &["audit"]);
    assert!(asked.status.success() && asked.stdout.contains("PL504"), "{asked:#?}");

    story.write(&virtual_service(&[local, external]));
    // It looks again every 30 s as long as something is behind.
    story.wait_for("Resolved", "ConfigMap knative-serving/config-istio", Duration::from_secs(35) + IN_TIME);
}
