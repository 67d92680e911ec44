//! What an object is called, and where in it a value stands.

use std::fmt;
use std::sync::Arc;

/// A kind of object that can decide where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1 ConfigMap`: KServe's and Knative's configuration.
    ConfigMap,
    /// `operator.knative.dev KnativeServing`: what the Knative operator derives configuration from.
    KnativeServing,
    /// `networking.istio.io Gateway`, any served version.
    IstioGateway,
    /// `gateway.networking.k8s.io Gateway`.
    GatewayApiGateway,
    /// `v1 Service`.
    Service,
    /// `v1 Pod`.
    Pod,
    /// `apps/v1 Deployment`.
    Deployment,
    /// `apps/v1 DaemonSet`.
    DaemonSet,
    /// `apps/v1 StatefulSet`.
    StatefulSet,
    /// `v1 Namespace`.
    Namespace,
    /// `serving.kserve.io InferenceService`.
    InferenceService,
}

impl Kind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 11] = [
        Self::ConfigMap,
        Self::KnativeServing,
        Self::IstioGateway,
        Self::GatewayApiGateway,
        Self::Service,
        Self::Pod,
        Self::Deployment,
        Self::DaemonSet,
        Self::StatefulSet,
        Self::Namespace,
        Self::InferenceService,
    ];

    /// The API group; empty for the core group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::ConfigMap | Self::Service | Self::Pod | Self::Namespace => "",
            Self::KnativeServing => "operator.knative.dev",
            Self::IstioGateway => "networking.istio.io",
            Self::GatewayApiGateway => "gateway.networking.k8s.io",
            Self::Deployment | Self::DaemonSet | Self::StatefulSet => "apps",
            Self::InferenceService => "serving.kserve.io",
        }
    }

    /// The versions plumbline reads, the one it asks a live cluster for first.
    #[must_use]
    pub const fn versions(self) -> &'static [&'static str] {
        match self {
            Self::IstioGateway => &["v1", "v1beta1", "v1alpha3"],
            Self::KnativeServing | Self::InferenceService => &["v1beta1"],
            Self::GatewayApiGateway => &["v1", "v1beta1"],
            _ => &["v1"],
        }
    }

    /// The `kind` field of a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::KnativeServing => "KnativeServing",
            Self::IstioGateway | Self::GatewayApiGateway => "Gateway",
            Self::Service => "Service",
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::Namespace => "Namespace",
            Self::InferenceService => "InferenceService",
        }
    }

    /// The resource name in API paths and RBAC rules.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::KnativeServing => "knativeservings",
            Self::IstioGateway | Self::GatewayApiGateway => "gateways",
            Self::Service => "services",
            Self::Pod => "pods",
            Self::Deployment => "deployments",
            Self::DaemonSet => "daemonsets",
            Self::StatefulSet => "statefulsets",
            Self::Namespace => "namespaces",
            Self::InferenceService => "inferenceservices",
        }
    }

    /// Finds the kind with this API group and `kind` field.
    #[must_use]
    pub fn from_group_kind(group: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.group() == group && candidate.name() == kind)
    }

    /// Whether objects of this kind live in a namespace.
    #[must_use]
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::Namespace)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Two APIs call theirs "Gateway"; people need to know which one is meant.
            Self::GatewayApiGateway => f.write_str("Gateway API Gateway"),
            kind => f.write_str(kind.name()),
        }
    }
}

/// Names one object of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// Names an object.
    #[must_use]
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }

    /// Points at a field of this object.
    #[must_use]
    pub fn site(&self, path: FieldPath) -> Site {
        Site { object: self.clone(), path, line: None }
    }

    /// `namespace/name`, or the name alone for cluster-scoped kinds.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        if self.namespace.is_empty() { self.name.to_string() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.qualified_name())
    }
}

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// The field of a mapping.
    Key(Arc<str>),
    /// The item of a list, from 0.
    Index(usize),
    /// From a string to the JSON or YAML document that it holds (`data.ingress` of a ConfigMap).
    Text,
}

/// The way from an object's root to a value, also through text that is itself JSON or YAML.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<Segment>);

impl FieldPath {
    /// The object itself.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads a path such as `spec.selector`, whose keys hold no dot.
    #[must_use]
    pub fn of(dotted: &str) -> Self {
        Self(dotted.split('.').map(|key| Segment::Key(key.into())).collect())
    }

    /// Goes on to a field.
    #[must_use]
    pub fn key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.0.push(Segment::Key(key.into()));
        self
    }

    /// Goes on to a list item.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Segment::Index(index));
        self
    }

    /// Goes on into the document that the string here holds.
    #[must_use]
    pub fn text(mut self) -> Self {
        self.0.push(Segment::Text);
        self
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for segment in &self.0 {
            match segment {
                Segment::Key(key) if key.contains(['.', '/', '"', ' ']) => write!(f, "[{key:?}]")?,
                Segment::Key(key) => write!(f, "{}{key}", if first { "" } else { "." })?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Text => continue,
            }
            first = false;
        }
        Ok(())
    }
}

/// A value in an object: what a finding points at and a remedy changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// The object.
    pub object: ObjectKey,
    /// The field.
    pub path: FieldPath,
    /// The line, from 1, inside the ConfigMap value that holds the field, where it is known.
    pub line: Option<u32>,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object)?;
        if !self.path.0.is_empty() {
            write!(f, " {}", self.path)?;
        }
        if let Some(line) = self.line {
            write!(f, " (line {line})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        let path = FieldPath::of("spec.servers").index(0).key("port").key("number");
        assert_eq!(path.to_string(), "spec.servers[0].port.number");
        let path = FieldPath::of("data").key("gateway.a.b");
        assert_eq!(path.to_string(), "data[\"gateway.a.b\"]");
        let path = FieldPath::of("data.ingress").text().key("localGateway");
        assert_eq!(path.to_string(), "data.ingress.localGateway");
    }

    #[test]
    fn group_and_kind_name_a_kind() {
        assert_eq!(Kind::from_group_kind("networking.istio.io", "Gateway"), Some(Kind::IstioGateway));
        assert_eq!(Kind::from_group_kind("gateway.networking.k8s.io", "Gateway"), Some(Kind::GatewayApiGateway));
        assert_eq!(Kind::from_group_kind("", "Secret"), None);
    }
}
