//! `PL5xx`: who owns an object, and what a change does not do although it looks as if it did.

mod direct;
mod entry_service;
mod example;
mod look_alike;
mod not_moved;
mod operator_edit;
mod overrides;

pub use direct::direct_callers;
pub use example::example_edit;
pub(crate) use not_moved::left_behind;

pub(super) use direct::DIRECT_CALLERS;
pub(super) use entry_service::ENTRY_SERVICE_ELSEWHERE;
pub(super) use example::EXAMPLE_EDIT;
pub(super) use look_alike::LOOK_ALIKE_KEY;
pub(super) use not_moved::SERVICES_NOT_MOVED;
pub(super) use operator_edit::OPERATOR_OVERWRITES;
pub(super) use overrides::OVERRIDE_WITHOUT_EFFECT;

use crate::finding::Finding;
use crate::object::ObjectKey;
use crate::walk::Walker;

/// What of a cluster, as it stands, does not do what it seems to (PL502, PL503, PL506, `PL6xx`): no request is cut by it.
#[must_use]
pub fn conditions(walker: &Walker<'_, '_>) -> Vec<Finding> {
    let view = walker.view.fork();
    let walker = &Walker { view: &view, ..*walker };
    let mut findings = misleading(walker);
    findings.extend(super::ambiguities(walker, None));
    findings
}

/// What is written and does not do what it says.
fn misleading(walker: &Walker<'_, '_>) -> Vec<Finding> {
    let mut findings = overrides::without_effect(walker);
    findings.extend(entry_service::elsewhere(walker));
    findings.extend(look_alike::keys(walker));
    findings
}

/// What a change leaves behind beside the requests that it cuts: what will be undone, what does not follow, and the
/// [`conditions`] that it brings.
#[must_use]
pub fn consequences(before: &Walker<'_, '_>, after: &Walker<'_, '_>, changed: &ObjectKey) -> Vec<Finding> {
    let view = after.view.fork();
    let forked = &Walker { view: &view, ..*after };
    let mut findings: Vec<Finding> = operator_edit::undone(before, forked, changed).into_iter().collect();
    findings.extend(not_moved::services(before, forked));
    let view = before.view.fork();
    let before = &Walker { view: &view, ..*before };
    let known = misleading(before);
    let is_new = |finding: &Finding| {
        !known.iter().any(|old| (old.code, &old.site, &old.message) == (finding.code, &finding.site, &finding.message))
    };
    findings.extend(misleading(forked).into_iter().filter(is_new));
    findings.extend(super::ambiguities(forked, Some(before)));
    findings
}
