//! Gateway pods: as they run, or as a pod template would make them.

use std::sync::Arc;

use serde::Deserialize;

use super::label_selector::LabelSelector;
use super::service::{ServicePort, TargetPort};
use super::{Labels, Meta, from_spec, nullable};
use crate::object::ObjectKey;

/// Pods that cannot differ for a request: one namespace, the same labels and container ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pods {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The labels.
    pub labels: Labels,
    /// Named TCP ports of containers; a Service may target them by name.
    pub ports: Vec<(Arc<str>, u16)>,
    /// One of them, or the workload whose template stands in: for messages.
    pub example: ObjectKey,
}

impl Pods {
    /// The port on these pods that a Service's port leads to; `None` when no container port has the name and protocol.
    #[must_use]
    pub fn target_of(&self, port: &ServicePort) -> Option<u16> {
        match &port.target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(_) if !port.tcp => None,
            TargetPort::Name(name) => self.ports.iter().find(|(port, _)| port == name).map(|(_, number)| *number),
        }
    }
}

/// A Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Metadata.
    pub meta: Meta,
    /// What it is to a request.
    pub pods: Pods,
    /// Whether it has ended for good (`Succeeded`, `Failed`): no endpoint, ready or not.
    pub ended: bool,
}

impl Pod {
    pub(super) fn new(
        key: &ObjectKey,
        meta: Meta,
        spec: serde_json::Value,
        status: Option<serde_json::Value>,
    ) -> serde_json::Result<Self> {
        let spec: RawPodSpec = from_spec(spec)?;
        let status: RawPodStatus = from_spec(status.unwrap_or_default())?;
        let pods = Pods {
            namespace: key.namespace.clone(),
            labels: meta.labels.clone(),
            ports: spec.named_ports(),
            example: key.clone(),
        };
        Ok(Self { meta, pods, ended: matches!(status.phase.as_str(), "Succeeded" | "Failed") })
    }
}

/// A Deployment, `DaemonSet` or `StatefulSet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Metadata.
    pub meta: Meta,
    /// The pods its template makes.
    pub template: Pods,
    /// `spec.selector`: the pods it owns now.
    pub selector: LabelSelector,
    /// Whether `spec.replicas` is 0.
    pub scaled_to_zero: bool,
    /// The version that the controller's own image or label tells, where it is a controller of the walk.
    pub image: Arc<str>,
}

impl Workload {
    pub(super) fn new(key: &ObjectKey, mut meta: Meta, spec: serde_json::Value) -> serde_json::Result<Self> {
        let raw: RawWorkloadSpec = from_spec(spec)?;
        meta.labels.retain(|label, _| &**label == super::version::VERSION_LABEL);
        let image = raw.template.spec.containers.first().map(|container| container.image.clone()).unwrap_or_default();
        let template = Pods {
            namespace: key.namespace.clone(),
            labels: raw.template.metadata.labels,
            ports: raw.template.spec.named_ports(),
            example: key.clone(),
        };
        Ok(Self { meta, template, selector: raw.selector, scaled_to_zero: raw.replicas == Some(0), image })
    }
}

#[derive(Debug, Default, Deserialize)]
struct RawWorkloadSpec {
    #[serde(default)]
    replicas: Option<i64>,
    #[serde(default, deserialize_with = "nullable")]
    selector: LabelSelector,
    #[serde(default, deserialize_with = "nullable")]
    template: RawTemplate,
}

#[derive(Debug, Default, Deserialize)]
struct RawTemplate {
    #[serde(default, deserialize_with = "nullable")]
    metadata: RawTemplateMeta,
    #[serde(default, deserialize_with = "nullable")]
    spec: RawPodSpec,
}

#[derive(Debug, Default, Deserialize)]
struct RawTemplateMeta {
    #[serde(default, deserialize_with = "nullable")]
    labels: Labels,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPodSpec {
    #[serde(default, deserialize_with = "nullable")]
    containers: Vec<RawContainer>,
    #[serde(default, deserialize_with = "nullable")]
    init_containers: Vec<RawContainer>,
}

impl RawPodSpec {
    fn named_ports(&self) -> Vec<(Arc<str>, u16)> {
        // A sidecar may be an init container that goes on running.
        let sidecars = self.init_containers.iter().filter(|container| &*container.restart_policy == "Always");
        let ports = self.containers.iter().chain(sidecars).flat_map(|container| &container.ports);
        let named_tcp = ports.filter(|port| !port.name.is_empty() && matches!(&*port.protocol, "" | "TCP"));
        named_tcp.map(|port| (port.name.clone(), port.container_port)).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawContainer {
    #[serde(default, deserialize_with = "nullable")]
    image: Arc<str>,
    #[serde(default, deserialize_with = "nullable")]
    restart_policy: Arc<str>,
    #[serde(default, deserialize_with = "nullable")]
    ports: Vec<RawContainerPort>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawContainerPort {
    #[serde(default, deserialize_with = "nullable")]
    name: Arc<str>,
    #[serde(default, deserialize_with = "nullable")]
    container_port: u16,
    #[serde(default, deserialize_with = "nullable")]
    protocol: Arc<str>,
}

#[derive(Debug, Default, Deserialize)]
struct RawPodStatus {
    #[serde(default, deserialize_with = "nullable")]
    phase: String,
}
