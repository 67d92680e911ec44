//! Writes to judge, each with the verdict that it must get: a benchmark of wrong verdicts measures nothing.

use plumbline::engine::{Actor, Change, Verdict};
use plumbline::model::ModelError;
use plumbline::view::Snapshot;
use serde_json::{Value, json};

use crate::cluster::{self, Cluster};

/// A kind of write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The local Gateway is narrowed to one team's hosts: refused, for everybody else.
    GatewayNarrowed,
    /// `inferenceservice-config` is laid out anew and says what it said.
    ConfigReformatted,
    /// `config-istio` names the local gateway by which it was reached already.
    GatewayListed,
    /// `config-istio` names a local gateway that does not exist: refused.
    GatewayListWrong,
    /// The local gateway's Service selects other pods: refused.
    ServiceMoved,
    /// A KnativeServing has the operator move the local gateway to other pods: refused.
    ServingMoved,
}

impl Written {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 6] = [
        Self::GatewayNarrowed,
        Self::ConfigReformatted,
        Self::GatewayListed,
        Self::GatewayListWrong,
        Self::ServiceMoved,
        Self::ServingMoved,
    ];

    /// What the table calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GatewayNarrowed => "Gateway narrowed to one team",
            Self::ConfigReformatted => "inferenceservice-config reformatted",
            Self::GatewayListed => "config-istio spells out its default",
            Self::GatewayListWrong => "config-istio names no Gateway",
            Self::ServiceMoved => "Service selects no pods",
            Self::ServingMoved => "KnativeServing moves the gateway",
        }
    }

    /// The verdict that is right.
    pub(crate) const fn verdict(self, cluster: Cluster) -> Verdict {
        match self {
            Self::ConfigReformatted | Self::GatewayListed => Verdict::Allow,
            // Where nobody is served yet, a gateway for one team is a fair choice.
            Self::GatewayNarrowed if cluster.inference_services == 0 => Verdict::Allow,
            _ => Verdict::Deny,
        }
    }

    /// The write, to the cluster of a snapshot.
    pub(crate) fn change(self, snapshot: &Snapshot) -> Result<Change, ModelError> {
        let (key, after) = cluster::read(self.manifest())?;
        Ok(Change { before: snapshot.object(&key).present(), key, after: Some(after), actor: Actor::Anybody })
    }

    /// The object as it would be.
    pub(crate) fn manifest(self) -> Value {
        match self {
            Self::GatewayNarrowed => cluster::local_gateway(&json!(cluster::hosts_of(&cluster::team(0)))),
            Self::ConfigReformatted => {
                let text = cluster::ingress_config().replace(',', ",\n    ").replace("\":", "\" : ");
                cluster::kserve_config(&text)
            }
            Self::GatewayListed => cluster::knative_config("config-istio", gateway_list("knative-local-gateway")),
            Self::GatewayListWrong => cluster::knative_config("config-istio", gateway_list("no-such-gateway")),
            Self::ServiceMoved => cluster::local_service(&json!({"istio": "elsewhere"})),
            Self::ServingMoved => cluster::knative_serving(json!({"selector": {"istio": "elsewhere"}})),
        }
    }
}

fn gateway_list(name: &str) -> Value {
    let service = "knative-local-gateway.istio-system.svc.cluster.local";
    json!({"local-gateways": format!("- name: {name}\n  namespace: knative-serving\n  service: {service}\n")})
}
