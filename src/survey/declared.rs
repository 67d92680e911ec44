use super::{Declaration, InForce, Standing, State};
use crate::exception::{Declared, Mistake, Moment, Policy, Transition, is_beyond_exceptions};
use crate::finding::{Finding, Severity};
use crate::object::{Kind, ObjectKey};
use crate::rules;
use crate::view::Snapshot;

/// The kinds on which a declaration counts.
const KINDS: [Kind; 4] = [Kind::ConfigMap, Kind::KnativeServing, Kind::IstioGateway, Kind::Service];

/// What the objects of a cluster declare.
pub(super) struct Everything {
    pub(super) transitions: Vec<Declaration>,
    pub(super) suppressions: Vec<InForce>,
    /// What was written to declare something, and does not.
    mistakes: Vec<Finding>,
    /// What each transition's object is the reason of, in the order of the transitions.
    broken: Vec<Vec<Finding>>,
}

pub(super) fn read(snapshot: &Snapshot, policy: &Policy, now: Moment) -> Everything {
    let mut everything =
        Everything { transitions: Vec::new(), suppressions: Vec::new(), mistakes: Vec::new(), broken: Vec::new() };
    for (key, object) in KINDS.into_iter().flat_map(|kind| snapshot.objects_of(kind)) {
        let declared = Declared::on(object);
        everything.suppressions.extend(declared.suppressions.into_iter().map(|suppression| InForce {
            object: key.clone(),
            code: suppression.code,
            reason: suppression.reason,
            findings: 0,
        }));
        for futile in &declared.futile {
            let reason = object.meta().annotations.get(&futile.key).map_or("", |reason| reason);
            everything.mistakes.push(rules::futile_found(key, futile, reason));
        }
        match declared.transition {
            Some(Ok(transition)) if transition.until > now.after(policy.longest) => {
                everything.mistaken(key, &Mistake::TooLong(transition), policy, now);
            }
            Some(Ok(transition)) => everything.declare(key, transition, now),
            Some(Err(mistake)) => everything.mistaken(key, &mistake, policy, now),
            None => {}
        }
    }
    everything
        .transitions
        .sort_by(|one, other| (&one.transition.name, &one.object).cmp(&(&other.transition.name, &other.object)));
    everything.broken = vec![Vec::new(); everything.transitions.len()];
    everything
}

impl Everything {
    fn declare(&mut self, key: &ObjectKey, transition: Transition, now: Moment) {
        let state = if transition.until > now { State::Open } else { State::Done };
        let broken = std::collections::BTreeSet::new();
        self.transitions.push(Declaration { object: key.clone(), transition, state, broken });
    }

    /// No write is refused here: what declares nothing is worth a warning.
    fn mistaken(&mut self, key: &ObjectKey, mistake: &Mistake, policy: &Policy, now: Moment) {
        let finding = rules::mistaken(key, mistake, policy, now);
        self.mistakes.push(Finding { severity: Severity::Warning, ..finding });
    }

    /// Whether a finding counts; what stands against it takes note of it.
    pub(super) fn standing_of(&mut self, finding: &Finding, now: Moment) -> Standing {
        if is_beyond_exceptions(finding) {
            return Standing::Plain;
        }
        let mut standing = Standing::Plain;
        let of_code = self.suppressions.iter_mut().filter(|suppression| suppression.code == finding.code);
        for suppression in of_code.filter(|suppression| points_at(finding, &suppression.object)) {
            suppression.findings += 1;
            standing = Standing::Suppressed(suppression.reason.clone());
        }
        if standing != Standing::Plain || finding.severity != Severity::Error {
            return standing;
        }
        for (declaration, broken) in self.transitions.iter_mut().zip(&mut self.broken) {
            if !is_about(finding, &declaration.object) {
                continue;
            }
            declaration.broken.insert(finding.code);
            broken.push(finding.clone());
            if declaration.transition.until > now {
                standing = Standing::Excepted(declaration.transition.clone());
            } else {
                declaration.state = State::Overdue;
            }
        }
        standing
    }

    /// What there is to say of the declarations themselves.
    pub(super) fn tell(&mut self, now: Moment) -> Vec<Finding> {
        let mut told = std::mem::take(&mut self.mistakes);
        for (declaration, broken) in self.transitions.iter().zip(&self.broken) {
            let broken: Vec<&Finding> = broken.iter().collect();
            let (object, transition) = (&declaration.object, &declaration.transition);
            told.push(match declaration.state {
                State::Open => rules::open(object, transition, &broken, now),
                State::Overdue | State::Done => rules::overdue(object, transition, &broken),
            });
        }
        told
    }
}

/// Whether a field of the object is among those that say so.
fn points_at(finding: &Finding, object: &ObjectKey) -> bool {
    finding.site.object == *object || finding.related.iter().any(|(site, _)| site.object == *object)
}

/// The same, or changing the object would mend it.
fn is_about(finding: &Finding, object: &ObjectKey) -> bool {
    points_at(finding, object) || finding.remedies.iter().any(|remedy| remedy.object == *object)
}
