use std::collections::BTreeSet;
use std::sync::Arc;

use crate::finding::{Affected, Finding};
use crate::model::istio_config::IstioConfig;
use crate::model::names::GatewayRef;
use crate::rules;
use crate::view::{Snapshot, View};
use crate::walk::{ClusterFacts, Configuration};

/// On which gateways a Knative service is: net-istio says so in the VirtualService that it makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The InferenceService, or the Knative service of somebody else.
    pub name: Arc<str>,
    /// The gateways.
    pub gateways: Vec<GatewayRef>,
}

/// Services that are on none of the gateways that configuration names.
pub(super) fn left_behind(snapshot: &Snapshot, facts: &ClusterFacts, placements: &[Placement]) -> Option<Finding> {
    let view = View::of(snapshot);
    let configuration = Configuration::of(&view, facts);
    let istio = configuration.istio()?;
    let behind = placements.iter().filter(|placement| placement.is_behind(istio));
    let mut names: BTreeSet<(&Arc<str>, &Arc<str>)> = BTreeSet::new();
    let mut gateways: BTreeSet<&GatewayRef> = BTreeSet::new();
    for placement in behind {
        names.insert((&placement.namespace, &placement.name));
        let is_named =
            |gateway: &&GatewayRef| istio.local.iter().chain(&istio.external).any(|entry| entry.gateway == **gateway);
        gateways.extend(placement.gateways.iter().filter(|gateway| !is_named(gateway)));
    }
    let mut affected = Affected::default();
    for (namespace, name) in &names {
        affected.add(namespace, [*name]);
    }
    (!names.is_empty()).then(|| rules::left_behind(&view, facts, istio, &gateways, affected))
}

impl Placement {
    /// Whether net-istio has not followed its configuration. A service has a name inside the cluster in any case, and with a
    /// certificate also gateways of its own, beside those that are configured.
    fn is_behind(&self, istio: &IstioConfig) -> bool {
        let is_on = |gateway: &GatewayRef| self.gateways.contains(gateway);
        let is_local = |gateway: &GatewayRef| istio.local.iter().any(|entry| entry.gateway == *gateway);
        let on_local = istio.local.iter().any(|entry| is_on(&entry.gateway));
        let on_external = istio.external.iter().any(|entry| is_on(&entry.gateway));
        let is_public = self.gateways.iter().any(|gateway| !is_local(gateway));
        (!istio.local.is_empty() && !on_local) || (!istio.external.is_empty() && is_public && !on_external)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cluster, gateway};
    use super::*;
    use crate::engine::JudgeSettings;
    use crate::exception::{Moment, Policy};
    use crate::finding::Code;
    use crate::survey::survey;

    fn placed(gateways: &[&str]) -> Placement {
        let gateways = gateways.iter().map(|name| GatewayRef::resolve(name, "nowhere")).collect();
        Placement { namespace: "online-serving".into(), name: "sklearn-iris".into(), gateways }
    }

    #[test]
    fn a_service_that_is_on_no_gateway_of_its_list_was_left_behind() {
        let snapshot = cluster(&[], &serde_json::json!({}));
        let local = gateway().qualified_name();
        let drift = |placements: &[Placement]| {
            let settings = JudgeSettings::default();
            let survey = survey(&snapshot, &settings, &Policy::default(), Moment(0), Some(placements));
            assert!(survey.is_drift_known && !survey.fails());
            survey.entries.into_iter().map(|entry| entry.finding).next()
        };
        let external = "knative-serving/knative-ingress-gateway";
        assert_eq!(drift(&[]), None);
        assert_eq!(drift(&[placed(&[&local])]), None);
        assert_eq!(drift(&[placed(&[&local, external, "online-serving/of-its-certificate"])]), None);

        let old = "knative-serving/knative-local-gateway";
        let found = drift(&[placed(&[old, external]), placed(&[old]), placed(&[&local])]).unwrap();
        assert_eq!(
            (found.code, found.affected.total()),
            (Code(504), 1),
            "a predictor and a transformer are one service"
        );
        assert!(found.message.contains(old), "{}", found.message);
        assert!(drift(&[placed(&[&local, "knative-serving/old-ingress"])]).is_some());
    }
}
