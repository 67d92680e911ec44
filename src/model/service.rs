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
        Ok(Self { key: key.clone(), meta, kind: raw.kind, selector: raw.selector, ports })
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

    /// Whether proxies in `namespace` know the Service (istio `pkg/config/visibility`).
    #[must_use]
    pub fn is_exported_to(&self, namespace: &str) -> bool {
        let Some(targets) = self.meta.annotations.get(EXPORT_TO_ANNOTATION) else { return true };
        targets.split(',').map(str::trim).any(|target| match target {
            "" | "*" => true,
            "." => *self.key.namespace == *namespace,
            "~" => false,
            other => other == namespace,
        })
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
        let tcp = self.protocol.is_none_or(|protocol| protocol == "TCP");
        ServicePort { name: self.name, port: self.port, target, tcp }
    }
}
