//! `PL7xx`: what is declared on an object to make an exception, rightly or not.

mod futile;
mod incomplete;
mod name;
mod open;
mod over;
mod permission;
mod time;
mod too_long;

pub(crate) use futile::{futile, futile_found};
pub(crate) use open::{beyond, open};
pub(crate) use over::{over, overdue};
pub(crate) use permission::{not_asked, not_permitted};

pub(super) use futile::FUTILE;
pub(super) use incomplete::INCOMPLETE;
pub(super) use name::NAME;
pub(super) use open::OPEN;
pub(super) use over::OVER;
pub(super) use permission::NOT_PERMITTED;
pub(super) use time::TIME;
pub(super) use too_long::TOO_LONG;

use std::collections::BTreeSet;

use super::{Rule, remedy};
use crate::exception::{Mistake, Moment, Policy, Span, TRANSITION, TRANSITION_UNTIL, Transition};
use crate::finding::{Affected, Finding};
use crate::object::{FieldPath, ObjectKey, Site};

/// How far ahead the times are that messages propose, at most.
const PROPOSED: Span = Span(1_800);

/// Explains what is wrong with a declaration.
pub(crate) fn mistaken(changed: &ObjectKey, mistake: &Mistake, policy: &Policy, now: Moment) -> Finding {
    let example = now.after(policy.longest.min(PROPOSED)).to_string();
    match mistake {
        Mistake::Endless => incomplete::missing(changed, TRANSITION_UNTIL, TRANSITION, &example),
        Mistake::Nameless => incomplete::missing(changed, TRANSITION, TRANSITION_UNTIL, "move-to-custom-gateway"),
        Mistake::Name(name) => name::malformed(changed, name),
        Mistake::Time(time) => time::malformed(changed, time, &example),
        Mistake::TooLong(transition) | Mistake::Over(transition) => {
            too_long::too_far_ahead(changed, transition, policy, now)
        }
    }
}

/// A transition in a sentence.
pub(crate) fn named(transition: &Transition, now: Moment) -> String {
    format!("transition {}, until {},", transition.name, transition.until.told_at(now))
}

/// The codes of findings, each once.
fn codes(findings: &[&Finding]) -> String {
    let codes: BTreeSet<String> = findings.iter().map(|finding| finding.code.to_string()).collect();
    codes.into_iter().collect::<Vec<_>>().join(", ")
}

fn annotation(changed: &ObjectKey, key: &str) -> Site {
    changed.site(FieldPath::of("metadata.annotations").key(key))
}

/// A finding about a declaration, which concerns nobody but its author.
fn finding(
    rule: &Rule,
    site: Site,
    says: &str,
    message: String,
    remedies: impl IntoIterator<Item = String>,
) -> Finding {
    let object = site.object.clone();
    Finding {
        code: rule.code,
        severity: rule.severity,
        hop: None,
        reason: "exception",
        symptom: "the transition does not count",
        message,
        site,
        says: says.to_owned(),
        related: Vec::new(),
        remedies: remedies.into_iter().map(|text| remedy::by_hand(&object, text)).collect(),
        affected: Affected::default(),
    }
}
