use kube::Client;
use serde_json::{Value, json};

use super::review::connect;
use crate::control_plane::{ControlPlane, User};

/// Writes to the API server, fast enough for a review to come right behind.
pub(super) struct Writer {
    client: Client,
}

impl Writer {
    /// A writer with the administrator's rights, and a namespace to write in.
    pub(super) async fn new(control_plane: &ControlPlane, namespace: &str) -> Self {
        let writer = Self { client: connect(control_plane, User::Admin).await.client };
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        writer.apply(&format!("/api/v1/namespaces/{namespace}"), body).await;
        writer
    }

    /// Writes an object, whether it is there or not.
    pub(super) async fn apply(&self, path: &str, body: Value) {
        self.patch(path, "application/apply-patch+yaml", &body).await;
    }

    /// Writes a pod with the label `app: gw`, which nobody runs.
    pub(super) async fn apply_pod(&self, namespace: &str, name: &str, version: &str) {
        let body = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "gw", "version": version}},
            "spec": {"containers": [{"name": "proxy", "image": "proxy"}]},
        });
        self.apply(&format!("/api/v1/namespaces/{namespace}/pods/{name}"), body).await;
    }

    /// Lets a pod end well.
    pub(super) async fn end_pod(&self, namespace: &str, name: &str) {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/status");
        self.patch(&path, "application/merge-patch+json", &json!({"status": {"phase": "Succeeded"}})).await;
    }

    pub(super) async fn delete(&self, path: &str) {
        let request = hyper::Request::delete(path).body(Vec::new()).unwrap();
        self.client.request::<Value>(request).await.unwrap();
    }

    async fn patch(&self, path: &str, content_type: &str, body: &Value) {
        let path = format!("{path}?fieldManager=tests&force={}", content_type.contains("apply"));
        let path = path.trim_end_matches("&force=false");
        let request = hyper::Request::patch(path).header("content-type", content_type);
        let request = request.body(body.to_string().into_bytes()).unwrap();
        self.client.request::<Value>(request).await.unwrap();
    }
}

pub(super) fn service_path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/services/{name}")
}

pub(super) fn service(name: &str, port: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"clusterIP": "None", "selector": {"app": "gw"}, "ports": [{"name": "http", "port": port.max(1)}]},
    })
}

pub(super) fn gateway(name: &str, host: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [host]}],
        },
    })
}
