//! What can be found out about a cluster: where KServe lives and which releases run.

use std::sync::Arc;

use crate::model::config_map::INFERENCE_SERVICE_CONFIG;
use crate::model::version::{Release, VERSION_LABEL};
use crate::model::workload::Workload;
use crate::object::{Kind, ObjectKey};
use crate::view::{Lookup, View};
use crate::walk::ClusterFacts;

/// The Deployment of KServe's controller.
pub(crate) const KSERVE_CONTROLLER: &str = "kserve-controller-manager";
/// The Deployment of net-istio's controller.
pub(crate) const NET_ISTIO_CONTROLLER: &str = "net-istio-controller";

/// Completes what is known of a cluster from its objects.
///
/// KServe reads its ConfigMap from its own namespace, whatever that is called (`kubeflow`, `opendatahub`): where the
/// configured namespace has none and exactly one other has, that one counts.
#[must_use]
pub fn located(view: &View<'_>, mut facts: ClusterFacts, changed: &[&ObjectKey]) -> ClusterFacts {
    let configured = view.config_map(&facts.kserve_namespace, INFERENCE_SERVICE_CONFIG);
    let is_changed = |key: &ObjectKey| changed.contains(&key);
    if matches!(configured, Lookup::Absent) && !is_changed(&facts.kserve_config()) {
        let mut elsewhere = view.namespaces_of_config_map(INFERENCE_SERVICE_CONFIG);
        let named = |key: &&&ObjectKey| key.kind == Kind::ConfigMap && &*key.name == INFERENCE_SERVICE_CONFIG;
        elsewhere.extend(changed.iter().filter(named).map(|key| key.namespace.clone()));
        if elsewhere.len() == 1
            && let Some(namespace) = elsewhere.pop_first()
        {
            facts.kserve_namespace = namespace;
        }
    }
    if facts.versions.kserve.is_none() {
        let controller = view.workload(Kind::Deployment, &facts.kserve_namespace, KSERVE_CONTROLLER);
        facts.versions.kserve = controller.present().and_then(|workload| release(&workload));
    }
    if facts.versions.knative.is_none() {
        let controller = view.workload(Kind::Deployment, &facts.knative_namespace, NET_ISTIO_CONTROLLER);
        facts.versions.knative = controller.present().and_then(|workload| release(&workload));
    }
    facts
}

fn release(workload: &Arc<Workload>) -> Option<Release> {
    let label = workload.meta.labels.get(VERSION_LABEL).and_then(|version| version.parse().ok());
    label.or_else(|| Release::from_image(&workload.image))
}
