use std::time::Duration;

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::client::json_of;
use super::{ControlPlane, User};
use crate::wait;

/// A webhook server on loopback, and the in-cluster name that its certificate carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) service: &'a str,
    pub(crate) port: u16,
    pub(crate) ca_pem: &'a str,
}

/// Where a registered webhook is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// Where its manifest says.
    AsWritten,
    /// Only for objects in these namespaces, whatever its manifest says: for tests that share a control plane.
    Namespaces(&'a [&'a str]),
}

/// A webhook configuration that is in force until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Registration<'a> {
    control_plane: &'a ControlPlane,
    name: String,
}

const MARKER: &str = "marker.plumbline.test";

impl Endpoint<'_> {
    /// The name that the API server asks for in the TLS handshake.
    pub(crate) fn server_name(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }
}

impl ControlPlane {
    /// Registers a `ValidatingWebhookConfiguration` as written in `manifest`, except for where its webhooks are served.
    ///
    /// The API server finds the endpoint through a Service of type `ExternalName` for `localhost`, and so verifies its
    /// certificate and speaks to it exactly as in a cluster. When this returns, the API server obeys the configuration.
    pub(crate) fn register_webhook(&self, manifest: &str, endpoint: &Endpoint, scope: Scope) -> Registration<'_> {
        self.create_service(endpoint);
        let args = "create --dry-run=client --output=json --filename=-";
        let args: Vec<_> = args.split(' ').collect();
        let mut configuration = json_of(self.kubectl_with_input(User::Admin, &args, manifest));
        let webhooks = configuration["webhooks"].as_array_mut().unwrap();
        for webhook in webhooks {
            serve_from(&mut webhook["clientConfig"], endpoint);
            if let Scope::Namespaces(namespaces) = scope {
                webhook["namespaceSelector"] = json!({"matchExpressions": [{
                    "key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces,
                }]});
            }
        }
        self.apply(&configuration.to_string(), &["--server-side"]).expect_success();

        let name = configuration["metadata"]["name"].as_str().unwrap().to_owned();
        self.wait_until_in_force(&name, endpoint);
        Registration { control_plane: self, name }
    }

    fn create_service(&self, endpoint: &Endpoint) {
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": endpoint.namespace},
        });
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": endpoint.service, "namespace": endpoint.namespace},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        });
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [namespace, service]});
        // A field manager of its own, lest a test's own manifest of the namespace conflicts.
        let args = ["--server-side", "--field-manager=webhook-endpoint"];
        self.apply(&list.to_string(), &args).expect_success();
    }

    /// Waits for a second configuration, written after the one in question and about the same Service, to have an effect: the
    /// API server learns of configurations in the order in which they were written.
    fn wait_until_in_force(&self, name: &str, endpoint: &Endpoint) {
        let marker = format!("{name}-marker");
        let mut client_config = json!({});
        serve_from(&mut client_config, endpoint);
        // Nothing listens there, and that very failure is the effect.
        client_config["service"]["port"] = json!(1);
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": marker},
            "webhooks": [{
                "name": MARKER,
                "clientConfig": client_config,
                "rules": [{
                    "apiGroups": ["coordination.k8s.io"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["leases"],
                }],
                "objectSelector": {"matchLabels": {MARKER: marker}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
            }],
        });
        self.apply(&configuration.to_string(), &["--server-side"]).expect_success();

        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": marker, "namespace": endpoint.namespace, "labels": {MARKER: marker}},
        })
        .to_string();
        wait::until("webhook registration", Duration::from_secs(20), || {
            let args = ["create", "--dry-run=server", "-f", "-"];
            let answer = self.kubectl_with_input(User::Admin, &args, &lease);
            let called = answer.stderr.contains("connection refused");
            if called { Ok(()) } else { Err(format!("{answer:#?}")) }
        });
        self.delete_webhook(&marker).expect_success();
    }

    fn delete_webhook(&self, name: &str) -> super::Output {
        self.kubectl(&["delete", "validatingwebhookconfiguration", name])
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        // Nothing to do about a failure: the test may have stopped the API server.
        let _ = self.control_plane.delete_webhook(&self.name);
    }
}

/// Keeps the path, which is the manifest's to choose.
fn serve_from(client_config: &mut Value, endpoint: &Endpoint) {
    let path = client_config["service"]["path"].take();
    let mut service = json!({
        "namespace": endpoint.namespace,
        "name": endpoint.service,
        "port": endpoint.port,
    });
    if !path.is_null() {
        service["path"] = path;
    }
    let ca_bundle = ByteString(endpoint.ca_pem.as_bytes().to_vec());
    *client_config = json!({"service": service, "caBundle": ca_bundle});
}
