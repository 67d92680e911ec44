//! Other webhooks on the objects that plumbline judges.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::backend::Backend;
use super::expected::{DOMAIN, OPERATIONS, WEBHOOKS};
use super::registration::{Configuration, ServiceReference, Webhook};

const TOPIC: &str = "neighbours";

/// A webhook of somebody else on objects of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour<'a> {
    /// The configuration it is in.
    pub configuration: &'a str,
    /// The webhook.
    pub webhook: &'a Webhook,
    /// The resources of ours that it is called for.
    pub resources: BTreeSet<&'static str>,
    /// Whether it may change them.
    pub mutates: bool,
}

/// Finds them among all that is registered.
#[must_use]
pub fn find<'a>(mutating: &'a [Configuration], validating: &'a [Configuration]) -> Vec<Neighbour<'a>> {
    let of = |configurations: &'a [Configuration], mutates: bool| {
        configurations.iter().flat_map(move |configuration| {
            let others = configuration.webhooks.iter().filter(|webhook| !webhook.name.ends_with(DOMAIN));
            others.filter_map(move |webhook| {
                let resources = resources(webhook);
                let configuration = configuration.metadata.name.as_str();
                (!resources.is_empty()).then_some(Neighbour { configuration, webhook, resources, mutates })
            })
        })
    };
    of(mutating, true).chain(of(validating, false)).collect()
}

fn resources(webhook: &Webhook) -> BTreeSet<&'static str> {
    let meets = |kind: crate::object::Kind| {
        let (group, resource) = (kind.group(), kind.plural());
        webhook.rules.iter().any(|rule| {
            let covers =
                |version: &str| OPERATIONS.iter().any(|operation| rule.covers(group, version, resource, operation));
            kind.versions().iter().any(|version| covers(version))
        })
    };
    WEBHOOKS.iter().filter(|expected| meets(expected.kind)).map(|expected| expected.kind.plural()).collect()
}

/// Judges them by who answers behind each.
#[must_use]
pub fn judge(neighbours: &[Neighbour<'_>], backends: &BTreeMap<ServiceReference, Backend>) -> Vec<Check> {
    let mut checks: Vec<_> = neighbours.iter().filter_map(|neighbour| failing(neighbour, backends)).collect();
    let mutating: Vec<_> = neighbours
        .iter()
        .filter(|neighbour| neighbour.mutates)
        .map(|neighbour| neighbour.webhook.name.as_str())
        .collect();
    if !mutating.is_empty() {
        let seen = format!(
            "{} may change an object first; plumbline judges what they make of it, which the manifest need not show",
            mutating.join(", ")
        );
        checks.push(Check::ok(TOPIC, "mutating webhooks", seen));
    }
    if checks.is_empty() {
        checks.push(Check::ok(TOPIC, "", "no other webhook that fails is called for the same objects"));
    }
    checks
}

/// A webhook that nobody answers.
fn failing(neighbour: &Neighbour<'_>, backends: &BTreeMap<ServiceReference, Backend>) -> Option<Check> {
    let Neighbour { configuration, webhook, resources, .. } = neighbour;
    let service = webhook.client_config.service.as_ref()?;
    let why = backends.get(service)?.dead()?;
    let subject = format!("{} of {configuration}", webhook.name);
    let resources = resources.iter().copied().collect::<Vec<_>>().join(", ");
    if webhook.failure_policy == "Ignore" {
        let seen = format!("its Service {service} {why}: writes of {resources} wait for it in vain");
        return Some(Check::warning(TOPIC, subject, seen, "repair or remove it"));
    }
    let seen = format!("its Service {service} {why}: it fails writes of {resources}, whatever plumbline says of them");
    Some(Check::problem(TOPIC, subject, seen, "repair or remove it"))
}

/// Says that they could not be read.
#[must_use]
pub fn unknown(what: &str, why: &str) -> Check {
    let remedy = format!("run the doctor as somebody who may list {what}");
    Check::unknown(TOPIC, what, format!("cannot be read: {why}"), remedy)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;
    use serde_json::json;

    use super::*;
    use crate::doctor::Status;

    fn configuration(name: &str, group: &str, resource: &str, policy: &str) -> Configuration {
        Configuration::deserialize(json!({
            "metadata": {"name": name},
            "webhooks": [{
                "name": format!("{name}.example.com"),
                "clientConfig": {"service": {"namespace": "istio-system", "name": name}},
                "rules": [{"apiGroups": [group], "apiVersions": ["*"], "operations": ["*"], "resources": [resource]}],
                "failurePolicy": policy,
            }],
        }))
        .unwrap()
    }

    #[test]
    fn only_those_on_the_same_objects_count() {
        let all = [
            configuration("istiod", "networking.istio.io", "*", "Fail"),
            configuration("pods", "", "pods", "Fail"),
            configuration("everything", "*", "*/*", "Ignore"),
        ];
        let found = find(&[], &all);
        let names: Vec<_> =
            found.iter().map(|neighbour| (neighbour.configuration, neighbour.resources.len())).collect();
        assert_eq!(names, [("istiod", 1), ("everything", 4)]);
    }

    #[test]
    fn a_dead_one_is_a_problem_where_it_fails_closed() {
        let (closed, open) = ([configuration("a", "*", "*", "Fail")], [configuration("b", "*", "*", "Ignore")]);
        let neighbours = find(&open, &closed);
        let service = |name: &str| {
            neighbours.iter().find(|n| n.configuration == name).unwrap().webhook.client_config.service.clone().unwrap()
        };
        let endpoints = |ready| Backend::Endpoints { ready, waiting: 0, port: true };
        let judged = |ready: usize| {
            let backends = [(service("a"), endpoints(ready)), (service("b"), endpoints(ready))].into();
            judge(&neighbours, &backends).into_iter().map(|check| check.status).collect::<Vec<_>>()
        };
        assert_eq!(judged(0), [Status::Warning, Status::Problem, Status::Ok]);
        assert_eq!(judged(1), [Status::Ok]);
    }
}
