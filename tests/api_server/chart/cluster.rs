use std::fs;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::control_plane::ControlPlane;

/// Where the tests install to.
pub(super) const NAMESPACE: &str = "plumbline";

/// A control plane for the tests of the chart alone: the webhook configurations they install count in all of it.
///
/// It has the CRDs of whatever the chart can make an object of, and the namespaces that its defaults name. Pods in
/// [`NAMESPACE`] have to meet the Pod Security level `restricted`.
pub(super) fn cluster() -> &'static ControlPlane {
    static CLUSTER: OnceLock<ControlPlane> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = ControlPlane::start();
        cluster.install_upstream_crds();
        install_optional_crds(&cluster);
        cluster.apply(include_str!("namespaces.yaml"), &[]).expect_success();
        cluster
    })
}

/// Held by a test for as long as it has webhooks installed: they count in the whole cluster, and nobody answers them.
pub(super) fn alone_with_webhooks() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn install_optional_crds(cluster: &ControlPlane) {
    let cert_manager = cluster.upstream().cert_manager.join("deploy/crds");
    let monitoring = cluster.upstream().prometheus_operator.join("example/prometheus-operator-crd");
    let crds = [
        cert_manager.join("crd-certificates.yaml"),
        cert_manager.join("crd-issuers.yaml"),
        monitoring.join("monitoring.coreos.com_prometheusrules.yaml"),
        monitoring.join("monitoring.coreos.com_servicemonitors.yaml"),
    ];
    let texts = crds.map(|file| {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // cert-manager publishes its CRDs as templates, of which labels alone are filled in.
        text.lines().filter(|line| !line.contains("{{")).collect::<Vec<_>>().join("\n")
    });
    cluster.apply(&texts.join("\n---\n"), &["--server-side"]).expect_success();
    cluster.kubectl(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"]).expect_success();
}
