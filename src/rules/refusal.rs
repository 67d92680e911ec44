//! Configuration that the controller which reads it refuses.

mod mend;

use super::case::{Explanation, field, object};
use super::{Rule, configuration, derived, edit, remedy};
use crate::finding::Finding;
use crate::model::go_struct::{Mistake, Refusal};
use crate::object::{FieldPath, ObjectKey, Segment, Site};
use crate::quote;
use crate::view::View;
use crate::walk::ClusterFacts;

/// The data-plane word for configuration that its controller refuses.
pub const CONTROLLER_ERROR: &str = "controller-error";

/// Explains why a controller would refuse a ConfigMap, whether or not any request depends on it.
#[must_use]
pub fn explain_refusal(view: &View<'_>, facts: &ClusterFacts, config: &ObjectKey, refusal: &Refusal) -> Finding {
    let view = view.fork();
    explanation(&view, facts, config, refusal).into_finding(&view, facts, None, outcome(config, facts))
}

/// Explains that a ConfigMap without which a controller cannot work does not exist.
#[must_use]
pub fn explain_config_missing(view: &View<'_>, facts: &ClusterFacts, config: &ObjectKey) -> Finding {
    missing(config, facts).into_finding(view, facts, None, outcome(config, facts))
}

pub(super) fn explanation(view: &View<'_>, facts: &ClusterFacts, config: &ObjectKey, refusal: &Refusal) -> Explanation {
    let rule = rule_of(refusal.mistake);
    let mut site = config.site(refusal.path.clone());
    site.line = refusal.position.map(|(line, _)| line);
    let says = shown_text(view, &mut site, refusal);
    let reader = if *config == facts.kserve_config() { "KServe" } else { "net-istio" };
    let message = quote::printable(&quote::shortened(&refusal.message, 300));
    let message = match refusal.mistake {
        Mistake::KserveExternalName => {
            format!("the Service that KServe writes for each InferenceService would be refused: {message}")
        }
        Mistake::KserveVirtualService => {
            format!("the VirtualService that KServe writes for each InferenceService would be refused: {message}")
        }
        Mistake::ConfigMissing => message,
        _ => format!("{reader} refuses {}: {message}", field(&site)),
    };
    let remedies = mend::remedies(view, facts, &site, refusal);
    Explanation { rule, message, evidence: vec![(site, says)], remedies }
}

pub(super) fn missing(config: &ObjectKey, facts: &ClusterFacts) -> Explanation {
    let reader = if *config == facts.kserve_config() { "KServe" } else { "net-istio" };
    let message = format!("{} does not exist, and {reader} cannot work without it", object(config));
    let text = if *config == facts.kserve_config() {
        format!("keep {}, or apply KServe's configuration again", object(config))
    } else {
        format!("keep {}; without any data it means the gateways that Knative ships", object(config))
    };
    Explanation::new(&configuration::CONFIG_MISSING, message, config.site(FieldPath::root()), "does not exist")
        .remedy(remedy::by_hand(config, text))
}

/// The data-plane word for a refusal, and what is seen of it.
pub(super) fn outcome(config: &ObjectKey, facts: &ClusterFacts) -> (&'static str, &'static str) {
    let symptom = if *config == facts.kserve_config() {
        "KServe can reconcile no InferenceService: what runs stays as it is, nothing new becomes Ready, and no repair arrives"
    } else {
        "net-istio ignores it and works on with what it read before, until it restarts and exits"
    };
    (CONTROLLER_ERROR, symptom)
}

fn rule_of(mistake: Mistake) -> &'static Rule {
    match mistake {
        Mistake::KserveJson => &configuration::KSERVE_JSON,
        Mistake::KserveType => &configuration::KSERVE_TYPE,
        Mistake::KserveRequired => &configuration::KSERVE_REQUIRED,
        Mistake::KserveIngressGatewayName => &configuration::KSERVE_INGRESS_GATEWAY,
        Mistake::KservePathTemplate => &configuration::KSERVE_PATH_TEMPLATE,
        Mistake::KserveDeploymentMode => &configuration::KSERVE_DEPLOYMENT_MODE,
        Mistake::KserveExternalName => &configuration::KSERVE_EXTERNAL_NAME,
        Mistake::KserveVirtualService => &configuration::KSERVE_VIRTUAL_SERVICE,
        Mistake::IstioYaml => &configuration::KNATIVE_GATEWAY_LIST,
        Mistake::IstioFormats => &configuration::KNATIVE_BOTH_FORMATS,
        Mistake::IstioEntry => &configuration::KNATIVE_GATEWAY_ENTRY,
        Mistake::IstioDefault => &configuration::KNATIVE_DEFAULT_GATEWAY,
        Mistake::ConfigMissing => &configuration::CONFIG_MISSING,
    }
}

/// The value that is refused where the text reads, or else the line at which reading stopped.
fn shown_text(view: &View<'_>, site: &mut Site, refusal: &Refusal) -> String {
    let Some(text) = derived::text_at(view, site) else { return "is not there".to_owned() };
    if let Some(split) = site.path.0.iter().position(|segment| *segment == Segment::Text) {
        return match edit::find(&text, &site.path.0[split + 1..]) {
            Some((value, line)) => {
                site.line = Some(line);
                quote::printable(&quote::shortened(&value.to_string(), 80))
            }
            None => "is not there".to_owned(),
        };
    }
    let Some((line, column)) = refusal.position else { return quote::quoted(&text) };
    let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    match text.lines().nth(index).unwrap_or_default().trim() {
        "" => "the text ends here".to_owned(),
        shown if refusal.mistake == Mistake::KserveJson && column > 1 => {
            format!("{}, column {column}", quote::printable(&quote::shortened(shown, 80)))
        }
        shown => quote::printable(&quote::shortened(shown, 80)),
    }
}
