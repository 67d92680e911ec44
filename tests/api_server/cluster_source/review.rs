use std::sync::Arc;
use std::time::Duration;

use plumbline::cluster::{ACCESS, Cluster, ClusterOptions, Connection, ConnectionOptions, Reach};
use plumbline::gather::{GatherError, settle};
use plumbline::model::istio_gateway::IstioGateway;
use plumbline::view::{Lookup, View};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::control_plane::{ControlPlane, User};

/// Opens a connection as a user.
pub(super) async fn connect(control_plane: &ControlPlane, user: User) -> Connection {
    let kubeconfig = Some(control_plane.kubeconfig(user).to_owned());
    Connection::open(&ConnectionOptions { kubeconfig, context: None }).await.unwrap()
}

/// KServe and Knative in one namespace, a test's own.
pub(super) fn options(namespace: &str) -> ClusterOptions {
    ClusterOptions {
        kserve_namespace: namespace.into(),
        knative_namespace: namespace.into(),
        ..ClusterOptions::default()
    }
}

/// Starts a source and waits until it has read everything once.
pub(super) async fn start(control_plane: &ControlPlane, user: User, namespace: &str) -> Cluster {
    let cluster = Cluster::start(connect(control_plane, user).await.client, &options(namespace));
    let synced = timeout(Duration::from_secs(30), cluster.wait_until_synced()).await;
    assert!(synced.is_ok(), "{:?} of {cluster:?}", cluster.unsynced());
    cluster
}

/// Looks at the cluster as a review does that ends in a denial.
pub(super) async fn look<T>(cluster: &Cluster, judge: impl Fn(&View<'_>) -> T) -> Result<T, GatherError> {
    review(cluster, judge, true).await
}

/// Looks at the cluster as a review does that has nothing to object to.
pub(super) async fn look_lightly<T>(cluster: &Cluster, judge: impl Fn(&View<'_>) -> T) -> Result<T, GatherError> {
    review(cluster, judge, false).await
}

async fn review<T>(cluster: &Cluster, judge: impl Fn(&View<'_>) -> T, grave: bool) -> Result<T, GatherError> {
    let judge = |snapshot: &_| {
        let view = View::of(snapshot);
        (judge(&view), view.needs())
    };
    settle(cluster, judge, |_| grave, Instant::now() + Duration::from_secs(10)).await
}

/// The first host of a Gateway, where it is there: a first look may come before it is.
pub(super) fn host_of(gateway: &Lookup<Arc<IstioGateway>>) -> Option<String> {
    let Lookup::Present(gateway) = gateway else { return None };
    Some(gateway.servers[0].hosts[0].to_string())
}

/// Why something is unknown, where it is.
pub(super) fn why<T>(lookup: &Lookup<T>) -> Option<String> {
    match lookup {
        Lookup::Unknown(why) => Some(why.to_string()),
        Lookup::Present(_) | Lookup::Absent => None,
    }
}

/// Roles with exactly the rights that the source declares, bound to a user.
pub(super) fn access_role(knative_namespace: &str, user: User) -> String {
    let rules = |reach: Reach| -> Vec<Value> {
        let wanted = ACCESS.iter().filter(|access| access.reach == reach);
        let rules = wanted.map(|access| {
            let mut rule = json!({
                "apiGroups": [access.kind.group()],
                "resources": [access.kind.plural()],
                "verbs": access.verbs,
            });
            if !access.names.is_empty() {
                rule["resourceNames"] = json!(access.names);
            }
            rule
        });
        rules.collect()
    };
    let subjects = json!([{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user.name()}]);
    let role = |kind: &str, metadata: &Value, reach| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": rules(reach)});
    let binding = |kind: &str, of: &str, metadata: &Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": of, "name": "declared"},
            "subjects": subjects,
        })
    };
    let everywhere = json!({"name": "declared"});
    let in_namespace = json!({"name": "declared", "namespace": knative_namespace});
    let documents = [
        role("ClusterRole", &everywhere, Reach::Cluster),
        binding("ClusterRoleBinding", "ClusterRole", &everywhere),
        role("Role", &in_namespace, Reach::KnativeNamespace),
        binding("RoleBinding", "Role", &in_namespace),
    ];
    documents.map(|document| document.to_string()).join("\n---\n")
}
