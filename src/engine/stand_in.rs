//! Who stands in for InferenceServices where there are none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cohort::{Distinctions, Said};
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

/// InferenceServices that nobody has deployed, one a namespace, and whose requests go the same way.
pub(super) struct StandIn {
    /// The one that is walked.
    pub(super) subject: Subject,
    /// All of them, as those who are affected.
    pub(super) all: Arc<Affected>,
}

impl StandIn {
    /// One InferenceService in each namespace, those together that cannot differ.
    pub(super) fn in_each<'n>(
        namespaces: impl IntoIterator<Item = &'n Arc<str>>,
        distinctions: &Distinctions<'_>,
    ) -> Vec<Self> {
        let mut alike: BTreeMap<Said<'_>, Vec<&Arc<str>>> = BTreeMap::new();
        for namespace in namespaces {
            alike.entry(distinctions.said_of(namespace)).or_default().push(namespace);
        }
        alike.into_values().map(|namespaces| Self::of(&namespaces)).collect()
    }

    fn of(namespaces: &[&Arc<str>]) -> Self {
        let mut all = Affected { synthetic: true, ..Affected::default() };
        for namespace in namespaces {
            all.add(namespace, []);
        }
        let subject = Subject {
            namespace: namespaces[0].clone(),
            name: NAME.into(),
            shape: Shape::default(),
            labels: Arc::new(Labels::new()),
        };
        Self { subject, all: Arc::new(all) }
    }
}

/// The namespaces that may hold models.
pub(super) fn candidates(view: &View<'_>, facts: &ClusterFacts) -> BTreeSet<Arc<str>> {
    let own = [&facts.kserve_namespace, &facts.knative_namespace];
    let namespaces = view.namespaces();
    let candidates = namespaces
        .into_iter()
        .filter(|(name, meta)| !meta.terminating && !PLATFORM_NAMESPACES.contains(&&**name) && !own.contains(&name));
    let mut candidates: BTreeSet<Arc<str>> = candidates.map(|(name, _)| name).collect();
    if candidates.is_empty() {
        candidates.insert("default".into());
    }
    candidates
}
