//! temp
use crate::finding::*;
use crate::model::go_struct::*;
use crate::object::*;
use crate::view::View;
use crate::walk::*;
/// t
pub const CONTROLLER_ERROR: &str = "controller-error";
/// t
pub const CANNOT_BE_PROVEN: Code = Code(601);
/// t
pub fn explain_refusal(key: &ObjectKey, r: &Refusal) -> Finding {
    Finding {
        code: Code(1),
        severity: Severity::Error,
        hop: None,
        reason: CONTROLLER_ERROR,
        message: r.message.clone(),
        site: key.site(r.path.clone()),
        related: vec![],
        remedies: vec![],
        affected: Affected::default(),
    }
}
/// t
pub fn explain_break(_v: &View<'_>, _w: &Walk, b: &Break, _f: &ClusterFacts) -> Finding {
    let dest = b.hop == Hop::Destination;
    let reason = match &b.cause {
        Cause::NameUnresolvable { .. } => "no-such-name",
        Cause::ServiceMissing { .. } => {
            if dest {
                "upstream-no-such-service"
            } else {
                "no-such-service"
            }
        }
        Cause::PortMissing { .. } => {
            if dest {
                "upstream-no-such-service"
            } else {
                "service-port-missing"
            }
        }
        Cause::NoPods { .. } => {
            if dest {
                "upstream-no-endpoints"
            } else {
                "service-no-endpoints"
            }
        }
        Cause::Hidden { .. } | Cause::UnknownDestination { .. } => "upstream-no-such-service",
        Cause::NoListener(_) => "no-listener",
        Cause::NotHttp { .. } => "not-http",
        Cause::NoVirtualHost(_) => "no-virtual-host",
        Cause::Redirect { .. } => "tls-redirect",
        Cause::Refused { .. } | Cause::ConfigMissing { .. } => "controller-error",
        Cause::NoEntry { .. } => "no-external-entry",
        Cause::NoGatewayConfigured { .. } => "no-virtual-host",
        Cause::GatewayMissing { .. } | Cause::ProbeNotCovered { .. } => "not-ready",
    };
    Finding {
        code: Code(100),
        severity: Severity::Error,
        hop: Some(b.hop),
        reason,
        message: format!("{:?}", b.cause).chars().take(300).collect(),
        site: b.site.clone(),
        related: vec![],
        remedies: vec![],
        affected: Affected::default(),
    }
}
/// t
pub const RULES: &[Rule] = &[];
/// t
#[derive(Debug)]
pub struct Rule {
    /// t
    pub code: Code,
    /// t
    pub name: &'static str,
    /// t
    pub summary: &'static str,
}
/// t
pub fn rule(_: Code) -> Option<&'static u8> {
    None
}
