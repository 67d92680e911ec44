//! Configuration that the controller which reads it refuses.

use super::case::{Explanation, field, object};
use super::{configuration, derived, remedy};
use crate::finding::{Finding, Remedy};
use crate::model::config_map::INFERENCE_SERVICE_CONFIG;
use crate::model::go_struct::{Mistake, Refusal};
use crate::object::{FieldPath, ObjectKey, Segment, Site};
use crate::quote;
use crate::view::View;
use crate::walk::ClusterFacts;

use super::Rule;

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
    let says = shown_text(view, &site, refusal);
    let remedies = remedies(view, facts, &site, refusal);
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
        "KServe stops reconciling InferenceServices: changes and repairs no longer reach the routes, nothing new becomes Ready"
    } else {
        "net-istio keeps what it read before and ignores the change, until a restart that it does not survive"
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

/// The line of the text at which reading stopped.
fn shown_text(view: &View<'_>, site: &Site, refusal: &Refusal) -> String {
    let Some(text) = derived::text_at(view, site) else { return "is not there".to_owned() };
    let Some((line, column)) = refusal.position else { return quote::quoted(&text) };
    let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let shown = text.lines().nth(index).unwrap_or_default().trim();
    match (shown, column) {
        ("", _) => "ends here".to_owned(),
        (shown, 0 | 1) => quote::quoted(shown),
        (shown, column) => format!("{}, column {column}", quote::quoted(shown)),
    }
}

fn remedies(view: &View<'_>, facts: &ClusterFacts, site: &Site, refusal: &Refusal) -> Vec<Remedy> {
    let at = derived::source_of(view, facts, site).unwrap_or_else(|| site.clone());
    let by_hand = |text: String| vec![remedy::by_hand(&at.object, text)];
    let at_field = field(&at);
    match refusal.mistake {
        Mistake::KserveJson => by_hand(json_advice(view, &at, refusal)),
        Mistake::KserveType => by_hand(type_advice(&at_field, &refusal.message)),
        Mistake::KserveRequired => by_hand(match refusal.path.0.last() {
            Some(Segment::Key(key)) if &**key == "ingressGateway" => format!(
                "set {at_field} to the Gateway of public traffic, as in \"{}/knative-ingress-gateway\"",
                facts.knative_namespace
            ),
            Some(Segment::Key(key)) if &**key == "defaultDeploymentMode" => {
                format!("set {at_field} to \"Knative\" or \"Standard\"")
            }
            _ => format!("give {at_field} a value"),
        }),
        Mistake::KserveIngressGatewayName => {
            by_hand(format!("write {at_field} as \"namespace/name\" of a Gateway API Gateway"))
        }
        Mistake::KservePathTemplate => by_hand(format!(
            "write {at_field} with double braces, as in \"/serving/{{{{ .Namespace }}}}/{{{{ .Name }}}}\""
        )),
        Mistake::KserveDeploymentMode => {
            by_hand(format!("set {at_field} to a mode that this release of KServe knows; case matters"))
        }
        Mistake::KserveExternalName => vec![remedy::set_text(view, facts, site, &full_service_name(view, site, facts))],
        Mistake::KserveVirtualService => match refusal.path.0.last() {
            Some(Segment::Key(key)) if key.ends_with("Gateway") => {
                by_hand(format!("write {at_field} as \"namespace/name\" of an Istio Gateway"))
            }
            _ => vec![remedy::set_text(view, facts, site, &full_service_name(view, site, facts))],
        },
        Mistake::IstioYaml => by_hand(format!(
            "write {at_field} as a YAML list: \"- name: GATEWAY\", then \"namespace:\" and \"service:\" indented by two spaces"
        )),
        Mistake::IstioFormats => {
            by_hand(format!("delete {at_field}, or delete external-gateways and local-gateways; one format at a time"))
        }
        Mistake::IstioEntry => by_hand(format!(
            "give {at_field} a value: an entry needs name, namespace and service (a full Service name, no port)"
        )),
        Mistake::IstioDefault => by_hand(format!(
            "leave exactly one entry of {at_field} without labelSelector: it serves whatever no selector matches"
        )),
        Mistake::ConfigMissing => Vec::new(),
    }
}

/// What most often makes JSON unreadable at this place.
fn json_advice(view: &View<'_>, site: &Site, refusal: &Refusal) -> String {
    let place = field(site);
    let message = refusal.message.as_str();
    if message.contains("null makes") {
        return format!("write an object in {place}, or remove the key");
    }
    if message.contains("after top-level value") {
        return format!("remove what follows the closing brace in {place}");
    }
    if message.contains("'/'") || message.contains("'#'") {
        return format!("remove the comment in {place}: JSON has none");
    }
    let before = derived::text_at(view, site).and_then(|text| {
        let (line, column) = refusal.position?;
        let lines: Vec<&str> = text.lines().take(usize::try_from(line).ok()?).collect();
        let (last, earlier) = lines.split_last()?;
        let cut: String = last.chars().take(usize::try_from(column).ok()?.saturating_sub(1)).collect();
        earlier.iter().copied().chain([cut.as_str()]).collect::<Vec<_>>().join("\n").trim_end().chars().last()
    });
    if before == Some(',') && message.contains("object key") {
        return format!("remove the comma that ends the entry before {place}: JSON allows none after the last one");
    }
    format!("correct the JSON in {place}, for example with `jq . file`")
}

fn type_advice(place: &str, message: &str) -> String {
    if message.ends_with("of type bool") {
        format!("write true or false in {place}, without quotes")
    } else if message.ends_with("of type string") {
        format!("write {place} as a string, in double quotes")
    } else if message.ends_with("of type []string") {
        format!("write {place} as a list of strings: [\"a.example.com\"]")
    } else {
        format!("write {place} as the type that the message names")
    }
}

/// What a malformed service name most likely means: lower case, no scheme, no port, in the full form.
fn full_service_name(view: &View<'_>, site: &Site, facts: &ClusterFacts) -> String {
    let config = view.config_map(&site.object.namespace, INFERENCE_SERVICE_CONFIG).present();
    let held = config.and_then(|config| crate::model::kserve_config::KserveConfig::parse(&config, facts.versions).ok());
    let written = held.map(|config| match site.path.0.last() {
        Some(Segment::Key(key)) if &**key == "knativeLocalGatewayService" => config.knative_local_gateway_service.value,
        _ => config.local_gateway_service.value,
    });
    let written = written.unwrap_or_default();
    super::name::full_form(&written, facts)
        .unwrap_or_else(|| facts.service_host("knative-local-gateway", "istio-system"))
}
