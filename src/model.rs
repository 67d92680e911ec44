//! What plumbline reads of each object: the fields that decide where a request goes, and nothing else.
//!
//! Two versions of an object whose models are equal cannot lead to different verdicts; the webhook answers such a write
//! at once. Parsing is lenient where the API server has validated already, and exactly as strict as the controller that
//! reads the value where it has not (the texts inside `ConfigMaps`).

pub mod config_map;
pub mod domain_config;
pub mod go_struct;
pub mod go_template;
pub mod inference_service;
pub mod istio_config;
pub mod istio_gateway;
pub mod knative_serving;
pub mod kserve_config;
pub mod label_selector;
pub mod names;
pub mod service;
pub mod version;
pub mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use crate::object::{Kind, ObjectKey};
use crate::quote;
use config_map::ConfigMap;
use inference_service::InferenceService;
use istio_gateway::IstioGateway;
use knative_serving::KnativeServing;
use service::Service;
use workload::{Pod, Workload};

/// The prefix of every annotation by which people talk to plumbline.
pub const ANNOTATION_PREFIX: &str = "plumbline.dev/";

/// Labels, or a selector of equalities.
pub type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// Whether every pair of `selector` is among `labels`, as in Istio's `labels.Instance.SubsetOf` (an empty selector
/// selects everything).
#[must_use]
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The metadata that decides, and the resource version that was seen.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// Labels.
    pub labels: Labels,
    /// Annotations that plumbline, KServe, Istio or external-dns act on; all others are dropped.
    pub annotations: Labels,
    /// Creation time, seconds since the epoch; `None` for an object that the API server has not stored yet.
    pub created: Option<i64>,
    /// Whether deletion has begun.
    pub terminating: bool,
    /// Whether a Knative operator's KnativeServing owns the object.
    pub operator_owned: bool,
    /// The resource version that was read; empty when there is none. Not part of equality.
    pub resource_version: Arc<str>,
}

impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        // A resource version differs in every write and decides nothing.
        (&self.labels, &self.annotations, self.created, self.terminating)
            == (&other.labels, &other.annotations, other.created, other.terminating)
    }
}

impl Eq for Meta {}

impl Meta {
    /// The annotations by which people talk to plumbline.
    fn declarations(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.annotations.iter().filter(|(key, _)| key.starts_with(ANNOTATION_PREFIX))
    }
}

/// An object, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A ConfigMap.
    ConfigMap(Arc<ConfigMap>),
    /// A KnativeServing.
    KnativeServing(Arc<KnativeServing>),
    /// An Istio Gateway.
    IstioGateway(Arc<IstioGateway>),
    /// A Gateway API Gateway: known to exist; its walk is not modelled.
    GatewayApiGateway(Arc<Meta>),
    /// A Service.
    Service(Arc<Service>),
    /// A Pod.
    Pod(Arc<Pod>),
    /// A Deployment, `DaemonSet` or `StatefulSet`.
    Workload(Arc<Workload>),
    /// A Namespace.
    Namespace(Arc<Meta>),
    /// An InferenceService.
    InferenceService(Arc<InferenceService>),
}

/// What serde says is wrong, fit for a terminal.
fn told(error: &serde_json::Error) -> String {
    quote::message(&error.to_string())
}

/// Why an object could not be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    /// The JSON is not an object of the kind.
    #[error("{key}: {message}")]
    Shape {
        /// Which object.
        key: ObjectKey,
        /// What is wrong, with the field where serde knows it.
        message: String,
    },
    /// `metadata.name` is missing.
    #[error("a {0} without metadata.name: give it a name")]
    Nameless(Kind),
}

impl Object {
    /// Reads an object of this kind from the JSON that the API server sends.
    pub fn from_json(kind: Kind, json: &[u8]) -> Result<(ObjectKey, Self), ModelError> {
        Self::read(kind, |_| serde_json::from_slice(json))
    }

    /// Reads an object of this kind from a JSON value, as a directory of manifests yields it.
    pub fn from_value(kind: Kind, value: serde_json::Value) -> Result<(ObjectKey, Self), ModelError> {
        Self::read(kind, |_| serde_json::from_value(value))
    }

    fn read<F>(kind: Kind, parse: F) -> Result<(ObjectKey, Self), ModelError>
    where
        F: FnOnce(Kind) -> serde_json::Result<RawObject>,
    {
        let raw = parse(kind).map_err(|error| ModelError::Shape {
            key: ObjectKey::new(kind, "", ""),
            message: format!("not a {kind} as its API defines it: {}", told(&error)),
        })?;
        raw.into_object(kind)
    }

    /// The same object with the age of the one it takes the place of: a manifest does not tell it, and istiod goes by it.
    #[must_use]
    pub fn created(mut self, created: Option<i64>) -> Self {
        match &mut self {
            Self::ConfigMap(object) => Arc::make_mut(object).meta.created = created,
            Self::KnativeServing(object) => Arc::make_mut(object).meta.created = created,
            Self::IstioGateway(object) => Arc::make_mut(object).meta.created = created,
            Self::GatewayApiGateway(meta) | Self::Namespace(meta) => Arc::make_mut(meta).created = created,
            Self::Service(object) => Arc::make_mut(object).meta.created = created,
            Self::Pod(object) => Arc::make_mut(object).meta.created = created,
            Self::Workload(object) => Arc::make_mut(object).meta.created = created,
            Self::InferenceService(object) => Arc::make_mut(object).meta.created = created,
        }
        self
    }

    /// Whether this and another version of the object decide alike. What is declared on them for plumbline decides nothing.
    #[must_use]
    pub fn decides_as(&self, other: &Self) -> bool {
        let declares_alike = self.meta().declarations().eq(other.meta().declarations());
        self == other || !declares_alike && self.undeclared() == other.undeclared()
    }

    /// The object without what is declared on it for plumbline.
    fn undeclared(&self) -> Self {
        let mut object = self.clone();
        let meta = match &mut object {
            Self::ConfigMap(object) => &mut Arc::make_mut(object).meta,
            Self::KnativeServing(object) => &mut Arc::make_mut(object).meta,
            Self::IstioGateway(object) => &mut Arc::make_mut(object).meta,
            Self::GatewayApiGateway(meta) | Self::Namespace(meta) => Arc::make_mut(meta),
            Self::Service(object) => &mut Arc::make_mut(object).meta,
            Self::Pod(object) => &mut Arc::make_mut(object).meta,
            Self::Workload(object) => &mut Arc::make_mut(object).meta,
            Self::InferenceService(object) => &mut Arc::make_mut(object).meta,
        };
        meta.annotations.retain(|key, _| !key.starts_with(ANNOTATION_PREFIX));
        object
    }

    /// The metadata.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        match self {
            Self::ConfigMap(object) => &object.meta,
            Self::KnativeServing(object) => &object.meta,
            Self::IstioGateway(object) => &object.meta,
            Self::GatewayApiGateway(meta) | Self::Namespace(meta) => meta,
            Self::Service(object) => &object.meta,
            Self::Pod(object) => &object.meta,
            Self::Workload(object) => &object.meta,
            Self::InferenceService(object) => &object.meta,
        }
    }
}

/// Metadata as the API server sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMeta {
    #[serde(default, deserialize_with = "nullable")]
    name: Arc<str>,
    #[serde(default, deserialize_with = "nullable")]
    namespace: Arc<str>,
    #[serde(default, deserialize_with = "nullable")]
    labels: Labels,
    #[serde(default, deserialize_with = "nullable")]
    annotations: Labels,
    #[serde(default, deserialize_with = "nullable")]
    creation_timestamp: Option<String>,
    #[serde(default)]
    deletion_timestamp: Option<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "nullable")]
    resource_version: Arc<str>,
    #[serde(default, deserialize_with = "nullable")]
    owner_references: Vec<RawOwner>,
}

#[derive(Debug, Default, Deserialize)]
struct RawOwner {
    #[serde(default)]
    kind: String,
}

impl RawMeta {
    fn into_meta(self) -> Meta {
        let mut annotations = self.annotations;
        annotations.retain(|key, _| is_read_annotation(key));
        Meta {
            labels: self.labels,
            annotations,
            created: self.creation_timestamp.as_deref().and_then(names::seconds_since_epoch),
            terminating: self.deletion_timestamp.is_some(),
            operator_owned: self.owner_references.iter().any(|owner| owner.kind == "KnativeServing"),
            resource_version: self.resource_version,
        }
    }
}

fn is_read_annotation(key: &str) -> bool {
    key.starts_with(ANNOTATION_PREFIX)
        || matches!(
            key,
            istio_gateway::SELF_PROBE_ANNOTATION
                | istio_gateway::GATEWAY_SERVICE_ANNOTATION
                | service::EXPORT_TO_ANNOTATION
                | service::EXTERNAL_DNS_ANNOTATION
                | inference_service::DEPLOYMENT_MODE_ANNOTATION
                | inference_service::STOP_ANNOTATION
        )
}

/// Any object, before its kind decides which parts matter.
#[derive(Debug, Default, Deserialize)]
struct RawObject {
    #[serde(default, deserialize_with = "nullable")]
    metadata: RawMeta,
    #[serde(default, deserialize_with = "nullable")]
    data: BTreeMap<String, Option<Arc<str>>>,
    #[serde(default)]
    spec: Option<serde_json::Value>,
    #[serde(default)]
    status: Option<serde_json::Value>,
}

impl RawObject {
    fn into_object(self, kind: Kind) -> Result<(ObjectKey, Object), ModelError> {
        let Self { metadata, data, spec, status } = self;
        if metadata.name.is_empty() {
            return Err(ModelError::Nameless(kind));
        }
        let namespace = if kind.is_namespaced() { metadata.namespace.clone() } else { "".into() };
        let key = ObjectKey::new(kind, namespace, metadata.name.clone());
        let meta = metadata.into_meta();
        let shape = |error: serde_json::Error| ModelError::Shape { key: key.clone(), message: told(&error) };
        let spec = spec.unwrap_or(serde_json::Value::Null);
        let object = match kind {
            Kind::ConfigMap => Object::ConfigMap(Arc::new(ConfigMap::new(&key, meta, data))),
            Kind::KnativeServing => {
                Object::KnativeServing(Arc::new(KnativeServing::new(&key, meta, spec, status).map_err(shape)?))
            }
            Kind::IstioGateway => Object::IstioGateway(Arc::new(IstioGateway::new(&key, meta, spec).map_err(shape)?)),
            Kind::GatewayApiGateway => Object::GatewayApiGateway(Arc::new(meta)),
            Kind::Service => Object::Service(Arc::new(Service::new(&key, meta, spec).map_err(shape)?)),
            Kind::Pod => Object::Pod(Arc::new(Pod::new(&key, meta, spec, status).map_err(shape)?)),
            Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet => {
                Object::Workload(Arc::new(Workload::new(&key, meta, spec).map_err(shape)?))
            }
            Kind::Namespace => Object::Namespace(Arc::new(meta)),
            Kind::InferenceService => {
                Object::InferenceService(Arc::new(InferenceService::new(&key, meta, spec, status).map_err(shape)?))
            }
        };
        Ok((key, object))
    }
}

/// Reads `null` as the type's default, as Go does for everything that is not a pointer.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a spec; an absent one is the default.
pub(crate) fn from_spec<T>(value: serde_json::Value) -> serde_json::Result<T>
where
    T: Default + serde::de::DeserializeOwned,
{
    Ok(serde_json::from_value::<Option<T>>(value)?.unwrap_or_default())
}
