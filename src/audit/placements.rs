//! Where net-istio has put each Knative service: read from the VirtualServices that it makes, a page at a time, now and then.
//!
//! They are many and large, and no verdict rests on them; so they are not watched, and of each only the gateways are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::{Api, ApiError};
use crate::model::names::GatewayRef;
use crate::object::ObjectKey;
use crate::survey::{Listed, Placement, Role};
use crate::telemetry::Throttle;

/// How often they are read.
const PERIOD: Duration = Duration::from_mins(5);
/// How soon again while services are left behind.
const FOLLOWING: Duration = Duration::from_secs(30);
/// How many a page holds.
const PAGE: usize = 500;
/// How many pages are read at most.
const PAGES: usize = 200;
/// What net-istio labels them by.
const INGRESS: &str = "networking.internal.knative.dev/ingress";
/// What KServe labels its services by, and so all that is made of them.
const INFERENCE_SERVICE: &str = "serving.kserve.io/inferenceservice";

type Lists = BTreeMap<ObjectKey, BTreeSet<Role>>;

pub(super) struct Placements {
    api: Api,
    read: Option<(Instant, Option<Arc<Vec<Placement>>>)>,
    /// The gateways that were named when they were read.
    lists: Lists,
    throttle: Throttle,
}

impl Placements {
    pub(super) fn new(api: Api) -> Self {
        Self { api, read: None, lists: Lists::new(), throttle: Throttle::default() }
    }

    /// When they are to be read next.
    pub(super) fn due(&self, is_behind: bool) -> Duration {
        let Some((at, _)) = &self.read else { return Duration::ZERO };
        let period = if is_behind { FOLLOWING } else { PERIOD };
        period.saturating_sub(at.elapsed())
    }

    /// What is known, read anew where it is time; `None` where it may not be read or is not installed.
    pub(super) async fn current(&mut self, is_behind: bool) -> Option<Arc<Vec<Placement>>> {
        if self.due(is_behind).is_zero() {
            let read = match self.list().await {
                Ok(placements) => Some(Arc::new(placements)),
                Err(ApiError::NotFound) => None,
                Err(error) => {
                    if let Some(withheld) = self.throttle.pass("placements") {
                        tracing::warn!(
                            withheld,
                            "where net-istio has put services is not known: {error}; grant \"list\" on \
                             virtualservices.networking.istio.io"
                        );
                    }
                    None
                }
            };
            self.read = Some((Instant::now(), read));
        }
        self.read.as_ref().and_then(|(_, read)| read.clone())
    }

    /// Notes which gateways are named now, and says whether they are others than before: what is known is of no use then.
    pub(super) fn note(&mut self, gateways: &[Listed]) -> bool {
        let lists: Lists = gateways.iter().map(|listed| (listed.key.clone(), listed.roles.clone())).collect();
        let is_first = self.lists.is_empty();
        if lists == self.lists {
            return false;
        }
        self.lists = lists;
        if !is_first {
            // As if they had been read long enough ago to be read again after a while, and nothing known till then.
            let read = Instant::now().checked_sub(PERIOD.saturating_sub(FOLLOWING));
            self.read = Some((read.unwrap_or_else(Instant::now), None));
        }
        !is_first
    }

    async fn list(&self) -> Result<Vec<Placement>, ApiError> {
        let mut placements = Vec::new();
        let mut next = String::new();
        for _ in 0..PAGES {
            let selector = INGRESS.replace('/', "%2F");
            let path = format!(
                "/apis/networking.istio.io/v1beta1/virtualservices?labelSelector={selector}&limit={PAGE}&continue={next}"
            );
            let page = self.api.get(&path).await?;
            placements.extend(page["items"].as_array().into_iter().flatten().filter_map(placement));
            next = encoded(page["metadata"]["continue"].as_str().unwrap_or_default());
            if next.is_empty() {
                break;
            }
        }
        Ok(placements)
    }
}

/// Where a VirtualService for gateways puts its service; there is another one for the mesh.
fn placement(virtual_service: &Value) -> Option<Placement> {
    let metadata = &virtual_service["metadata"];
    let namespace = metadata["namespace"].as_str()?;
    let gateways = virtual_service["spec"]["gateways"].as_array()?.iter().filter_map(Value::as_str);
    let gateways = gateways.filter(|gateway| *gateway != "mesh").map(|gateway| GatewayRef::resolve(gateway, namespace));
    let gateways: Vec<_> = gateways.collect();
    let labels = &metadata["labels"];
    let name = labels[INFERENCE_SERVICE].as_str().or_else(|| labels[INGRESS].as_str())?;
    (!gateways.is_empty()).then(|| Placement { namespace: namespace.into(), name: name.into(), gateways })
}

/// A continue token as part of a query.
fn encoded(token: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    token.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_virtual_service_for_gateways_says_where_its_service_is() {
        let made = json!({
            "metadata": {
                "name": "iris-predictor-ingress", "namespace": "models",
                "labels": {INGRESS: "iris-predictor", INFERENCE_SERVICE: "iris"},
            },
            "spec": {"gateways": ["knative-serving/knative-local-gateway"]},
        });
        let placement = placement(&made).unwrap();
        assert_eq!((&*placement.namespace, &*placement.name), ("models", "iris"));
        assert_eq!(placement.gateways[0].to_string(), "knative-serving/knative-local-gateway");
        let mesh = json!({"metadata": made["metadata"], "spec": {"gateways": ["mesh"]}});
        assert_eq!(super::placement(&mesh), None);
        assert_eq!(encoded("a=+/"), "a%3D%2B%2F");
    }
}
