//! What a webhook's selectors and conditions take out of judgement.

use std::collections::BTreeSet;

use super::{Deviation, Surroundings, deviation, is_exempt};
use crate::doctor::Status;
use crate::doctor::expected::{Expected, NAME_LABEL, Place};
use crate::doctor::registration::Webhook;
use crate::model::Labels;
use crate::model::config_map::{CONFIG_DOMAIN, CONFIG_ISTIO, CONFIG_NETWORK, INFERENCE_SERVICE_CONFIG};
use crate::model::label_selector::LabelSelector;

/// How many namespaces are named.
const NAMED: usize = 4;

/// Finds everything that could be judged and is not.
pub(super) fn find(
    expected: &Expected,
    webhook: &Webhook,
    own_namespace: Option<&str>,
    around: &Surroundings,
) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    if !webhook.object_selector.is_empty() {
        let seen = format!(
            "objectSelector {}: whoever may label an object takes it out of judgement",
            shown(&webhook.object_selector)
        );
        deviations.push(deviation(Status::Problem, seen, "set objectSelector: {}"));
    }
    deviations.extend(namespaces(expected, webhook, own_namespace, around));
    deviations.extend(conditions(expected, webhook, around));
    deviations
}

fn namespaces(
    expected: &Expected,
    webhook: &Webhook,
    own_namespace: Option<&str>,
    around: &Surroundings,
) -> Vec<Deviation> {
    let selector = &webhook.namespace_selector;
    let configured = [&around.kserve_namespace, &around.knative_namespace];
    let named: BTreeSet<&str> = match expected.place {
        Place::Configuration => configured.into_iter().map(String::as_str).collect(),
        Place::Everywhere => {
            let holders = around.holders.get(&expected.kind).into_iter().flatten().map(AsRef::as_ref);
            let exempt = |namespace: &&str| !is_exempt(namespace, own_namespace);
            holders.chain(configured.into_iter().map(String::as_str)).filter(exempt).collect()
        }
        Place::Gateways => BTreeSet::new(),
    };
    let mut deviations = Vec::new();
    let left_out: Vec<_> = named.into_iter().filter(|name| !selector.matches(&labels(name, around))).collect();
    if !left_out.is_empty() {
        let seen = format!("namespaceSelector {} leaves out {}", shown(selector), listed(&left_out));
        deviations.push(deviation(Status::Problem, seen, remedy(expected.place)));
    }
    let by_label = labels_asked(selector).find(|label| *label != NAME_LABEL);
    if let Some(label) = by_label {
        let seen = format!(
            "namespaceSelector asks for the label {label}: whoever may label a namespace takes it out of judgement"
        );
        deviations.push(deviation(Status::Warning, seen, format!("select by {NAME_LABEL} alone, as the chart does")));
    }
    let nowhere = around.namespaces.as_ref().is_some_and(|all| !all.values().any(|labels| selector.matches(labels)));
    if expected.place == Place::Gateways && nowhere {
        let seen = format!("namespaceSelector {} selects no namespace there is", shown(selector));
        deviations.push(deviation(
            Status::Warning,
            seen,
            "set webhook.gatewayServices.namespaces to those of your gateways",
        ));
    }
    deviations
}

fn remedy(place: Place) -> &'static str {
    match place {
        Place::Configuration => {
            "set namespaces.kserve and namespaces.knative to where they are, or give the doctor theirs"
        }
        Place::Everywhere | Place::Gateways => {
            "take them out of webhook.excludedNamespaces, unless that is what you want"
        }
    }
}

fn conditions(expected: &Expected, webhook: &Webhook, around: &Surroundings) -> Vec<Deviation> {
    let wanted = (expected.place == Place::Configuration).then(|| condition(around));
    let mut deviations = Vec::new();
    let others = webhook.match_conditions.iter().filter(|found| Some(&found.expression) != wanted.as_ref());
    deviations.extend(others.map(|found| {
        let seen = format!(
            "matchConditions holds {:?}: what does not satisfy `{}` goes unjudged",
            found.name, found.expression
        );
        deviation(Status::Warning, seen, "remove it, unless that is what you want")
    }));
    if wanted.is_some() && webhook.match_conditions.is_empty() {
        let seen = "it has no matchConditions, so that every write of any ConfigMap there waits for plumbline";
        deviations.push(deviation(Status::Warning, seen, "put the condition of the chart back"));
    }
    deviations
}

/// The condition that the chart renders for ConfigMaps.
fn condition(around: &Surroundings) -> String {
    let name = r#"(request.operation == "DELETE" ? oldObject : object).metadata.name"#;
    let (kserve, knative) = (&around.kserve_namespace, &around.knative_namespace);
    format!(
        "request.namespace == {kserve:?} && {name} == {INFERENCE_SERVICE_CONFIG:?} || request.namespace == {knative:?} && \
         {name} in [{CONFIG_ISTIO:?}, {CONFIG_DOMAIN:?}, {CONFIG_NETWORK:?}]"
    )
}

/// The labels of a namespace; of one that does not exist yet, those it will have.
fn labels(name: &str, around: &Surroundings) -> Labels {
    let known = around.namespaces.as_ref().and_then(|all| all.get(name));
    known.cloned().unwrap_or_else(|| [(NAME_LABEL.into(), name.into())].into())
}

fn labels_asked(selector: &LabelSelector) -> impl Iterator<Item = &str> {
    let equal = selector.match_labels.keys().map(AsRef::as_ref);
    equal.chain(selector.match_expressions.iter().map(|requirement| &*requirement.key))
}

fn shown(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let sets = selector.match_expressions.iter().map(|requirement| match &*requirement.operator {
        "Exists" => requirement.key.to_string(),
        "DoesNotExist" => format!("!{}", requirement.key),
        operator => format!("{} {} ({})", requirement.key, operator.to_lowercase(), requirement.values.join(", ")),
    });
    format!("\"{}\"", equal.chain(sets).collect::<Vec<_>>().join(", "))
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
