//! InferenceServices: what of them shapes their requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{Labels, Meta, from_spec, nullable};
use crate::object::ObjectKey;

/// Chooses an InferenceService's deployment mode before its status records one.
pub const DEPLOYMENT_MODE_ANNOTATION: &str = "serving.kserve.io/deploymentMode";
/// `"true"` stops the InferenceService: KServe deletes its routes.
pub const STOP_ANNOTATION: &str = "serving.kserve.io/stop";
/// `cluster-local` keeps an InferenceService off the external gateways.
pub const VISIBILITY_LABEL: &str = "networking.knative.dev/visibility";

/// How KServe deploys an InferenceService (kserve `pkg/constants/constants.go`, old names folded into the new).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeploymentMode {
    /// `Knative`, formerly `Serverless`.
    Knative,
    /// `Standard`, formerly `RawDeployment`.
    Standard,
    /// `ModelMesh`.
    ModelMesh,
}

impl DeploymentMode {
    /// Reads a mode by its old or new name; case matters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Knative" | "Serverless" => Some(Self::Knative),
            "Standard" | "RawDeployment" => Some(Self::Standard),
            "ModelMesh" => Some(Self::ModelMesh),
            _ => None,
        }
    }
}

/// What two InferenceServices must share for their requests to differ by name and namespace only.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about one object")]
pub struct Shape {
    /// The mode its status records, or else its annotation asks for; `None` leaves it to KServe's default.
    pub mode: Option<DeploymentMode>,
    /// Whether the visibility label keeps it inside the cluster.
    pub cluster_local: bool,
    /// Whether a transformer stands in front of the predictor.
    pub transformer: bool,
    /// Whether it has an explainer.
    pub explainer: bool,
    /// Whether its transformer or explainer calls `<predictor>.<namespace>`, the default, through Knative's local gateway.
    pub calls_predictor: bool,
    /// The infix of the predictor's service name (`spec.predictor.name`); mostly empty.
    pub predictor_name: Arc<str>,
    /// Labels that its components set for their own Knative services; mostly none.
    pub component_labels: BTreeMap<Component, Labels>,
}

/// A part of an InferenceService with a Knative service of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The model.
    Predictor,
    /// What stands in front of it.
    Transformer,
    /// What explains its answers.
    Explainer,
}

impl Component {
    /// The value of the label `component`, and the end of the Knative service's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Predictor => "predictor",
            Self::Transformer => "transformer",
            Self::Explainer => "explainer",
        }
    }
}

/// An InferenceService.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InferenceService {
    /// Metadata, without the labels.
    pub meta: Meta,
    /// Its labels, which Knative's gateway lists and domains may select by.
    pub labels: Arc<Labels>,
    /// What shapes its requests; `None` when it is stopped or being deleted and so serves none.
    pub shape: Option<Shape>,
}

impl InferenceService {
    pub(super) fn new(
        _key: &ObjectKey,
        mut meta: Meta,
        spec: serde_json::Value,
        status: Option<serde_json::Value>,
    ) -> serde_json::Result<Self> {
        let spec: RawSpec = from_spec(spec)?;
        let status: RawStatus = from_spec(status.unwrap_or_default())?;
        let annotation = |name: &str| meta.annotations.get(name).map(AsRef::as_ref);
        let stopped = annotation(STOP_ANNOTATION) == Some("true");
        let mode = DeploymentMode::parse(&status.deployment_mode)
            .or_else(|| annotation(DEPLOYMENT_MODE_ANNOTATION).and_then(DeploymentMode::parse));
        let labels = Arc::new(std::mem::take(&mut meta.labels));
        let callers = [&spec.transformer, &spec.explainer];
        let parts = [
            (Component::Predictor, Some(&spec.predictor.labels)),
            (Component::Transformer, spec.transformer.as_ref().map(|part| &part.labels)),
            (Component::Explainer, spec.explainer.as_ref().map(|part| &part.labels)),
        ];
        let labelled = parts.into_iter().filter_map(|(component, labels)| Some((component, labels?.clone())));
        let front = spec.transformer.as_ref().map_or(&spec.predictor.labels, |part| &part.labels);
        let visibility = front.get(VISIBILITY_LABEL).or_else(|| labels.get(VISIBILITY_LABEL));
        let shape = Shape {
            mode,
            cluster_local: visibility.is_some_and(|value| &**value == "cluster-local"),
            transformer: spec.transformer.is_some(),
            explainer: spec.explainer.is_some(),
            calls_predictor: callers.into_iter().flatten().any(RawCaller::calls_predictor_by_default),
            component_labels: labelled.filter(|(_, labels)| !labels.is_empty()).collect(),
            predictor_name: spec.predictor.name,
        };
        let shape = (!stopped && !meta.terminating).then_some(shape);
        Ok(Self { meta, labels, shape })
    }
}

#[derive(Debug, Default, Deserialize)]
struct RawSpec {
    #[serde(default, deserialize_with = "nullable")]
    predictor: RawPredictor,
    #[serde(default)]
    transformer: Option<RawCaller>,
    #[serde(default)]
    explainer: Option<RawCaller>,
}

#[derive(Debug, Default, Deserialize)]
struct RawPredictor {
    #[serde(default, deserialize_with = "nullable")]
    name: Arc<str>,
    #[serde(default, deserialize_with = "nullable")]
    labels: Labels,
}

#[derive(Debug, Default, Deserialize)]
struct RawCaller {
    #[serde(default, deserialize_with = "nullable")]
    labels: Labels,
    #[serde(default, deserialize_with = "nullable")]
    containers: Vec<RawContainer>,
}

#[derive(Debug, Default, Deserialize)]
struct RawContainer {
    #[serde(default, deserialize_with = "nullable")]
    args: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    command: Vec<String>,
}

impl RawCaller {
    /// KServe adds `--predictor_host` unless the container names one itself (kserve `transformer_custom.go`).
    fn calls_predictor_by_default(&self) -> bool {
        let mut words = self.containers.iter().flat_map(|container| container.args.iter().chain(&container.command));
        !words.any(|word| word.starts_with("--predictor_host"))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatus {
    #[serde(default, deserialize_with = "nullable")]
    deployment_mode: String,
}
