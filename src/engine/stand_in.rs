//! Who stands in for InferenceServices where there are none.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::finding::Affected;
use crate::model::Labels;
use crate::model::inference_service::Shape;
use crate::view::View;
use crate::walk::{ClusterFacts, Subject};

/// Namespaces of the platform itself: no model is served from them, so none stands in there.
const PLATFORM_NAMESPACES: [&str; 9] = [
    "cert-manager",
    "istio-system",
    "knative-operator",
    "knative-serving",
    "kserve",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "kubeflow",
];

/// The name of a stand-in.
const NAME: &str = "model";

/// The InferenceService that stands in for those of a namespace.
pub(super) fn stand_in(namespace: &Arc<str>) -> Subject {
    Subject {
        namespace: namespace.clone(),
        name: NAME.into(),
        shape: Shape::default(),
        labels: Arc::new(Labels::new()),
    }
}

/// A stand-in as one who is affected.
pub(super) fn alone(subject: &Subject) -> Arc<Affected> {
    let mut itself = Affected { synthetic: true, ..Affected::default() };
    itself.add(&subject.namespace, []);
    Arc::new(itself)
}

/// One stand-in for each namespace that may hold models.
pub(super) fn stand_ins(view: &View<'_>, facts: &ClusterFacts) -> Vec<Subject> {
    let own = [&facts.kserve_namespace, &facts.knative_namespace];
    let namespaces = view.namespaces();
    let candidates = namespaces
        .into_iter()
        .filter(|(name, meta)| !meta.terminating && !PLATFORM_NAMESPACES.contains(&&**name) && !own.contains(&name));
    let mut candidates: BTreeSet<Arc<str>> = candidates.map(|(name, _)| name).collect();
    if candidates.is_empty() {
        candidates.insert("default".into());
    }
    candidates.iter().map(stand_in).collect()
}
