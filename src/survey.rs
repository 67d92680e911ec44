//! A cluster as it stands, and what of it is excepted: what the audit has to say.
//!
//! Nothing is written here, so nobody's declaration lets anything through. What is declared on an object holds for the
//! findings that point at it: an open transition until its end, a suppression for good.
//!
//! Pure: what time it is, is told from outside.

mod declared;
mod drift;
mod gateways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use drift::Placement;
pub use gateways::{Listed, Role};

use crate::engine::{JudgeSettings, Walked, inspect};
use crate::exception::{Moment, Policy, Transition};
use crate::finding::{Code, Finding, Severity};
use crate::object::ObjectKey;
use crate::view::{Need, Snapshot};
use crate::walk::End;

/// What there is to say of a cluster.
#[derive(Clone, Debug)]
pub struct Survey {
    /// When it was looked at.
    pub at: Moment,
    /// What was found: what counts first, the worst of it at the top.
    pub entries: Vec<Entry>,
    /// The transitions that objects declare, by name.
    pub transitions: Vec<Declaration>,
    /// The suppressions in force.
    pub suppressions: Vec<InForce>,
    /// The gateways that requests pass, or should.
    pub gateways: Vec<Listed>,
    /// Every request that was walked.
    pub walks: Vec<Walked>,
    /// Why some requests can be judged neither way.
    pub unknown: BTreeSet<String>,
    /// Whether it was looked at where net-istio has put each service.
    pub is_drift_known: bool,
    /// How many InferenceServices there are.
    pub inference_services: usize,
    /// What all of this rests on.
    pub needs: BTreeSet<Need>,
}

/// A finding, and whether it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The finding.
    pub finding: Finding,
    /// Whether it counts.
    pub standing: Standing,
}

/// Whether a finding counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Plain,
    /// Not before the end of this transition.
    Excepted(Transition),
    /// It does not, for this reason.
    Suppressed(Arc<str>),
}

/// A transition that an object declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The object.
    pub object: ObjectKey,
    /// The transition.
    pub transition: Transition,
    /// How it stands.
    pub state: State,
    /// The codes of what is broken under it.
    pub broken: BTreeSet<Code>,
}

/// How a transition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Its time is over, and something is broken still.
    Overdue,
    /// It has time left.
    Open,
    /// Its time is over, and nothing is broken.
    Done,
}

/// A suppression that an object makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The object.
    pub object: ObjectKey,
    /// The code.
    pub code: Code,
    /// The reason given.
    pub reason: Arc<str>,
    /// How many findings it takes out at present.
    pub findings: usize,
}

impl Standing {
    /// One lower-case word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Excepted(_) => "excepted",
            Self::Suppressed(_) => "suppressed",
        }
    }
}

impl State {
    /// One lower-case word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Open => "open",
            Self::Done => "done",
        }
    }
}

impl Survey {
    /// The findings of a severity that count.
    pub fn plain(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        let counts = move |entry: &&Entry| entry.standing == Standing::Plain && entry.finding.severity == severity;
        self.entries.iter().filter(counts).map(|entry| &entry.finding)
    }

    /// Whether requests fail, or a controller refuses its configuration, and nothing excepts it.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.plain(Severity::Error).next().is_some()
    }

    /// Whether two looks at a cluster have the same to say.
    #[must_use]
    pub fn says_as(&self, other: &Self) -> bool {
        (&self.entries, &self.transitions, &self.suppressions)
            == (&other.entries, &other.transitions, &other.suppressions)
            && (&self.unknown, self.is_drift_known) == (&other.unknown, other.is_drift_known)
    }

    /// How many transitions stand so; the objects of one count once.
    #[must_use]
    pub fn transitions_that_are(&self, state: State) -> usize {
        let those = self.transitions.iter().filter(|declaration| declaration.state == state);
        those.map(|declaration| &declaration.transition.name).collect::<BTreeSet<_>>().len()
    }

    /// How many findings there are of each code, severity and standing.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(Code, Severity, &'static str), usize> {
        let mut counts = BTreeMap::new();
        for Entry { finding, standing } in &self.entries {
            *counts.entry((finding.code, finding.severity, standing.name())).or_default() += 1;
        }
        counts
    }
}

/// Looks at a cluster as it stands, and at where net-istio has put each service where that is known.
#[must_use]
pub fn survey(
    snapshot: &Snapshot,
    settings: &JudgeSettings,
    policy: &Policy,
    now: Moment,
    placements: Option<&[Placement]>,
) -> Survey {
    let mut inspected = inspect(snapshot, settings);
    let behind = placements.and_then(|placements| drift::left_behind(snapshot, &inspected.facts, placements));
    inspected.findings.extend(behind);
    let mut declared = declared::read(snapshot, policy, now);
    let entries = inspected.findings.into_iter().map(|finding| {
        let standing = declared.standing_of(&finding, now);
        Entry { finding, standing }
    });
    let mut entries: Vec<Entry> = entries.collect();
    let told = declared.tell(now).into_iter().map(|finding| Entry { finding, standing: Standing::Plain });
    entries.extend(told);
    entries.sort_by_key(|entry| (entry.standing != Standing::Plain, entry.finding.rank()));
    let unknown = inspected.walks.iter().filter_map(|walked| match &walked.traced.walk.end {
        End::Unknown { why, .. } => Some(why.clone()),
        End::Reached | End::Broken(_) | End::NotMade => None,
    });
    Survey {
        at: now,
        entries,
        unknown: unknown.collect(),
        is_drift_known: placements.is_some(),
        gateways: gateways::listed(snapshot, &inspected.facts),
        walks: inspected.walks,
        inference_services: snapshot.population().len(),
        needs: inspected.needs,
        transitions: declared.transitions,
        suppressions: declared.suppressions,
    }
}

#[cfg(test)]
mod tests;
