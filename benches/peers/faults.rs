use serde_json::{Value, json};

use crate::cluster;

/// A mistake that cuts requests, or keeps a controller from reading its configuration.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    name: &'static str,
    /// The object it is made in, by kind and name.
    object: (&'static str, &'static str),
    edit: Edit,
}

#[derive(Clone, Copy)]
enum Edit {
    Delete,
    /// A JSON pointer, and the JSON to put there.
    Set(&'static str, &'static str),
    /// A field of `data.ingress`, and its new text.
    Ingress(&'static str, &'static str),
}

const LOCAL_GATEWAY: (&str, &str) = ("Gateway", "knative-local-gateway");
const LOCAL_SERVICE: (&str, &str) = ("Service", "knative-local-gateway");
const KSERVE: (&str, &str) = ("ConfigMap", "inferenceservice-config");
const KNATIVE: (&str, &str) = ("ConfigMap", "config-istio");

impl Fault {
    pub(crate) const ALL: [Self; 18] = [
        Self { name: "local Gateway deleted", object: LOCAL_GATEWAY, edit: Edit::Delete },
        Self { name: "local Service deleted", object: LOCAL_SERVICE, edit: Edit::Delete },
        Self { name: "external Gateway deleted", object: ("Gateway", "knative-ingress-gateway"), edit: Edit::Delete },
        Self {
            name: "local Gateway selects other pods",
            object: LOCAL_GATEWAY,
            edit: Edit::Set("/spec/selector", r#"{"istio": "elsewhere"}"#),
        },
        Self {
            name: "local Service selects other pods",
            object: LOCAL_SERVICE,
            edit: Edit::Set("/spec/selector", r#"{"istio": "elsewhere"}"#),
        },
        Self {
            name: "local Service: wrong target port",
            object: LOCAL_SERVICE,
            edit: Edit::Set("/spec/ports/0/targetPort", "8082"),
        },
        Self { name: "local Service: no port 80", object: LOCAL_SERVICE, edit: Edit::Set("/spec/ports/0/port", "81") },
        Self {
            name: "local Gateway: server on another port",
            object: LOCAL_GATEWAY,
            edit: Edit::Set("/spec/servers/0/port/number", "9090"),
        },
        Self {
            name: "local Gateway: hosts not served",
            object: LOCAL_GATEWAY,
            edit: Edit::Set("/spec/servers/0/hosts", r#"["*.other.svc.cluster.local"]"#),
        },
        Self {
            name: "local Gateway: wrong namespace prefix",
            object: LOCAL_GATEWAY,
            edit: Edit::Set("/spec/servers/0/hosts", r#"["./*"]"#),
        },
        Self {
            name: "local Gateway: TCP instead of HTTP",
            object: LOCAL_GATEWAY,
            edit: Edit::Set("/spec/servers/0/port/protocol", r#""TCP""#),
        },
        Self {
            name: "local Gateway redirects to HTTPS",
            object: LOCAL_GATEWAY,
            edit: Edit::Set("/spec/servers/0/tls", r#"{"httpsRedirect": true}"#),
        },
        Self {
            name: "KServe names a Gateway that is not there",
            object: KSERVE,
            edit: Edit::Ingress("localGateway", "knative-serving/gone"),
        },
        Self {
            name: "KServe names a Service by its short name",
            object: KSERVE,
            edit: Edit::Ingress("localGatewayService", "knative-local-gateway.istio-system"),
        },
        Self {
            name: "KServe's ingress: trailing comma",
            object: KSERVE,
            edit: Edit::Set("/data/ingress", r#""{\"ingressGateway\": \"a/b\",}""#),
        },
        Self {
            name: "Knative's list names no Gateway",
            object: KNATIVE,
            edit: Edit::Set(
                "/data",
                r#"{"local-gateways": "[{name: gone, namespace: knative-serving, service: knative-local-gateway.istio-system.svc.cluster.local}]"}"#,
            ),
        },
        Self {
            name: "Knative's list does not parse",
            object: KNATIVE,
            edit: Edit::Set("/data", r#"{"local-gateways": "- name: a\n namespace: b"}"#),
        },
        Self {
            name: "Knative's old and new keys together",
            object: KNATIVE,
            edit: Edit::Set("/data", r#"{"local-gateways": "[]", "gateway.a.b": "c.d.svc.cluster.local"}"#),
        },
    ];

    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// The objects, with the fault.
    ///
    /// # Panics
    /// Where there is no such object or field: a fault that is not there is found by nobody.
    #[expect(clippy::panic, clippy::expect_used, reason = "a benchmark with a mistake of its own measures nothing")]
    pub(crate) fn inject(self, manifests: impl Iterator<Item = Value>) -> Vec<Value> {
        let mut manifests: Vec<Value> = manifests.collect();
        let (kind, name) = self.object;
        let is_meant = |manifest: &Value| manifest["kind"] == kind && manifest["metadata"]["name"] == name;
        let place = manifests.iter().position(is_meant).unwrap_or_else(|| panic!("no {kind} {name}"));
        match self.edit {
            Edit::Delete => drop(manifests.remove(place)),
            Edit::Set(pointer, value) => {
                let value: Value = serde_json::from_str(value).expect("JSON");
                let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
                manifests[place].pointer_mut(parent).unwrap_or_else(|| panic!("{name} has no {parent}"))[field] = value;
            }
            Edit::Ingress(field, text) => {
                let mut ingress: Value = serde_json::from_str(&cluster::ingress_config()).expect("JSON");
                ingress[field] = json!(text);
                manifests[place]["data"]["ingress"] = json!(ingress.to_string());
            }
        }
        manifests
    }
}
