//! Whether somebody answers behind a Service.

use serde::Deserialize;

use super::Check;
use super::registration::ServiceReference;
use crate::model::Labels;
use crate::model::nullable;

const TOPIC: &str = "endpoints";

/// What is behind a Service that webhooks name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// There is no such Service.
    Missing,
    /// It stands for a name outside the cluster.
    External(String),
    /// It is there, and so many of its endpoints are ready.
    Endpoints {
        /// Those that get requests.
        ready: usize,
        /// Those that do not yet, or no more.
        waiting: usize,
        /// Whether the Service has the port that the webhook names.
        port: bool,
    },
    /// It cannot be read, for this reason.
    Unread(String),
}

/// A Service as the API server stores it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Service {
    /// What it is to be.
    pub spec: ServiceSpec,
}

/// What a Service is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ExternalName`, or one of the others.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name it stands for.
    #[serde(deserialize_with = "nullable")]
    pub external_name: String,
    /// The pods behind it.
    #[serde(deserialize_with = "nullable")]
    pub selector: Labels,
    /// Its ports.
    #[serde(deserialize_with = "nullable")]
    pub ports: Vec<ServicePort>,
}

/// One port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ServicePort {
    /// The number.
    pub port: u16,
}

/// A part of a Service's endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EndpointSlice {
    /// The endpoints.
    #[serde(deserialize_with = "nullable")]
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// How it is.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Conditions,
}

/// How an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Whether it is sent requests; left out, it is.
    pub ready: Option<bool>,
}

impl Backend {
    /// Sees what is behind a Service in what was read of it.
    #[must_use]
    pub fn of(service: &Service, slices: &[EndpointSlice], port: u16) -> Self {
        if service.spec.kind == "ExternalName" {
            return Self::External(service.spec.external_name.clone());
        }
        let endpoints = || slices.iter().flat_map(|slice| &slice.endpoints);
        let ready = endpoints().filter(|endpoint| endpoint.conditions.ready.unwrap_or(true)).count();
        let port = service.spec.ports.iter().any(|candidate| candidate.port == port);
        Self::Endpoints { ready, waiting: endpoints().count() - ready, port }
    }

    /// Why nobody can answer there, where that is sure.
    #[must_use]
    pub fn dead(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("does not exist"),
            Self::Endpoints { port: false, .. } => Some("has no such port"),
            Self::Endpoints { ready: 0, .. } => Some("has no ready endpoint"),
            Self::Endpoints { .. } | Self::External(_) | Self::Unread(_) => None,
        }
    }
}

/// Judges the Service of plumbline itself.
#[must_use]
pub fn judge(service: &ServiceReference, backend: &Backend) -> Check {
    let subject = format!("Service {service}");
    let pods = format!(
        "kubectl -n {} get pods,endpointslices; a pod that is not ready says why at /readyz",
        service.namespace
    );
    match backend {
        Backend::Missing => Check::problem(
            TOPIC,
            subject,
            "it does not exist, so no review arrives and failurePolicy decides every write",
            "install the chart again, or delete the webhook configuration that it left behind",
        ),
        Backend::Endpoints { port: false, .. } => Check::problem(
            TOPIC,
            subject,
            "the Service has no such port",
            "set clientConfig.service.port to a port of the Service; the chart's is 443",
        ),
        Backend::Endpoints { ready: 0, waiting: 0, .. } => {
            Check::problem(TOPIC, subject, "no pod is behind it, so failurePolicy decides every write", pods)
        }
        Backend::Endpoints { ready: 0, waiting, .. } => Check::problem(
            TOPIC,
            subject,
            format!("none of its {waiting} endpoints is ready, so failurePolicy decides every write"),
            pods,
        ),
        Backend::Endpoints { ready: 1, .. } => Check::warning(
            TOPIC,
            subject,
            "1 endpoint is ready: while it restarts, failurePolicy decides every write",
            format!("run two replicas; {pods}"),
        ),
        Backend::Endpoints { ready, waiting: 0, .. } => {
            Check::ok(TOPIC, subject, format!("{ready} endpoints are ready"))
        }
        Backend::Endpoints { ready, waiting, .. } => {
            Check::ok(TOPIC, subject, format!("{ready} endpoints are ready, {waiting} are not"))
        }
        Backend::External(name) => Check::unknown(
            TOPIC,
            subject,
            format!("it stands for {name}, outside of what the cluster knows"),
            "see below whether a dry run is refused",
        ),
        Backend::Unread(why) => Check::unknown(
            TOPIC,
            subject,
            format!("cannot be read: {why}"),
            "run the doctor as somebody who may get services and list endpointslices",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Status;

    fn judged(service: &serde_json::Value, conditions: &[serde_json::Value]) -> Check {
        let service = Service::deserialize(service).unwrap();
        let endpoints: Vec<_> = conditions.iter().map(|conditions| json!({"conditions": conditions})).collect();
        let slice = EndpointSlice::deserialize(json!({"endpoints": endpoints})).unwrap();
        let reference = ServiceReference { namespace: "n".into(), name: "s".into(), ..ServiceReference::default() };
        judge(&reference, &Backend::of(&service, &[slice], 443))
    }

    #[test]
    fn two_that_are_ready_are_enough() {
        let service = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 443}, {"port": 8080}]}});
        let (up, down) = (json!({"ready": true}), json!({"ready": false}));
        for (conditions, status, seen) in [
            (vec![up.clone(), json!({})], Status::Ok, "2 endpoints are ready"),
            (vec![up.clone(), up.clone(), down.clone()], Status::Ok, "2 endpoints are ready, 1 are not"),
            (vec![up, down.clone()], Status::Warning, "1 endpoint is ready"),
            (vec![down.clone(), down], Status::Problem, "none of its 2 endpoints is ready"),
            (vec![], Status::Problem, "no pod is behind it"),
        ] {
            let check = judged(&service, &conditions);
            assert_eq!(check.status, status, "{check:?}");
            assert!(check.seen.starts_with(seen), "{check:?}");
        }
    }

    #[test]
    fn a_service_without_the_port_answers_nobody() {
        let check =
            judged(&json!({"spec": {"type": "ClusterIP", "ports": [{"port": 8443}]}}), &[json!({"ready": true})]);
        assert_eq!((check.status, check.seen.as_str()), (Status::Problem, "the Service has no such port"));
    }

    #[test]
    fn what_is_outside_the_cluster_is_unknown() {
        let check = judged(&json!({"spec": {"type": "ExternalName", "externalName": "localhost"}}), &[]);
        assert_eq!(check.status, Status::Unknown, "{check:?}");
    }
}
