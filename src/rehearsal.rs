//! A set of writes before anybody makes them: one after the other, as the webhook would judge them, and all at once.
//!
//! A set can be sound and its order not, which no single verdict tells. What is refused is not written, and the next write is
//! judged without it, as for a client that goes on.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Actor, Change, JudgeSettings, Judgement, Verdict, judge_on, projected};
use crate::exception::{Moment, Permission, Policy, Question, Ruling, Weighed, is_about_exceptions, weigh};
use crate::model::Object;
use crate::object::ObjectKey;
use crate::view::{Need, Snapshot, View};

/// How a set of writes would go.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Each write, in order.
    pub steps: Vec<Step>,
    /// All of them at once, without exceptions.
    pub whole: Judgement,
    /// What all of this rests on.
    pub needs: BTreeSet<Need>,
}

/// One write of the set.
#[derive(Clone, Debug)]
pub struct Step {
    /// The object written.
    pub key: ObjectKey,
    /// What the webhook would say.
    pub ruling: Ruling,
}

/// What the verdicts depend on beside the cluster and the set.
#[derive(Clone, Debug)]
pub struct Conditions<'a> {
    /// Of the judgement.
    pub settings: &'a JudgeSettings,
    /// Of transitions.
    pub policy: &'a Policy,
    /// When the writes are made.
    pub now: Moment,
    /// Whether the writer may declare the transition on an object, where that was asked.
    pub permissions: &'a BTreeMap<ObjectKey, (Question, Permission)>,
}

/// Rehearses writes of these objects in this order.
#[must_use]
pub fn rehearse(snapshot: &Snapshot, objects: &[(ObjectKey, Object)], conditions: &Conditions<'_>) -> Rehearsal {
    let cluster = View::of(snapshot);
    let at_once: Vec<Change> = objects.iter().map(|(key, object)| write(&cluster, key, object)).collect();
    let whole = judge_on(&cluster, &at_once, conditions.settings);
    let mut needs = whole.needs.clone();
    // What is there already has to be known, and known afresh.
    needs.extend(objects.iter().map(|(key, _)| Need::Object(key.clone())));
    let mut steps = Vec::new();
    let mut cluster = cluster;
    for (key, object) in objects {
        let change = write(&cluster, key, object);
        let judgement = judge_on(&cluster, std::slice::from_ref(&change), conditions.settings);
        needs.extend(judgement.needs.iter().cloned());
        let ruling = conditions.rule(judgement, &change);
        if ruling.judgement.verdict == Verdict::Allow {
            for (key, object) in projected(&cluster, &change) {
                cluster = cluster.with(key, object);
            }
            needs.extend(cluster.needs());
            cluster = cluster.with(change.key, change.after);
        }
        steps.push(Step { key: key.clone(), ruling });
    }
    Rehearsal { steps, whole, needs }
}

/// The write of an object to a cluster.
fn write(cluster: &View<'_>, key: &ObjectKey, object: &Object) -> Change {
    let before = cluster.object(key).present();
    let created = before.as_ref().and_then(|before| before.meta().created);
    Change { key: key.clone(), before, after: Some(object.clone().created(created)), actor: Actor::Anybody }
}

impl Conditions<'_> {
    fn rule(&self, judgement: Judgement, change: &Change) -> Ruling {
        match weigh(judgement, change, self.policy, self.now) {
            Weighed::Settled(ruling) => ruling,
            Weighed::Covered(covered) => {
                let unasked = || (covered.question(None), Permission::Unasked("nobody was asked".to_owned()));
                let (question, permission) = self.permissions.get(&change.key).cloned().unwrap_or_else(unasked);
                covered.decide(&question, permission)
            }
        }
    }
}

impl Rehearsal {
    /// Whether the set, once it is written, cuts nothing.
    #[must_use]
    pub fn is_set_sound(&self) -> bool {
        self.whole.verdict == Verdict::Allow
    }

    /// The writes that would be refused, each with its place in the order, from 1.
    pub fn refused(&self) -> impl Iterator<Item = (usize, &Step)> {
        let numbered = self.steps.iter().enumerate().map(|(index, step)| (index + 1, step));
        numbered.filter(|(_, step)| step.ruling.judgement.verdict == Verdict::Deny)
    }

    /// Whether it is the order alone that is wrong.
    #[must_use]
    pub fn is_order_unsound(&self) -> bool {
        let cuts =
            |step: &Step| step.ruling.judgement.findings.iter().any(|finding| !is_about_exceptions(finding.code));
        self.is_set_sound() && self.refused().any(|(_, step)| cuts(step))
    }

    /// Whether nothing is refused because something is declared.
    #[must_use]
    pub fn is_excepted(&self) -> bool {
        self.refused().next().is_none() && self.steps.iter().any(|step| step.ruling.is_exception())
    }
}
