//! The proof that a bad write is refused: a dry run of one that must be.

use super::Check;
use super::expected::DOMAIN;

const TOPIC: &str = "dry run";
/// The text that stands in for KServe's settings; no controller could read it.
pub const BROKEN: &str = "{ plumbline doctor: a dry run that must be refused";

/// What became of the dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was not sent, for this reason.
    NotSent(String),
    /// The API server would have written it.
    Admitted,
    /// The API server refused or failed, with a code and a message.
    Refused {
        /// HTTP's code.
        code: u16,
        /// What it says.
        message: String,
    },
}

/// Judges what became of it. `subject` is the object that was to be written.
#[must_use]
pub fn judge(subject: &str, attempt: &Attempt) -> Check {
    match attempt {
        Attempt::NotSent(why) => {
            Check::unknown(TOPIC, subject, why, "a dry run persists nothing: run the doctor where it can be sent")
        }
        Attempt::Admitted => Check::problem(
            TOPIC,
            subject,
            "a write that no controller could read would have been admitted",
            "the lines above say what lets it through; with failurePolicy Ignore, look at the pods and the CA bundle first",
        ),
        Attempt::Refused { message, .. } if is_verdict(message) => {
            Check::ok(TOPIC, subject, "refused by plumbline, as it must be; nothing was written")
        }
        Attempt::Refused { message, .. } if message.contains("failed calling webhook") => Check::problem(
            TOPIC,
            subject,
            format!("the API server got no verdict: {}", cause(message)),
            remedy(message),
        ),
        Attempt::Refused { code: code @ (401 | 403), message } => Check::unknown(
            TOPIC,
            subject,
            format!("you may not write it ({code}): {}", first_line(message)),
            "run the doctor as somebody who may create and patch that ConfigMap; the dry run persists nothing",
        ),
        Attempt::Refused { code, message } => Check::unknown(
            TOPIC,
            subject,
            format!("the API server answers {code}: {}", first_line(message)),
            "the namespace has to exist: give --kserve-namespace where KServe is elsewhere",
        ),
    }
}

/// Whether a webhook of plumbline's refused it, and not somebody else.
fn is_verdict(message: &str) -> bool {
    message.contains(DOMAIN) && message.contains("denied the request")
}

/// The end of a chain of reasons, where the reason is.
fn cause(message: &str) -> &str {
    let line = first_line(message);
    line.rsplit_once("s\": ").map_or(line, |(_, cause)| cause)
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// What to do about a call that failed, by the words of Go's TLS and HTTP clients.
fn remedy(message: &str) -> &'static str {
    const UNREAD: &str = "plumbline answers, and cannot read the cluster: its log and the rights below say why";
    const REMEDIES: [(&str, &str); 11] = [
        ("unable to return a response in the time allotted", UNREAD),
        ("currently unable to handle the request", UNREAD),
        (
            "signed by unknown authority",
            "caBundle is not of the CA that signed the serving certificate: with cert-manager look at its cainjector, \
             with a certificate of your own at certificate.supplied.caBundle",
        ),
        ("has expired", "renew the serving certificate, and look at the clocks of the nodes"),
        ("is valid for", "issue the serving certificate for the DNS name that the message asks for"),
        ("doesn't contain any IP SANs", "issue the serving certificate for the Service's DNS name"),
        ("connection refused", "nothing listens behind the Service: look at the pods and at targetPort"),
        ("no endpoints available", "no pod is ready: kubectl get pods, and /readyz says what each waits for"),
        ("deadline exceeded", "the API server does not reach the pods in time: look at NetworkPolicies and firewalls"),
        ("no such host", "the Service is gone: install the chart again, or delete the webhook configuration"),
        ("not found", "the Service is gone: install the chart again, or delete the webhook configuration"),
    ];
    let found = REMEDIES.iter().find(|(symptom, _)| message.contains(symptom));
    found.map_or("look at plumbline's log, which names the fault", |(_, remedy)| remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn judged(code: u16, message: &str) -> Check {
        judge("ConfigMap a/b", &Attempt::Refused { code, message: message.to_owned() })
    }

    #[test]
    fn only_plumblines_own_refusal_counts() {
        let ours = r#"admission webhook "configmaps.plumbline.dev" denied the request: this change …"#;
        assert_eq!(judged(403, ours).status, Status::Ok);
        let theirs = r#"admission webhook "policy.example.com" denied the request: no"#;
        assert_eq!(judged(403, theirs).status, Status::Unknown);
        let rbac = r#"configmaps "x" is forbidden: User "u" cannot patch resource "configmaps""#;
        assert_eq!(judged(403, rbac).status, Status::Unknown);
        assert_eq!(judged(404, r#"namespaces "kserve" not found"#).status, Status::Unknown);
        assert_eq!(judge("x", &Attempt::Admitted).status, Status::Problem);
    }

    #[test]
    fn a_failed_call_says_what_to_look_at() {
        let failed = |why: &str| {
            judged(
                500,
                &format!(
                    "Internal error occurred: failed calling webhook \"configmaps.plumbline.dev\": failed to call webhook: Post \"https://p.p.svc:443/validate?timeout=5s\": {why}"
                ),
            )
        };
        let check = failed("tls: failed to verify certificate: x509: certificate signed by unknown authority");
        assert_eq!(check.status, Status::Problem);
        assert_eq!(
            check.seen,
            "the API server got no verdict: tls: failed to verify certificate: x509: certificate signed by unknown authority"
        );
        assert!(check.remedy.starts_with("caBundle"), "{check:?}");
        assert!(failed("dial tcp 127.0.0.1:1: connect: connection refused").remedy.starts_with("nothing listens"));
        assert!(failed("context deadline exceeded").remedy.starts_with("the API server does not reach"));
    }
}
