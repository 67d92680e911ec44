//! What the declared exceptions make of a judgement.

use std::sync::Arc;

use super::{Declared, Mistake, Moment, Permission, Policy, Question, Suppression, Transition, transition};
use crate::engine::{Actor, Change, Judgement, Verdict, is_judged};
use crate::finding::{Code, Finding};
use crate::model::Object;
use crate::object::ObjectKey;
use crate::rules::{self, Family};

/// A judgement with its exceptions applied.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The judgement: what is admitted is no finding any more.
    pub judgement: Judgement,
    /// The transition that lets the change through.
    pub transition: Option<Transition>,
    /// What it lets through, worst first.
    pub covered: Vec<Finding>,
    /// What suppressions let through, worst first.
    pub suppressed: Vec<(Finding, Suppression)>,
    /// One-line remarks: on a denial, why its exceptions do not help; else what declares nothing.
    pub remarks: Vec<Remark>,
}

/// One line about what is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The code whose page explains more.
    pub code: Code,
    /// The line, without the code.
    pub text: String,
}

/// A judgement on which the exceptions have been tried.
#[derive(Clone, Debug)]
pub enum Weighed {
    /// Nothing is left to find out.
    Settled(Ruling),
    /// A transition would let the change through, if the user may declare it.
    Covered(Covered),
}

/// A change that waits for the user's right to declare its transition.
#[derive(Clone, Debug)]
pub struct Covered {
    ruling: Ruling,
    changed: ObjectKey,
    transition: Transition,
    now: Moment,
}

/// Tries the exceptions that the object under review declares on what was found.
///
/// A mistake in a declaration is refused where the write brings it, or would need the transition; an object that merely keeps
/// one must stay writable. A transition that is over is never refused for itself: every transition is over one day, and an
/// object that is created again by self-healing, a rollback or a restore still carries it.
#[must_use]
pub fn weigh(judgement: Judgement, change: &Change, policy: &Policy, now: Moment) -> Weighed {
    let mut ruling = Ruling::of(judgement);
    let Some(object) = change.after.as_ref().or(change.before.as_ref()) else { return Weighed::Settled(ruling) };
    let declared = Declared::on(object);
    if declared == Declared::default() || change.actor != Actor::Anybody || !is_judged(change) {
        return Weighed::Settled(ruling);
    }
    let is_denied = ruling.judgement.verdict == Verdict::Deny;
    if is_denied || change.after.is_some() {
        ruling.remarks.extend(declared.futile.iter().map(|futile| rules::futile(&change.key, futile)));
    }
    ruling.suppress(&declared.suppressions);
    let Some(transition) = declared.transition else { return Weighed::Settled(ruling) };
    let transition = transition.and_then(|transition| transition.checked(policy, now));
    if ruling.judgement.verdict == Verdict::Allow {
        if let Err(mistake) = transition
            && is_new(object, change)
        {
            ruling.object(change, &mistake, policy, now);
        }
        return Weighed::Settled(ruling);
    }
    let transition = match transition {
        Ok(transition) => transition,
        Err(mistake) => {
            ruling.object(change, &mistake, policy, now);
            return Weighed::Settled(ruling);
        }
    };
    if let Some(remark) = rules::beyond(&transition, &ruling.judgement.findings, now) {
        ruling.remarks.push(remark);
        return Weighed::Settled(ruling);
    }
    let covered = Covered { ruling, changed: change.key.clone(), transition, now };
    if policy.require_rbac { Weighed::Covered(covered) } else { Weighed::Settled(covered.admit()) }
}

/// Whether the write brings what the object declares.
fn is_new(object: &Object, change: &Change) -> bool {
    let old = change.before.as_ref().filter(|_| change.after.is_some());
    match (old, &change.after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(_)) => !transition::is_same(&old.meta().annotations, &object.meta().annotations),
    }
}

impl Transition {
    /// The transition, if it is open now.
    fn checked(self, policy: &Policy, now: Moment) -> Result<Self, Mistake> {
        if self.until <= now {
            Err(Mistake::Over(self))
        } else if self.until > now.after(policy.longest) {
            Err(Mistake::TooLong(self))
        } else {
            Ok(self)
        }
    }
}

impl Ruling {
    /// A judgement without exceptions.
    #[must_use]
    pub fn of(judgement: Judgement) -> Self {
        Self { judgement, transition: None, covered: Vec::new(), suppressed: Vec::new(), remarks: Vec::new() }
    }

    /// Whether the change is admitted although it breaks something.
    #[must_use]
    pub fn is_exception(&self) -> bool {
        self.judgement.verdict == Verdict::Allow && !(self.covered.is_empty() && self.suppressed.is_empty())
    }

    /// The verdict in one word.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        let is_silent = self.judgement.warnings.is_empty() && self.remarks.is_empty();
        match self.judgement.verdict {
            Verdict::Deny => "deny",
            Verdict::Allow if self.is_exception() => "excepted",
            Verdict::Allow if is_silent => "allow",
            Verdict::Allow => "warn",
        }
    }

    /// The codes of everything that was found, worst first, and then of what is remarked.
    #[must_use]
    pub fn codes(&self) -> Vec<Code> {
        let admitted = self.covered.iter().chain(self.suppressed.iter().map(|(finding, _)| finding));
        let found = self.judgement.findings.iter().chain(admitted).map(|finding| finding.code);
        let open = self.transition.iter().map(|_| rules::TRANSITION_OPEN);
        let remarks = self.remarks.iter().map(|remark| remark.code);
        open.chain(found).chain(remarks).chain(self.judgement.warnings.iter().map(|warning| warning.code)).collect()
    }

    fn suppress(&mut self, suppressions: &[Suppression]) {
        let of = |code: Code| suppressions.iter().find(|suppression| suppression.code == code);
        let findings = std::mem::take(&mut self.judgement.findings);
        for finding in findings {
            match of(finding.code) {
                Some(suppression) => self.suppressed.push((finding, suppression.clone())),
                None => self.judgement.findings.push(finding),
            }
        }
        self.judgement.warnings.retain(|warning| of(warning.code).is_none());
        if self.judgement.findings.is_empty() {
            self.judgement.verdict = Verdict::Allow;
        }
    }

    /// Takes a declaration for what it is: a mistake. One that is over is only remarked upon.
    fn object(&mut self, change: &Change, mistake: &Mistake, policy: &Policy, now: Moment) {
        if let Mistake::Over(transition) = mistake {
            self.remarks.push(rules::over(transition));
            return;
        }
        self.judgement.verdict = Verdict::Deny;
        self.judgement.findings.push(rules::mistaken(&change.key, mistake, policy, now));
    }
}

impl Covered {
    /// What there is to find out.
    #[must_use]
    pub fn question(&self, asker: Option<super::Asker>) -> Question {
        let namespace: Arc<str> = self.changed.namespace.clone();
        Question { asker, namespace, transition: self.transition.name.clone() }
    }

    /// Rules by the answer. A break that is proven stays refused where nobody could say whether it may be excepted.
    #[must_use]
    pub fn decide(mut self, question: &Question, permission: Permission) -> Ruling {
        match permission {
            Permission::Granted => return self.admit(),
            Permission::Refused => {
                let finding = rules::not_permitted(&self.changed, question, &self.transition, self.now);
                self.ruling.judgement.findings.push(finding);
            }
            Permission::Unasked(why) => {
                self.ruling.remarks.push(rules::not_asked(question, &self.transition, self.now, &why));
            }
        }
        self.ruling
    }

    fn admit(mut self) -> Ruling {
        self.ruling.judgement.verdict = Verdict::Allow;
        self.ruling.covered = std::mem::take(&mut self.ruling.judgement.findings);
        self.ruling.transition = Some(self.transition);
        self.ruling
    }
}

/// Whether no exception may cover a finding.
#[must_use]
pub(crate) fn is_beyond_exceptions(finding: &Finding) -> bool {
    rules::rule(finding.code).is_none_or(|rule| rule.family() == Family::Configuration)
}

/// Whether a code is about what is declared, not about requests.
#[must_use]
pub(crate) fn is_about_exceptions(code: Code) -> bool {
    rules::rule(code).is_some_and(|rule| rule.family() == Family::Exception)
}

#[cfg(test)]
mod tests;
