use std::sync::{OnceLock, RwLock};
use std::time::Duration;

use super::change::{
    CONFIG_DOMAIN, CONFIG_ISTIO, INFERENCE_SERVICE_CONFIG, INGRESS_GATEWAY, INGRESS_SERVICE, KNATIVE_SERVING,
    LOCAL_GATEWAY, LOCAL_SERVICE, Manifest, SHIPPED_LOCAL_GATEWAY, SHIPPED_LOCAL_SERVICE,
};
use crate::control_plane::{ControlPlane, Registration, Scope, User};
use crate::plumbline_server::PlumblineServer;
use crate::wait;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/plumbline");
const NAMESPACES: &str = include_str!("cluster/namespaces.yaml");
const GATEWAY_PODS: &str = include_str!("cluster/gateway-pods.yaml");
const MODELS: &str = include_str!("cluster/models.yaml");

/// A cluster with models behind a local gateway of its own, and plumbline in front of its API, installed by the chart.
pub(super) struct Cluster {
    pub(super) control_plane: &'static ControlPlane,
    /// Locked by whoever changes the cluster, and shared by whoever needs it as it was deployed.
    pub(super) as_deployed: RwLock<()>,
    server: PlumblineServer,
    _registration: Registration<'static>,
}

/// The cluster that these tests share; a change that is admitted has to be undone.
pub(super) fn cluster() -> &'static Cluster {
    static CONTROL_PLANE: OnceLock<ControlPlane> = OnceLock::new();
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let control_plane = CONTROL_PLANE.get_or_init(ControlPlane::start);
        control_plane.install_upstream_crds();
        deploy(control_plane);
        let cluster = guard(control_plane);
        cluster.wait_until_it_judges();
        cluster
    })
}

fn deploy(control_plane: &ControlPlane) {
    let manifests = [INGRESS_SERVICE, LOCAL_SERVICE, SHIPPED_LOCAL_SERVICE]
        .into_iter()
        .chain([INGRESS_GATEWAY, LOCAL_GATEWAY, SHIPPED_LOCAL_GATEWAY])
        .chain([KNATIVE_SERVING, CONFIG_ISTIO, CONFIG_DOMAIN, INFERENCE_SERVICE_CONFIG])
        .map(Manifest::text);
    let all: Vec<_> = [NAMESPACES, GATEWAY_PODS].into_iter().chain(manifests).chain([MODELS]).collect();
    apply_both_ways(control_plane, &all.join("\n---\n"));
}

/// Once on the client's side and once on the server's: either has to know later which fields are its own to remove.
fn apply_both_ways(control_plane: &ControlPlane, manifests: &str) {
    control_plane.apply(manifests, &[]).expect_success();
    control_plane.apply(manifests, &["--server-side", "--force-conflicts"]).expect_success();
}

/// Starts the webhook with no more rights than the chart gives it, and registers it as the chart does.
fn guard(control_plane: &'static ControlPlane) -> Cluster {
    let rendered = |file: &str| {
        let file = format!("templates/{file}.yaml");
        let args = ["template", "plumbline", CHART, "--namespace", "plumbline", "--show-only", &file];
        control_plane.helm(&args).expect_success()
    };
    control_plane.apply(&rendered("rbac"), &["--server-side", "--force-conflicts"]).expect_success();
    let server = PlumblineServer::start(control_plane.kubeconfig(User::Plumbline), &[]);
    let configuration = rendered("validatingwebhookconfiguration");
    let registration = control_plane.register_webhook(&configuration, &server.endpoint(), Scope::AsWritten);
    Cluster { control_plane, as_deployed: RwLock::new(()), server, _registration: registration }
}

impl Cluster {
    /// What the webhook has logged, for an answer that does not explain itself.
    pub(super) fn log(&self) -> String {
        self.server.log()
    }

    /// The versions of all objects that a webhook guards, one a line.
    pub(super) fn guarded_objects(&self) -> String {
        let kinds = "gateways.networking.istio.io,services,configmaps,knativeservings";
        // The API server writes to some namespaces by itself.
        let ours = "--field-selector=metadata.namespace!=default,metadata.namespace!=kube-system";
        let columns = ":.kind,:.metadata.namespace,:.metadata.name,:.metadata.uid,:.metadata.resourceVersion";
        let columns = format!("--output=custom-columns={columns}");
        self.control_plane.kubectl(&["get", kinds, "--all-namespaces", ours, &columns]).expect_success()
    }

    /// Applies what was deleted.
    pub(super) fn deploy(&self, manifest: &str) {
        apply_both_ways(self.control_plane, manifest);
    }

    fn wait_until_it_judges(&self) {
        wait::until("the first verdict", Duration::from_secs(30), || {
            let answer = self.control_plane.apply(LOCAL_GATEWAY.text(), &["--dry-run=server"]);
            if answer.status.success() { Ok(()) } else { Err(format!("{}\n{}", answer.stderr, self.log())) }
        });
    }
}
