//! Istio Gateways.

use std::sync::Arc;

use serde::Deserialize;

use super::{Labels, Meta, from_spec, nullable};
use crate::object::{FieldPath, ObjectKey};

/// istiod marks the Gateway with which it probes its own webhook (istio `pkg/webhooks/validation/controller`).
pub const SELF_PROBE_ANNOTATION: &str = "internal.istio.io/webhook-always-reject";
/// The name of that Gateway.
pub const SELF_PROBE_NAME: &str = "invalid-gateway";
/// Ties a Gateway to Services instead of pod labels; istiod writes it for Gateway API Gateways.
pub const GATEWAY_SERVICE_ANNOTATION: &str = "internal.istio.io/gateway-service";

/// A Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IstioGateway {
    /// Which one.
    pub key: ObjectKey,
    /// Metadata.
    pub meta: Meta,
    /// `spec.selector`, matched against pod labels; empty selects every gateway pod.
    pub selector: Labels,
    /// `spec.servers`.
    pub servers: Vec<Server>,
}

/// One server of a Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `port.number`: a Service's port or the pods' own, see the data plane.
    pub number: u16,
    /// What `port.protocol` means.
    pub protocol: Protocol,
    /// `port.protocol` as written: istiod tells servers apart by it, `HTTP` from `HTTP2` too (istio `pilot/pkg/model/gateway.go`
    /// `ServerPort`).
    pub protocol_name: Arc<str>,
    /// `hosts`, each with its optional namespace prefix.
    pub hosts: Vec<Arc<str>>,
    /// `bind`; empty for every address.
    pub bind: Arc<str>,
    /// `tls`, where there is one.
    pub tls: Option<Tls>,
}

/// What the protocol of a server means to istiod (istio `pkg/config/protocol/instance.go`; case does not matter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `HTTP`, `HTTP2`, `GRPC`, `GRPC-WEB`, `HTTP_PROXY`: plaintext HTTP.
    Http,
    /// `HTTPS`.
    Https,
    /// `TLS`.
    Tls,
    /// Anything else, by its upper-case name's first bytes: bytes without HTTP routes.
    Opaque,
}

/// The TLS settings of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `httpsRedirect`.
    pub https_redirect: bool,
    /// Whether `mode` is `ISTIO_MUTUAL`: reachable for the mesh, not for a plaintext client; outside the model.
    pub istio_mutual: bool,
    /// Whether `mode` is `PASSTHROUGH` or `AUTO_PASSTHROUGH`: the gateway does not see what is inside.
    pub passthrough: bool,
}

impl IstioGateway {
    pub(super) fn new(key: &ObjectKey, mut meta: Meta, spec: serde_json::Value) -> serde_json::Result<Self> {
        let raw: RawSpec = from_spec(spec)?;
        meta.labels.clear();
        let servers = raw.servers.into_iter().map(RawServer::into_server).collect();
        Ok(Self { key: key.clone(), meta, selector: raw.selector, servers })
    }

    pub(super) fn servers_from(value: serde_json::Value) -> serde_json::Result<Vec<Server>> {
        let raw: Vec<RawServer> = from_spec(value)?;
        Ok(raw.into_iter().map(RawServer::into_server).collect())
    }

    /// The path of a server.
    #[must_use]
    pub fn server_path(index: usize) -> FieldPath {
        FieldPath::of("spec.servers").index(index)
    }

    /// Whether istiod sent this Gateway to probe its own webhook.
    #[must_use]
    pub fn is_self_probe(&self) -> bool {
        &*self.key.name == SELF_PROBE_NAME && self.meta.annotations.contains_key(SELF_PROBE_ANNOTATION)
    }
}

impl Protocol {
    fn parse(text: &str) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" | "HTTP_PROXY" => Self::Http,
            "HTTPS" => Self::Https,
            "TLS" => Self::Tls,
            _ => Self::Opaque,
        }
    }
}

impl Server {
    /// Whether the server makes a TLS listener (istio `pkg/config/gateway` `IsTLSServer`).
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some() && self.protocol != Protocol::Http
    }

    /// Whether the gateway ends TLS here and routes the HTTP inside it (`IsHTTPSServerWithTLSTermination`).
    #[must_use]
    pub fn terminates_https(&self) -> bool {
        self.protocol == Protocol::Https && self.tls.is_some_and(|tls| !tls.passthrough)
    }

    /// Whether net-istio probes a server of this protocol: only `HTTP` and `HTTP2`, spelled so (net-istio `lister.go`).
    #[must_use]
    pub fn is_probed(&self) -> bool {
        matches!(&*self.protocol_name, "HTTP" | "HTTP2")
    }

    /// Whether plain requests are answered with a redirect to HTTPS.
    #[must_use]
    pub fn redirects(&self) -> bool {
        self.tls.is_some_and(|tls| tls.https_redirect)
    }
}

#[derive(Debug, Default, Deserialize)]
struct RawSpec {
    #[serde(default, deserialize_with = "nullable")]
    selector: Labels,
    #[serde(default, deserialize_with = "nullable")]
    servers: Vec<RawServer>,
}

#[derive(Debug, Default, Deserialize)]
struct RawServer {
    #[serde(default, deserialize_with = "nullable")]
    port: RawPort,
    #[serde(default, deserialize_with = "nullable")]
    hosts: Vec<Arc<str>>,
    #[serde(default, deserialize_with = "nullable")]
    bind: Arc<str>,
    #[serde(default)]
    tls: Option<RawTls>,
}

#[derive(Debug, Default, Deserialize)]
struct RawPort {
    #[serde(default, deserialize_with = "nullable")]
    number: u16,
    #[serde(default, deserialize_with = "nullable")]
    protocol: Arc<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTls {
    #[serde(default, deserialize_with = "nullable")]
    https_redirect: bool,
    #[serde(default, deserialize_with = "nullable")]
    mode: String,
}

impl RawServer {
    fn into_server(self) -> Server {
        Server {
            number: self.port.number,
            protocol: Protocol::parse(&self.port.protocol),
            protocol_name: self.port.protocol,
            hosts: self.hosts,
            bind: self.bind,
            tls: self.tls.map(|tls| Tls {
                https_redirect: tls.https_redirect,
                istio_mutual: tls.mode == "ISTIO_MUTUAL",
                // The mode that is not given is the first of its enumeration.
                passthrough: matches!(tls.mode.as_str(), "" | "PASSTHROUGH" | "AUTO_PASSTHROUGH"),
            }),
        }
    }
}
