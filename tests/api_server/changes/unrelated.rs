//! Writes that no webhook has to see, or that hold nothing it reads.

use std::sync::PoisonError;

use super::admits::admits;
use super::change::{CONFIG_DOMAIN, Change};
use super::cluster::cluster;

#[test]
fn what_decides_nothing_is_admitted() {
    let config_map = |namespace: &str, name: &str| {
        Change::Create(format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: {namespace}}}, data: {{local-gateways: \"[\"}}}}"
        ))
    };
    admits(&[
        ("labels of the domains", CONFIG_DOMAIN.with("\ndata:\n", "\n  labels: {team: platform}\ndata:\n")),
        (
            "one more domain",
            CONFIG_DOMAIN.with("\ndata:\n", "\ndata:\n  models.example.org: |\n    selector: {team: research}\n"),
        ),
        ("another ConfigMap of Knative", config_map("knative-serving", "config-features")),
        ("a ConfigMap of the same name elsewhere", config_map("risk", "config-istio")),
        ("KServe's in Knative's namespace", config_map("knative-serving", "inferenceservice-config")),
    ]);
}

#[test]
fn status_and_scale_are_admitted() {
    let cluster = cluster();
    let _alone = cluster.as_deployed.write().unwrap_or_else(PoisonError::into_inner);
    for args in [
        "patch knativeserving knative-serving -n knative-serving --subresource=status --type=merge -p {\"status\":{\"version\":\"1.18.0\"}}",
        "patch inferenceservice fraud -n risk --subresource=status --type=merge -p {\"status\":{\"url\":\"http://fraud.risk.example.com\"}}",
        "patch gateways.networking.istio.io custom-local-gateway -n istio-system --subresource=status --type=merge -p {\"status\":{\"observedGeneration\":\"1\"}}",
        "patch service istio-ingressgateway -n istio-system --subresource=status -p {\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\"}]}}}",
        "scale deployment custom-local-gateway -n istio-system --replicas=0",
    ] {
        let args: Vec<_> = args.split(' ').collect();
        let answer = cluster.control_plane.kubectl(&args);
        assert!(answer.status.success() && answer.stderr.is_empty(), "{args:?}: {answer:#?}");
    }
}
