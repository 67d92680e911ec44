//! What is told of a write that an exception lets through: one line each, the code first.

use super::denial;
use super::words::who;
use crate::engine::Warning;
use crate::exception::{Moment, Ruling};
use crate::quote;
use crate::rules;

/// The longest part of a reason that fits a warning.
const REASON: usize = 60;

/// The warnings of a ruling that admits a write: those of its exceptions, and what was judged besides.
#[must_use]
pub fn warnings(ruling: &Ruling, now: Moment) -> Vec<Warning> {
    let mut warnings = declared(ruling, now);
    warnings.extend(ruling.judgement.warnings.iter().cloned());
    warnings
}

/// The warnings of exceptions alone: what stays broken and until when, what is suppressed and why, what has no effect.
#[must_use]
pub fn declared(ruling: &Ruling, now: Moment) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(transition) = ruling.transition.as_ref().filter(|_| ruling.is_exception()) {
        let until = transition.until.told_at(now);
        let broken = denial::consequence_of(ruling.covered.iter());
        let text = format!("transition {}, until {until}: this {broken}", transition.name);
        warnings.push(Warning { code: rules::TRANSITION_OPEN, text });
        warnings.extend(ruling.covered.iter().map(|finding| {
            let hop = finding.hop.map(|hop| format!(" at {}", hop.label())).unwrap_or_default();
            let text = format!("broken{hop} until {until} for {}: {}", who(&finding.affected), finding.message);
            Warning { code: finding.code, text }
        }));
    }
    if ruling.is_exception() {
        let mut told = Vec::new();
        for (finding, suppression) in &ruling.suppressed {
            if !told.contains(&suppression.code) {
                told.push(suppression.code);
                let reason = quote::shortened(&quote::escaped(&suppression.reason), REASON);
                let text = format!("suppressed on this object, since \"{reason}\"");
                warnings.push(Warning { code: suppression.code, text });
            }
            let text = format!("broken for {}: {}", who(&finding.affected), finding.message);
            warnings.push(Warning { code: finding.code, text });
        }
    }
    let remarks = ruling.remarks.iter();
    warnings.extend(remarks.map(|remark| Warning { code: remark.code, text: remark.text.clone() }));
    warnings
}
