//! An answer on the wire: a review that carries a response, or an HTTP error.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::answer::{Answer, Fault};
use super::{review, wording};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Body<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<String, String>,
}

/// `metav1.Status`. The code is 403 for every denial: on 409 and 422, forcing clients delete the live object.
#[derive(Serialize)]
struct Status {
    #[serde(rename = "status")]
    outcome: &'static str,
    code: u16,
    reason: &'static str,
    message: String,
    details: Details,
}

#[derive(Serialize)]
struct Details {
    causes: Vec<StatusCause>,
}

/// `metav1.StatusCause`, whose type is called `reason` on the wire.
#[derive(Serialize)]
struct StatusCause {
    reason: String,
    message: String,
    field: String,
}

impl Answer {
    /// Writes the review that answers the request called `uid`.
    pub(super) fn to_json(&self, uid: &str) -> Result<Vec<u8>, Fault> {
        let response = Body {
            uid,
            allowed: self.allowed,
            status: (!self.allowed).then(|| self.status()),
            warnings: wording::warnings(&self.warnings),
            audit_annotations: self.audit_annotations(),
        };
        let review = Review { api_version: review::API_VERSION, kind: review::KIND, response };
        serde_json::to_vec(&review).map_err(|error| Fault::Internal(format!("cannot write the answer: {error}")))
    }

    fn status(&self) -> Status {
        let causes = self.causes.iter().map(|cause| StatusCause {
            reason: cause.code.clone(),
            message: wording::message(&cause.message),
            field: cause.field.clone(),
        });
        Status {
            outcome: "Failure",
            code: 403,
            reason: "Forbidden",
            message: wording::message(&self.message),
            details: Details { causes: causes.collect() },
        }
    }

    fn audit_annotations(&self) -> BTreeMap<String, String> {
        let entries = self.audit.iter().map(|(key, value)| (wording::annotation_key(key), value.clone()));
        entries.filter(|(key, _)| !key.is_empty()).collect()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::DeadlineExceeded(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        sentence(status, &self.to_string())
    }
}

/// Answers with a status and one line of text, which the API server repeats to whoever sent the object.
pub(super) fn sentence(status: StatusCode, text: &str) -> Response {
    let mut response = (status, wording::one_line(text) + "\n").into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        // The API server's client waits this long and calls again, as long as its own timeout lasts.
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::answer::Cause;
    use super::*;

    fn sent(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.to_json("u-1").unwrap()).unwrap()
    }

    #[test]
    fn an_allowance_says_no_more_than_needed() {
        assert_eq!(
            sent(&Answer::allow()),
            json!({
                "apiVersion": "admission.k8s.io/v1",
                "kind": "AdmissionReview",
                "response": {"uid": "u-1", "allowed": true}
            })
        );
    }

    #[test]
    fn a_denial_is_forbidden_and_carries_its_causes() {
        let mut answer = Answer::deny("the local request of 3 namespaces breaks:\nport 8081\u{7} is immutable");
        answer.causes.push(Cause {
            field: "spec.servers[0].port.number".into(),
            code: "PL104".into(),
            message: "no listener".into(),
        });
        answer.warnings.push("PL201 a\nb".into());
        answer.audit.insert("codes/all".into(), "PL104".into());
        answer.audit.insert("/".into(), "lost".into());
        assert_eq!(
            sent(&answer)["response"],
            json!({
                "uid": "u-1",
                "allowed": false,
                "status": {
                    "status": "Failure",
                    "code": 403,
                    "reason": "Forbidden",
                    "message": "the local request of 3 namespaces breaks:\nport 8081  cannot be changed",
                    "details": {"causes": [{
                        "reason": "PL104",
                        "message": "no listener",
                        "field": "spec.servers[0].port.number"
                    }]}
                },
                "warnings": ["PL201 a b"],
                "auditAnnotations": {"codes-all": "PL104"}
            })
        );
    }

    #[test]
    fn faults_are_http_errors() {
        for (fault, status) in [
            (Fault::BadRequest(String::new()), 400),
            (Fault::DeadlineExceeded(String::new()), 504),
            (Fault::Unavailable(String::new()), 503),
            (Fault::Internal(String::new()), 500),
        ] {
            let response = fault.clone().into_response();
            assert_eq!(response.status(), status, "{fault:?}");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 503, "{fault:?}");
        }
    }
}
