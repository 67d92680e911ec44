//! Where the requests of a small cluster end, in a few words.

use plumbline::engine::{JudgeSettings, walks_of};
use plumbline::view::View;
use plumbline::walk::{Cause, End, RequestKind};

use crate::cluster::Cluster;

/// Where one request of an InferenceService ends: `reached`, `not made`, `unknown`, or the hop and the cause.
pub(crate) fn outcome(cluster: &Cluster, settings: &JudgeSettings, service: &str, kind: &RequestKind) -> String {
    let (namespace, name) = service.split_once('/').expect("namespace/name");
    let snapshot = cluster.snapshot();
    let (_, walks) = walks_of(&View::of(&snapshot), settings, namespace, name);
    let walk = walks.iter().map(|traced| &traced.walk).find(|walk| walk.request.kind == *kind);
    describe(&walk.expect("a request of that kind").end)
}

/// The end of a walk in a few words.
fn describe(end: &End) -> String {
    let found = match end {
        End::Reached => return "reached".to_owned(),
        End::NotMade => return "not made".to_owned(),
        End::Unknown { .. } => return "unknown".to_owned(),
        End::Broken(found) => found,
    };
    let cause = match &found.cause {
        Cause::NameUnresolvable { .. } => "no such name",
        Cause::ServiceMissing { .. } => "no such service",
        Cause::PortMissing { .. } => "no such port",
        Cause::NoPods { .. } => "no pods",
        Cause::Hidden { .. } => "hidden",
        Cause::UnknownDestination { .. } => "unknown destination",
        Cause::NoListener(_) => "no listener",
        Cause::NotHttp { .. } => "not HTTP",
        Cause::NoVirtualHost(_) => "no virtual host",
        Cause::Redirect { .. } => "redirect",
        Cause::Refused { .. } => "refused",
        Cause::ConfigMissing { .. } => "no configuration",
        Cause::NoEntry { .. } => "no entry",
        Cause::NameGone { .. } => "no such public name",
        Cause::NoGatewayConfigured { .. } => "no gateway configured",
        Cause::GatewayMissing { .. } => "no such gateway",
        Cause::ProbeNotCovered { .. } => "probe not covered",
    };
    let hop = found.hop.label().split(' ').next().unwrap_or_default();
    let partial = if found.partial { " (partly)" } else { "" };
    format!("{hop} {cause}{partial}")
}
