//! Whether everything that plumbline is to judge reaches it: a webhook configuration against what `serve` expects.

mod exceptions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::expected::{DOMAIN, Expected, OPERATIONS, Place, SYSTEM_NAMESPACES, WEBHOOKS};
use super::registration::{Configuration, Webhook};
use super::{Check, Status};
use crate::admission;
use crate::model::Labels;
use crate::object::Kind;

const TOPIC: &str = "webhook";
/// Shorter than this, a slow read is a failure.
const SHORTEST_TIMEOUT: i64 = 2;
/// Longer than this, a hanging replica holds up every writer.
const LONGEST_TIMEOUT: i64 = 10;

/// What a configuration is held against beside the code.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Where KServe is configured.
    pub kserve_namespace: String,
    /// Where Knative Serving is configured.
    pub knative_namespace: String,
    /// The namespaces with their labels, or why they cannot be read.
    pub namespaces: Option<BTreeMap<Arc<str>, Labels>>,
    /// Which namespaces hold objects of a kind.
    pub holders: BTreeMap<Kind, BTreeSet<Arc<str>>>,
}

/// Something about a webhook that is not as the chart would have it.
#[derive(Debug)]
struct Deviation {
    status: Status,
    seen: String,
    remedy: String,
}

fn deviation(status: Status, seen: impl Into<String>, remedy: impl Into<String>) -> Deviation {
    Deviation { status, seen: seen.into(), remedy: remedy.into() }
}

/// Picks the configurations that are plumbline's, by the names of their webhooks.
#[must_use]
pub fn ours(configurations: &[Configuration]) -> Vec<&Configuration> {
    let is_ours =
        |configuration: &&Configuration| configuration.webhooks.iter().any(|webhook| webhook.name.ends_with(DOMAIN));
    configurations.iter().filter(is_ours).collect()
}

/// Says that nothing is registered at all.
#[must_use]
pub fn nothing_registered() -> Check {
    Check::problem(
        TOPIC,
        "",
        "no ValidatingWebhookConfiguration has a webhook of plumbline's, so no write is judged",
        "install the chart, or put back what was deleted: helm upgrade --install plumbline charts/plumbline",
    )
}

/// Judges one configuration, webhook by webhook.
#[must_use]
pub fn judge(configuration: &Configuration, around: &Surroundings) -> Vec<Check> {
    let mut checks = Vec::new();
    for expected in WEBHOOKS {
        let found: Vec<_> = configuration.webhooks.iter().filter(|webhook| webhook.name == expected.name).collect();
        match found.as_slice() {
            [] => checks.push(missing(&expected, configuration)),
            [webhook] => checks.extend(judge_webhook(&expected, webhook, configuration, around)),
            [_, ..] => checks.push(Check::problem(
                TOPIC,
                subject(expected.name, configuration),
                "it is registered more than once",
                "keep one of them",
            )),
        }
    }
    let foreign = configuration.webhooks.iter().filter(|webhook| !is_known(&webhook.name));
    checks.extend(foreign.map(|webhook| {
        Check::warning(
            TOPIC,
            subject(&webhook.name, configuration),
            "this release of plumbline does not know it",
            "run the doctor of the release that is installed, or upgrade the installation",
        )
    }));
    checks
}

fn is_known(name: &str) -> bool {
    WEBHOOKS.iter().any(|expected| expected.name == name)
}

fn subject(webhook: &str, configuration: &Configuration) -> String {
    format!("{webhook} of {}", configuration.metadata.name)
}

fn missing(expected: &Expected, configuration: &Configuration) -> Check {
    let subject = subject(expected.name, configuration);
    match expected.place {
        Place::Gateways => Check::warning(
            TOPIC,
            subject,
            "it is not registered, so writes of the Services in front of gateways go unjudged",
            "set webhook.gatewayServices.enabled=true, unless that is what you want",
        ),
        Place::Configuration | Place::Everywhere => Check::problem(
            TOPIC,
            subject,
            format!("it is not registered, so no write of a {} is judged", expected.kind),
            "put it back: helm upgrade with the values of the release",
        ),
    }
}

fn judge_webhook(
    expected: &Expected,
    webhook: &Webhook,
    configuration: &Configuration,
    around: &Surroundings,
) -> Vec<Check> {
    let mut deviations = rules(expected, webhook);
    deviations.extend(exceptions::find(expected, webhook, own_namespace(webhook), around));
    deviations.extend(manners(expected, webhook));
    let subject = subject(expected.name, configuration);
    if deviations.is_empty() {
        let seen = format!(
            "judges every write of {} that is to be judged, within {} s, and fails {}",
            expected.kind.plural(),
            webhook.timeout_seconds,
            if webhook.failure_policy == "Fail" { "closed" } else { "open" },
        );
        return vec![Check::ok(TOPIC, subject, seen)];
    }
    let check =
        |Deviation { status, seen, remedy }| Check { topic: TOPIC, subject: subject.clone(), status, seen, remedy };
    deviations.into_iter().map(check).collect()
}

/// plumbline's own namespace is never judged, lest it stand in its own way.
fn own_namespace(webhook: &Webhook) -> Option<&str> {
    webhook.client_config.service.as_ref().map(|service| service.namespace.as_str())
}

/// Namespaces that nobody expects to be judged.
fn is_exempt(namespace: &str, own: Option<&str>) -> bool {
    SYSTEM_NAMESPACES.contains(&namespace) || own == Some(namespace)
}

/// What the rules leave out.
fn rules(expected: &Expected, webhook: &Webhook) -> Vec<Deviation> {
    let (group, resource) = (expected.kind.group(), expected.kind.plural());
    let covers = |version: &str, operation: &str| {
        webhook.rules.iter().any(|rule| rule.covers(group, version, resource, operation))
    };
    let mut deviations = Vec::new();
    for operation in OPERATIONS {
        let left_out: Vec<_> =
            expected.kind.versions().iter().copied().filter(|version| !covers(version, operation)).collect();
        if left_out.len() == expected.kind.versions().len() {
            let seen = format!("no rule holds for {operation} of {resource}, which goes unjudged");
            deviations.push(deviation(Status::Problem, seen, format!("add {operation} to the rule's operations")));
        } else if !left_out.is_empty() && webhook.match_policy == "Exact" {
            let versions = left_out.join(" and ");
            let seen = format!("matchPolicy is Exact, so {operation} of {resource} as {versions} goes unjudged");
            deviations.push(deviation(Status::Problem, seen, "set matchPolicy: Equivalent"));
        }
    }
    if deviations.is_empty() && webhook.match_policy == "Exact" {
        let seen = format!("matchPolicy is Exact, so {resource} written in a version to come will go unjudged");
        deviations.push(deviation(Status::Warning, seen, "set matchPolicy: Equivalent"));
    }
    deviations
}

/// How it is called, and what becomes of a write when it does not answer.
fn manners(expected: &Expected, webhook: &Webhook) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    match (expected.place, webhook.failure_policy.as_str()) {
        (Place::Configuration | Place::Everywhere, "Ignore") => deviations.push(deviation(
            Status::Warning,
            "it fails open: while no replica answers, every write passes unjudged",
            "set webhook.failurePolicy=Fail once you trust it",
        )),
        (Place::Gateways, "Fail") => deviations.push(deviation(
            Status::Warning,
            "it fails closed: while no replica answers, a gateway's Service cannot be repaired",
            "leave failurePolicy: Ignore here, as the chart does",
        )),
        _ => {}
    }
    if !(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&webhook.timeout_seconds) {
        let seen = format!("the API server waits {} s for a verdict", webhook.timeout_seconds);
        let remedy =
            format!("set webhook.timeoutSeconds between {SHORTEST_TIMEOUT} and {LONGEST_TIMEOUT}; 5 is the default");
        deviations.push(deviation(Status::Warning, seen, remedy));
    }
    if !matches!(webhook.side_effects.as_str(), "None" | "NoneOnDryRun") {
        let seen = format!("sideEffects is {:?}, so the API server refuses every dry run", webhook.side_effects);
        deviations.push(deviation(Status::Problem, seen, "set sideEffects: None"));
    }
    if !webhook.admission_review_versions.iter().any(|version| version == "v1") {
        let seen = "admissionReviewVersions lacks v1, the only one that plumbline speaks";
        deviations.push(deviation(Status::Problem, seen, "set admissionReviewVersions: [v1]"));
    }
    let path = webhook.client_config.service.as_ref().map(|service| service.path.as_str());
    if let Some(path) = path.filter(|path| *path != admission::PATH) {
        let seen = format!("reviews are sent to {path:?}, where plumbline answers 404");
        deviations.push(deviation(
            Status::Problem,
            seen,
            format!("set clientConfig.service.path: {}", admission::PATH),
        ));
    }
    deviations
}

#[cfg(test)]
mod tests;
