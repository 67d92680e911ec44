//! Whether plumbline may read what it judges by.

use std::collections::BTreeMap;

use super::Check;
use crate::cluster::access::{ACCESS, Reach};

const TOPIC: &str = "rights";

/// Something to ask the API server's authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The verb.
    pub verb: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// The namespace; empty for all.
    pub namespace: String,
    /// The one name; empty for all.
    pub name: &'static str,
}

/// Everything that the code declares to read, one question a right.
#[must_use]
pub fn questions(knative_namespace: &str) -> Vec<Question> {
    let mut questions = Vec::new();
    for access in ACCESS {
        let namespace = match access.reach {
            Reach::Cluster => String::new(),
            Reach::KnativeNamespace => knative_namespace.to_owned(),
        };
        let names = if access.names.is_empty() { &[""][..] } else { access.names };
        for (verb, name) in access.verbs.iter().flat_map(|verb| names.iter().map(move |name| (*verb, *name))) {
            let (group, resource) = (access.kind.group(), access.kind.plural());
            questions.push(Question { verb, group, resource, namespace: namespace.clone(), name });
        }
    }
    questions
}

/// Judges what the authorizer said of an account.
#[must_use]
pub fn judge(account: &str, answers: &[(Question, bool)]) -> Vec<Check> {
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (question, _) in answers.iter().filter(|(_, allowed)| !allowed) {
        missing.entry(object_of(question)).or_default().push(question.verb);
    }
    if missing.is_empty() {
        return vec![Check::ok(TOPIC, account, format!("it has all {} rights that it declares", answers.len()))];
    }
    let check = |(objects, verbs): (String, Vec<&str>)| {
        Check::problem(
            TOPIC,
            account,
            format!("it may not {} {objects}, so what is there is unknown and refuses nothing", verbs.join(", ")),
            "put back the chart's roles and bindings: helm upgrade with rbac.create=true",
        )
    };
    missing.into_iter().map(check).collect()
}

/// Says that nobody could be asked.
#[must_use]
pub fn unknown(account: &str, why: &str) -> Check {
    let remedy = "run the doctor as somebody who may create subjectaccessreviews.authorization.k8s.io";
    Check::unknown(TOPIC, account, format!("cannot be asked about: {why}"), remedy)
}

/// Says that nobody knows whom to ask about.
#[must_use]
pub fn no_account(why: &str) -> Check {
    Check::unknown(TOPIC, "", why, "name plumbline's own: --service-account NAMESPACE:NAME")
}

fn object_of(question: &Question) -> String {
    let group = if question.group.is_empty() { String::new() } else { format!(".{}", question.group) };
    let name = if question.name.is_empty() { String::new() } else { format!(" {}", question.name) };
    let place = match (question.namespace.as_str(), question.resource) {
        ("", "namespaces") => String::new(),
        ("", _) => " in every namespace".to_owned(),
        (namespace, _) => format!(" in namespace {namespace}"),
    };
    format!("{}{group}{name}{place}", question.resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn every_declared_right_is_asked_about_by_name() {
        let questions = questions("serving");
        let declared: usize = ACCESS.iter().map(|access| access.verbs.len() * access.names.len().max(1)).sum();
        assert_eq!(questions.len(), declared);
        let named = questions.iter().find(|question| question.name == "config-istio").unwrap();
        assert_eq!((named.namespace.as_str(), named.resource), ("serving", "configmaps"));
    }

    #[test]
    fn a_missing_right_is_named_with_what_follows() {
        let mut answers: Vec<_> = questions("knative-serving").into_iter().map(|question| (question, true)).collect();
        let sound = judge("system:serviceaccount:a:b", &answers);
        assert!(matches!(sound.as_slice(), [Check { status: Status::Ok, .. }]), "{sound:?}");
        for (question, allowed) in &mut answers {
            *allowed = question.resource != "inferenceservices" && question.name != "config-domain";
        }
        let seen: Vec<_> = judge("x", &answers).into_iter().map(|check| check.seen).collect();
        let unknown = "so what is there is unknown and refuses nothing";
        assert_eq!(
            seen,
            [
                format!("it may not get, list, watch configmaps config-domain in namespace knative-serving, {unknown}"),
                format!("it may not list, watch inferenceservices.serving.kserve.io in every namespace, {unknown}"),
            ]
        );
    }
}
