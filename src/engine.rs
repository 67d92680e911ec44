//! The verdict: what a change would do to requests that work today.
//!
//! Two views are walked, the cluster before and after; what was reached and would be broken is refused, and nothing else
//! (but for configuration that its controller would no longer read). Pure: no clock, no files, no network. The needs in a
//! [`Judgement`] say what it rests on, so that a source can read it afresh and ask again.

mod delta;
mod facts;
mod inspect;
mod stand_in;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use facts::located;
pub(crate) use facts::{KSERVE_CONTROLLER, NET_ISTIO_CONTROLLER};
pub use inspect::{Inspected, Traced, Walked, inspect, walks_of};

use crate::finding::{Affected, Code, Finding};
use crate::model::Object;
use crate::model::version::Release;
use crate::object::{Kind, ObjectKey};
use crate::operator;
use crate::rules;
use crate::view::{Need, Snapshot, View};
use crate::walk::{ClusterFacts, Configuration, RequestKind, Subject, Walker};

/// One write.
#[derive(Clone, Debug)]
pub struct Change {
    /// The object written.
    pub key: ObjectKey,
    /// The object before; `None` when it is created.
    pub before: Option<Object>,
    /// The object after; `None` when it is deleted.
    pub after: Option<Object>,
    /// Who writes.
    pub actor: Actor,
}

/// Who writes, as far as it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// A person or a tool.
    #[default]
    Anybody,
    /// The Knative operator, which follows a KnativeServing that was admitted: reported, never refused, or it would loop.
    Operator,
    /// The garbage collector or the namespace controller: what it deletes is gone already.
    Collector,
}

/// What stands in for InferenceServices where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyntheticPolicy {
    /// A change that leaves no namespace reachable is refused.
    #[default]
    Deny,
    /// It is warned about.
    Warn,
    /// Nothing stands in.
    Off,
}

/// What a verdict depends on beside the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgeSettings {
    /// The cluster's facts; unknown releases are detected.
    pub facts: ClusterFacts,
    /// Namespaces that count as if they held an InferenceService.
    pub namespaces: Vec<Arc<str>>,
    /// What stands in for InferenceServices.
    pub synthetic: SyntheticPolicy,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The write may go on.
    Allow,
    /// The write would cut a request that works, or stop a controller from reading its configuration.
    Deny,
}

/// A verdict and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What the change breaks, worst first; empty when it is allowed.
    pub findings: Vec<Finding>,
    /// What is worth saying of a change that is allowed, most important first.
    pub warnings: Vec<Warning>,
    /// What the verdict rests on.
    pub needs: BTreeSet<Need>,
    /// Requests that would change between reached and broken.
    pub turned: Vec<Turned>,
}

/// One line for the person who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The code whose page explains more.
    pub code: Code,
    /// The line, without the code.
    pub text: String,
}

/// A request that would change between reached and broken, for one of the InferenceServices that share its fate.
#[derive(Clone, Debug)]
pub struct Turned {
    /// The InferenceService that was walked.
    pub subject: Subject,
    /// The request.
    pub kind: RequestKind,
    /// Whether it would be reached after the change.
    pub reached: bool,
    /// Everybody who shares its fate.
    pub affected: Arc<Affected>,
}

impl Judgement {
    fn allowed() -> Self {
        Self {
            verdict: Verdict::Allow,
            findings: Vec::new(),
            warnings: Vec::new(),
            needs: BTreeSet::new(),
            turned: Vec::new(),
        }
    }
}

/// Judges a change to the cluster of a snapshot.
#[must_use]
pub fn judge(snapshot: &Snapshot, change: &Change, settings: &JudgeSettings) -> Judgement {
    judge_set(snapshot, std::slice::from_ref(change), settings)
}

/// Judges changes that are made all at once: a set of manifests laid over a cluster.
#[must_use]
pub fn judge_set(snapshot: &Snapshot, changes: &[Change], settings: &JudgeSettings) -> Judgement {
    judge_on(&View::of(snapshot), changes, settings)
}

/// The same for a cluster to which other changes have been made already.
#[must_use]
pub fn judge_on(cluster: &View<'_>, changes: &[Change], settings: &JudgeSettings) -> Judgement {
    let deciding: Vec<&Change> = changes.iter().filter(|change| can_decide(change)).collect();
    let mut before = cluster.fork();
    for change in &deciding {
        before = before.with(change.key.clone(), change.before.clone());
    }
    let deciding: Vec<&Change> = deciding.into_iter().filter(|change| !is_torn_down(&before, change)).collect();
    if deciding.is_empty() {
        return Judgement::allowed();
    }
    let changed: Vec<&ObjectKey> = deciding.iter().map(|change| &change.key).collect();
    let facts = located(&before, settings.facts.clone(), &changed);
    let mut after = before.fork();
    for change in &deciding {
        for (key, object) in projected(&before, change) {
            after = after.with(key, object);
        }
    }
    // What is written itself wins over what an operator would derive.
    for change in &deciding {
        after = after.with(change.key.clone(), change.after.clone());
    }
    let mut delta = delta::Delta::new(&before, &after, &facts, settings, &changed);
    if delta.is_ambiguous() {
        return judge_each_meaning(cluster, changes, settings);
    }
    delta.compare_configurations();
    delta.compare_requests();
    let by_operator = deciding.iter().all(|change| change.actor == Actor::Operator);
    let moves_nothing = delta.moves_nothing();
    let mut judgement = delta.conclude(&changed, by_operator);
    if moves_nothing && judgement.warnings.is_empty() {
        // No sibling, however fresh, could make a difference.
        return judgement;
    }
    judgement.needs.extend(before.needs());
    judgement.needs.extend(after.needs());
    // The objects under review are known from the review itself.
    judgement.needs.retain(|need| !matches!(need, Need::Object(key) if changed.contains(&key)));
    judgement
}

/// What the Knative operator would write, given a change of a KnativeServing.
#[must_use]
pub fn projected(before: &View<'_>, change: &Change) -> Vec<(ObjectKey, Option<Object>)> {
    let serving = |object: &Option<Object>| match object {
        Some(Object::KnativeServing(serving)) => Some(serving.clone()),
        _ => None,
    };
    match change.key.kind {
        Kind::KnativeServing => {
            operator::project(before, serving(&change.before).as_deref(), serving(&change.after).as_deref())
        }
        _ => Vec::new(),
    }
}

/// Judges under each release of Knative whose meaning of the configuration differs: refused is what every one of them
/// would break.
fn judge_each_meaning(cluster: &View<'_>, changes: &[Change], settings: &JudgeSettings) -> Judgement {
    let under = |release: Release| {
        let mut assumed = settings.clone();
        assumed.facts.versions.knative = Some(release);
        judge_on(cluster, changes, &assumed)
    };
    let (older, mut newer) = (under(EMPTY_LIST_MEANS_DEFAULTS), under(EMPTY_LIST_MEANS_NONE));
    newer.needs.extend(older.needs);
    if older.verdict == newer.verdict {
        return newer;
    }
    let denied = if older.verdict == Verdict::Deny { "before 1.22" } else { "from 1.22 on" };
    newer.verdict = Verdict::Allow;
    newer.turned.clear();
    let broken = older.findings.into_iter().chain(std::mem::take(&mut newer.findings));
    let text =
        |finding: Finding| format!("with Knative {denied} an empty gateway list would break this: {}", finding.message);
    let code = rules::CANNOT_BE_PROVEN;
    newer.warnings.splice(0..0, broken.map(|finding| Warning { code, text: text(finding) }));
    newer
}

/// The last release to which an empty gateway list means the shipped gateways.
const EMPTY_LIST_MEANS_DEFAULTS: Release = Release::new(1, 21);
/// The first to which it means none.
const EMPTY_LIST_MEANS_NONE: Release = Release::new(1, 22);

/// Whether a change can decide anything: one that leaves what is read of the object as it was cannot, nor can one of a kind
/// or name that no walk reads.
fn can_decide(change: &Change) -> bool {
    let is_alike = match (&change.before, &change.after) {
        (Some(before), Some(after)) => before.decides_as(after),
        (before, after) => before == after,
    };
    !is_alike && is_judged(change)
}

/// Whether a write of this object, by whoever writes it, can decide anything at all.
pub(crate) fn is_judged(change: &Change) -> bool {
    if change.actor == Actor::Collector {
        return false;
    }
    match change.key.kind {
        Kind::ConfigMap => crate::model::config_map::is_known(&change.key.name),
        // Its walk is not modelled; an InferenceService's own writes are KServe's business.
        Kind::GatewayApiGateway | Kind::Namespace | Kind::InferenceService => false,
        Kind::IstioGateway => {
            let is_probe = |object: &Option<Object>| matches!(object, Some(Object::IstioGateway(gateway)) if gateway.is_self_probe());
            !is_probe(&change.after) && !is_probe(&change.before)
        }
        Kind::KnativeServing | Kind::Service | Kind::Pod | Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet => {
            true
        }
    }
}

/// Whether the object goes because its whole namespace goes.
fn is_torn_down(view: &View<'_>, change: &Change) -> bool {
    change.after.is_none() && view.is_namespace_terminating(&change.key.namespace)
}

/// What each view says of the configuration, parsed once.
#[derive(Debug)]
struct Side<'a, 'v> {
    view: &'a View<'v>,
    configuration: Configuration,
}

impl<'v> Side<'_, 'v> {
    fn walker<'w>(&'w self, facts: &'w ClusterFacts) -> Walker<'w, 'v> {
        Walker { view: self.view, configuration: &self.configuration, facts }
    }
}
