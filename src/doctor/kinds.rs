//! Whether the API server serves the kinds that plumbline reads, in versions that it reads.

use super::Check;
use crate::object::Kind;

const TOPIC: &str = "kinds";

/// The kinds that come with a custom resource definition.
pub const KINDS: [Kind; 4] =
    [Kind::IstioGateway, Kind::GatewayApiGateway, Kind::KnativeServing, Kind::InferenceService];

/// Judges one kind by the versions of its group in which it is served.
#[must_use]
pub fn judge(kind: Kind, served: &[String]) -> Check {
    let subject = format!("{}.{}", kind.plural(), kind.group());
    let read = kind.versions();
    if served.iter().any(|version| read.contains(&version.as_str())) {
        return Check::ok(TOPIC, subject, format!("served as {}", served.join(", ")));
    }
    if !served.is_empty() {
        let seen = format!("served as {}, and plumbline reads {}", served.join(", "), read.join(", "));
        let remedy =
            "its webhook never matches: upgrade plumbline to a release that reads it, or serve the older version too";
        return Check::problem(TOPIC, subject, seen, remedy);
    }
    match kind {
        Kind::IstioGateway => Check::warning(
            TOPIC,
            subject,
            "not installed: every walk ends unknown, and nothing is refused",
            "install Istio, or give plumbline a cluster that has it",
        ),
        Kind::InferenceService => Check::warning(
            TOPIC,
            subject,
            "not installed: nobody can be cut off, and new InferenceServices stand in (judge.synthetic)",
            "install KServe",
        ),
        // An installation without the operator or without the Gateway API is a whole one.
        _ => Check::ok(TOPIC, subject, "not installed, and not needed"),
    }
}

/// Says that the API server would not tell.
#[must_use]
pub fn unknown(kind: Kind, why: &str) -> Check {
    let subject = format!("{}.{}", kind.plural(), kind.group());
    Check::unknown(TOPIC, subject, format!("cannot be asked about: {why}"), "look at kubectl api-resources")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn one_version_that_is_read_is_enough() {
        let status = |kind, served: &[&str]| {
            judge(kind, &served.iter().map(|version| (*version).to_owned()).collect::<Vec<_>>()).status
        };
        assert_eq!(status(Kind::IstioGateway, &["v2", "v1alpha3"]), Status::Ok);
        assert_eq!(status(Kind::IstioGateway, &["v2"]), Status::Problem);
        assert_eq!(status(Kind::IstioGateway, &[]), Status::Warning);
        assert_eq!(status(Kind::KnativeServing, &["v1alpha1"]), Status::Problem);
        assert_eq!(status(Kind::KnativeServing, &[]), Status::Ok);
    }
}
