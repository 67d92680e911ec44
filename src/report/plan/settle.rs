//! What has to be over before the next wave.

use crate::model::config_map::INFERENCE_SERVICE_CONFIG;
use crate::object::{Kind, ObjectKey};
use crate::plan::{Action, Step};

/// Something that a controller does after a write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settling<'p> {
    /// The pods of a workload are replaced.
    Rollout(&'p ObjectKey),
    /// KServe reads its ConfigMap when it reconciles an InferenceService, and does not watch it (kserve
    /// `pkg/controller/v1beta1/inferenceservice/controller.go`).
    Kserve(&'p ObjectKey),
    /// The Knative operator writes what it derives.
    Operator(&'p ObjectKey),
}

/// What a write sets going, where somebody has to see to it.
pub(super) fn settling(step: &Step) -> Option<Settling<'_>> {
    match (step.key.kind, step.action) {
        (_, Action::Delete) => None,
        (Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet, _) => Some(Settling::Rollout(&step.key)),
        (Kind::KnativeServing, _) => Some(Settling::Operator(&step.key)),
        (Kind::ConfigMap, _) if &*step.key.name == INFERENCE_SERVICE_CONFIG => Some(Settling::Kserve(&step.key)),
        _ => None,
    }
}
