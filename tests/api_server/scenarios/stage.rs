use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::control_plane::{ControlPlane, Registration, Scope, User};
use crate::plumbline_server::PlumblineServer;
use crate::rest::Rest;
use crate::wait;

/// Whose deletes are of what is gone already.
pub(super) const NAMESPACE_CONTROLLER: &str = "system:serviceaccount:kube-system:namespace-controller";

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/plumbline");

/// The namespaces that scenarios write into.
const NAMESPACES: [&str; 7] =
    ["custom", "istio-system", "knative-serving", "kserve", "models", "online-serving", "other"];

/// The collections of a namespace that scenarios write into.
const COLLECTIONS: [&str; 10] = [
    "/api/v1/namespaces/NAMESPACE/configmaps",
    "/api/v1/namespaces/NAMESPACE/pods",
    "/api/v1/namespaces/NAMESPACE/secrets",
    "/api/v1/namespaces/NAMESPACE/services",
    "/apis/apps/v1/namespaces/NAMESPACE/deployments",
    "/apis/networking.istio.io/v1/namespaces/NAMESPACE/gateways",
    "/apis/networking.istio.io/v1/namespaces/NAMESPACE/virtualservices",
    "/apis/operator.knative.dev/v1beta1/namespaces/NAMESPACE/knativeservings",
    "/apis/security.istio.io/v1/namespaces/NAMESPACE/peerauthentications",
    "/apis/serving.kserve.io/v1beta1/namespaces/NAMESPACE/inferenceservices",
];

/// A whole cluster for one scenario, empty but for CRDs and namespaces. The control plane behind it serves all scenarios, one
/// after the other: what stock configuration names cannot be renamed, so two would be in each other's way.
pub(super) struct Stage {
    pub(super) control_plane: &'static ControlPlane,
    pub(super) rest: Rest,
    collector: Rest,
    _turn: MutexGuard<'static, ()>,
}

/// plumbline, running and registered as its chart registers it, until this is dropped.
pub(super) struct Guard<'a> {
    // Dropped first, lest writes fail because nobody answers.
    _registration: Registration<'a>,
    pub(super) server: PlumblineServer,
}

impl Stage {
    /// Waits for its turn and clears the cluster.
    pub(super) fn enter() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static CONTROL_PLANE: OnceLock<ControlPlane> = OnceLock::new();

        // A scenario that failed has dropped its webhook, and the rest is cleared below.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let control_plane = CONTROL_PLANE.get_or_init(|| {
            let control_plane = ControlPlane::start();
            control_plane.install_upstream_crds();
            grant_rights_of_chart(&control_plane);
            control_plane
        });
        let rest = Rest::open(control_plane, User::Gitops);
        let collector = Rest::open_as(control_plane, NAMESPACE_CONTROLLER);
        let stage = Self { control_plane, rest, collector, _turn: turn };
        stage.clear();
        stage
    }

    /// Deletes everything a scenario may have written, as the namespace controller would.
    pub(super) fn clear(&self) {
        for namespace in NAMESPACES {
            self.rest.apply(&super::stock::namespace(namespace)).expect_admitted();
            for collection in COLLECTIONS {
                self.collector.delete_all(&collection.replace("NAMESPACE", namespace));
            }
        }
    }

    /// Starts plumbline with the rights that its chart grants, and registers it with the webhooks of its chart.
    pub(super) fn guard(&self) -> Guard<'static> {
        self.guard_with(&[], &[])
    }

    /// The same with further arguments for plumbline and values for the chart.
    pub(super) fn guard_with(&self, args: &[&str], values: &[&str]) -> Guard<'static> {
        self.guard_as(User::Plumbline, args, values)
    }

    /// The same with the rights of another user.
    pub(super) fn guard_as(&self, user: User, args: &[&str], values: &[&str]) -> Guard<'static> {
        self.guard_with_server(PlumblineServer::start(self.control_plane.kubeconfig(user), args), values)
    }

    /// The same with the API server where a kubeconfig says.
    pub(super) fn guard_through(&self, kubeconfig: &Path) -> Guard<'static> {
        self.guard_with_server(PlumblineServer::start(kubeconfig, &[]), &[])
    }

    fn guard_with_server(&self, server: PlumblineServer, values: &[&str]) -> Guard<'static> {
        wait_until_ready(&server);
        let webhooks = render(self.control_plane, "validatingwebhookconfiguration", values);
        let registration = self.control_plane.register_webhook(&webhooks, &server.endpoint(), Scope::AsWritten);
        Guard { _registration: registration, server }
    }
}

/// Waits until plumbline has read the cluster.
pub(super) fn wait_until_ready(server: &PlumblineServer) {
    wait::until("the first look at the cluster", Duration::from_secs(20), || {
        let log = server.log();
        if log.contains("the cluster has been read") { Ok(()) } else { Err(log) }
    });
}

/// A manifest of the chart.
pub(super) fn render(control_plane: &ControlPlane, template: &str, values: &[&str]) -> String {
    let file = format!("templates/{template}.yaml");
    let args = ["template", "plumbline", CHART, "--namespace=plumbline", "--show-only", &file];
    let values = values.iter().flat_map(|value| ["--set", *value]);
    control_plane.helm(&args.into_iter().chain(values).collect::<Vec<_>>()).expect_success()
}

/// Gives plumbline the rights that its chart gives it.
pub(super) fn grant_rights_of_chart(control_plane: &ControlPlane) {
    let namespace = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plumbline"}}"#;
    control_plane.apply(namespace, &["--server-side"]).expect_success();
    let roles = render(control_plane, "rbac", &[]);
    control_plane.apply(&roles, &["--server-side", "--force-conflicts"]).expect_success();
}

/// A file of the example that the README serves.
pub(super) fn example(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/custom-local-gateway");
    std::fs::read_to_string(folder.join(file)).unwrap()
}
