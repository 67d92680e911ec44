//! Asks the API server's authorizers whether somebody may declare a transition.

use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{RequestError, Requests};
use crate::exception::{Permission, Question};

/// The virtual resource, and what is done to it.
const GROUP: &str = "plumbline.dev";
const RESOURCE: &str = "transitions";
const VERB: &str = "declare";
/// The API that is asked.
const API: &str = "authorization.k8s.io/v1";

#[derive(Debug, Default, Deserialize)]
struct Review {
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    allowed: bool,
    denied: bool,
}

/// Asks by a `SubjectAccessReview`, or about ourselves by a `SelfSubjectAccessReview`.
pub(super) async fn ask(requests: &Requests, question: &Question) -> Permission {
    let resource = match question.asker {
        Some(_) => "subjectaccessreviews",
        None => "selfsubjectaccessreviews",
    };
    let path = format!("/apis/{API}/{resource}");
    match requests.review(&path, review(question).to_string().into_bytes()).await {
        Ok(answer) => permission(&answer),
        Err(RequestError::Forbidden) => {
            Permission::Unasked(format!("forbidden: grant plumbline \"create\" on {resource}.authorization.k8s.io"))
        }
        Err(error) => Permission::Unasked(error.to_string()),
    }
}

fn review(question: &Question) -> Value {
    let attributes = json!({
        "group": GROUP, "resource": RESOURCE, "verb": VERB,
        "namespace": &*question.namespace, "name": &*question.transition,
    });
    match &question.asker {
        None => json!({
            "apiVersion": API, "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes},
        }),
        Some(asker) => json!({
            "apiVersion": API, "kind": "SubjectAccessReview",
            "spec": {
                "resourceAttributes": attributes,
                "user": asker.user, "uid": asker.uid, "groups": asker.groups, "extra": asker.extra,
            },
        }),
    }
}

fn permission(answer: &[u8]) -> Permission {
    match serde_json::from_slice::<Review>(answer) {
        Ok(Review { status }) if status.allowed && !status.denied => Permission::Granted,
        // An `evaluationError` may stand beside either answer: a binding to a role that is gone is enough for one.
        Ok(_) => Permission::Refused,
        Err(error) => Permission::Unasked(format!("the API server's answer cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exception::Asker;

    #[test]
    fn the_whole_user_is_asked_about() {
        let asker = Asker {
            user: "alex".into(),
            uid: "7".into(),
            groups: vec!["platform".into()],
            extra: [("scopes".to_owned(), vec!["x".to_owned()])].into(),
        };
        let question = Question { asker: Some(asker), namespace: "istio-system".into(), transition: "move".into() };
        assert_eq!(
            review(&question),
            json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": {
                    "resourceAttributes": {
                        "group": "plumbline.dev", "resource": "transitions", "verb": "declare",
                        "namespace": "istio-system", "name": "move",
                    },
                    "user": "alex", "uid": "7", "groups": ["platform"], "extra": {"scopes": ["x"]},
                },
            })
        );
        let own = review(&Question { asker: None, ..question });
        assert_eq!(own["kind"], "SelfSubjectAccessReview");
        assert_eq!(own["spec"].as_object().map(serde_json::Map::len), Some(1));
    }

    #[test]
    fn only_a_clear_yes_grants() {
        let answer = |status: Value| permission(json!({"status": status}).to_string().as_bytes());
        assert_eq!(answer(json!({"allowed": true})), Permission::Granted);
        assert_eq!(answer(json!({"allowed": true, "denied": true})), Permission::Refused);
        assert_eq!(answer(json!({"allowed": false, "reason": "no role"})), Permission::Refused);
        assert_eq!(answer(json!({"allowed": false, "evaluationError": "no such role"})), Permission::Refused);
        assert_eq!(answer(json!({"allowed": true, "evaluationError": "no such role"})), Permission::Granted);
        assert!(matches!(permission(b"<html>"), Permission::Unasked(_)));
    }
}
