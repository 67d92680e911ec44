//! Services: what kube-proxy, DNS and istiod make of them.

use std::sync::Arc;

use serde::Deserialize;

use super::{Labels, Meta, from_spec, nullable};
use crate::object::ObjectKey;

/// Hides a Service from proxies of other namespaces (istio `networking.istio.io/exportTo`).
pub const EXPORT_TO_ANNOTATION: &str = "networking.istio.io/exportTo";
/// The public names that external-dns gives a Service.
pub const EXTERNAL_DNS_ANNOTATION: &str = "external-dns.alpha.kubernetes.io/hostname";
/// Keeps istiod from translating a Gateway's port through this Service; its presence counts, whatever its value
/// (istio `pilot/pkg/model/gateway.go` `DisableGatewayPortTranslationLabel`).
pub const NO_PORT_TRANSLATION_LABEL: &str = "experimental.istio.io/disable-gateway-port-translation";

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Which one.
    pub key: ObjectKey,
    /// Metadata.
    pub meta: Meta,
    /// `spec.type`.
    pub kind: ServiceKind,
    /// `spec.selector`; empty when it selects no pods.
    pub selector: Labels,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// Whether it is headless: its name stands for the pods themselves, so that a client's port is the pods' own.
    pub headless: bool,
    /// `spec.externalName`; empty unless it is of that type.
    pub external_name: Arc<str>,
}

/// `spec.type` of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ServiceKind {
    /// A virtual address inside the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// As `ClusterIp`, and a port on every node.
    NodePort,
    /// As `NodePort`, and an address outside.
    LoadBalancer,
    /// A CNAME.
    ExternalName,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// The name; empty when it has none.
    pub name: Arc<str>,
    /// The port clients use.
    pub port: u16,
    /// The port on the pods.
    pub target: TargetPort,
    /// Whether the protocol is TCP.
    pub tcp: bool,
    /// What istiod takes the port to speak, in lower case; empty where nothing tells.
    pub mesh_protocol: &'static str,
}

/// Where a Service's port leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// A number.
    Number(u16),
    /// The name of a container port.
    Name(Arc<str>),
}

impl Service {
    pub(super) fn new(key: &ObjectKey, meta: Meta, spec: serde_json::Value) -> serde_json::Result<Self> {
        let raw: RawSpec = from_spec(spec)?;
        let ports = raw.ports.into_iter().map(RawPort::into_port).collect();
        let external_name = if raw.kind == ServiceKind::ExternalName { raw.external_name } else { "".into() };
        let headless = &*raw.cluster_ip == "None" && raw.kind == ServiceKind::ClusterIp;
        Ok(Self { key: key.clone(), meta, kind: raw.kind, selector: raw.selector, ports, headless, external_name })
    }

    /// The TCP port with this number, and its place in `spec.ports`.
    #[must_use]
    pub fn tcp_port(&self, number: u16) -> Option<(usize, &ServicePort)> {
        self.ports.iter().enumerate().find(|(_, port)| port.tcp && port.port == number)
    }

    /// Whether the Service opts out of istiod's port translation.
    #[must_use]
    pub fn disables_port_translation(&self) -> bool {
        self.meta.labels.contains_key(NO_PORT_TRANSLATION_LABEL)
    }

    /// Whether proxies in `namespace` know the Service (istio `pilot/pkg/model/push_context.go` `initServiceRegistry`): `*`
    /// beats `~`, and `~` beats all others.
    #[must_use]
    pub fn is_exported_to(&self, namespace: &str) -> bool {
        let targets = self.meta.annotations.get(EXPORT_TO_ANNOTATION).map_or("", AsRef::as_ref);
        if targets.is_empty() {
            return true;
        }
        let targets: Vec<_> = targets.split(',').map(str::trim).collect();
        let is_own = |target: &&str| **target == *namespace || (**target == *"." && *self.key.namespace == *namespace);
        targets.contains(&"*") || (!targets.contains(&"~") && targets.iter().any(is_own))
    }

    /// The public names that external-dns gives the Service, as written.
    #[must_use]
    pub fn public_names(&self) -> Option<&str> {
        self.meta.annotations.get(EXTERNAL_DNS_ANNOTATION).map(AsRef::as_ref)
    }

    /// Whether external-dns points `host` at this Service; `None` when it carries no public name.
    #[must_use]
    pub fn serves_public_name(&self, host: &str) -> Option<bool> {
        let names = self.public_names()?;
        Some(names.split(',').map(str::trim).any(|name| match name.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => name == host,
        }))
    }

    /// Whether the Service leads to pods that its selector finds; others lead where only the cluster knows.
    #[must_use]
    pub fn selects_pods(&self) -> bool {
        self.kind != ServiceKind::ExternalName && !self.selector.is_empty()
    }
}

#[derive(Debug, Default, Deserialize)]
struct RawSpec {
    #[serde(default, rename = "type", deserialize_with = "nullable")]
    kind: ServiceKind,
    #[serde(default, deserialize_with = "nullable")]
    selector: Labels,
    #[serde(default, deserialize_with = "nullable")]
    ports: Vec<RawPort>,
    #[serde(default, rename = "clusterIP", deserialize_with = "nullable")]
    cluster_ip: Arc<str>,
    #[serde(default, rename = "externalName", deserialize_with = "nullable")]
    external_name: Arc<str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPort {
    #[serde(default, deserialize_with = "nullable")]
    name: Arc<str>,
    port: u16,
    #[serde(default)]
    target_port: Option<RawTarget>,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    app_protocol: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawTarget {
    Number(u16),
    Text(Arc<str>),
}

impl RawPort {
    fn into_port(self) -> ServicePort {
        let target = match self.target_port {
            // The API server defaults an absent target to the port itself.
            None | Some(RawTarget::Number(0)) => TargetPort::Number(self.port),
            Some(RawTarget::Number(number)) => TargetPort::Number(number),
            // A manifest may quote the number.
            Some(RawTarget::Text(text)) => text.parse().map_or(TargetPort::Name(text), TargetPort::Number),
        };
        let tcp = self.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
        let is_udp = self.protocol.as_deref() == Some("UDP");
        let mesh_protocol =
            if is_udp { "udp" } else { mesh_protocol(&self.name, self.app_protocol.as_deref(), self.port) };
        ServicePort { name: self.name, port: self.port, target, tcp, mesh_protocol }
    }
}

/// What istiod takes a port to speak: `appProtocol`, or else the part of its name before a dash (istio
/// `pkg/config/kube/conversion.go` `ConvertProtocol`).
fn mesh_protocol(name: &str, app_protocol: Option<&str>, number: u16) -> &'static str {
    /// Ports whose clients wait for the server to speak first.
    const SERVER_FIRST_PORTS: [u16; 4] = [25, 53, 3306, 27_017];
    const KNOWN: [&str; 11] =
        ["tcp", "udp", "grpc", "http", "http_proxy", "http2", "https", "tls", "mongo", "redis", "mysql"];
    let name = match app_protocol {
        Some("kubernetes.io/h2c") => return "http2",
        Some("kubernetes.io/ws") => return "http",
        Some("kubernetes.io/wss") => return "https",
        Some(app_protocol) => app_protocol,
        None => name,
    };
    if name.get(..8).is_some_and(|prefix| prefix.eq_ignore_ascii_case("grpc-web")) {
        return "grpc-web";
    }
    let prefix = name.split('-').next().unwrap_or_default();
    let known = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(prefix));
    known.unwrap_or(if SERVER_FIRST_PORTS.contains(&number) { "tcp" } else { "" })
}
