//! Two views of one cluster, request by request.

mod conclusion;
mod requests;

pub(super) use requests::choices_of;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{JudgeSettings, Side, Turned};
use crate::finding::{Affected, Code, Finding};
use crate::model::go_struct::Refusal;
use crate::model::inference_service::DeploymentMode;
use crate::object::{Kind, ObjectKey, Site};
use crate::rules;
use crate::view::{Lookup, View};
use crate::walk::{ClusterFacts, Configuration, RequestKind};

/// The comparison of a cluster before and after a change.
pub(super) struct Delta<'a, 'v> {
    before: Side<'a, 'v>,
    after: Side<'a, 'v>,
    facts: &'a ClusterFacts,
    settings: &'a JudgeSettings,
    /// Whether only configuration is written, and means what it meant before: every request then goes the way it went,
    /// whatever the rest of the cluster is like.
    moves_nothing: bool,
    /// What the change breaks.
    broken: Findings,
    /// What is lost and nobody's outage.
    lesser: Findings,
    /// What was broken and stays so.
    still_broken: Findings,
    /// What was reached and cannot be proven any more, by why.
    unknown: BTreeMap<String, Crowd>,
    /// What is not judged since something cannot be read, by why.
    unread: BTreeMap<Arc<str>, Crowd>,
    /// What a controller refused and still refuses.
    still_refused: Vec<(ObjectKey, Refusal)>,
    turned: Vec<Turned>,
}

/// Findings, those that say the same of several InferenceServices told once.
#[derive(Default)]
pub(super) struct Findings(BTreeMap<(Code, Site, &'static str), Gathered>);

/// A finding, and who is affected by it.
pub(super) struct Gathered {
    finding: Finding,
    crowd: Crowd,
    requests: BTreeSet<&'static str>,
}

impl Findings {
    /// Adds a finding that concerns nobody in particular.
    pub(super) fn add(&mut self, finding: Finding) -> &mut Gathered {
        let identity = (finding.code, finding.site.clone(), finding.reason);
        match self.0.entry(identity) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                known.finding.absorb(&finding);
                known
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Gathered { finding, crowd: Crowd::default(), requests: BTreeSet::new() })
            }
        }
    }

    /// Adds a finding and those who lose a request of one kind to it.
    pub(super) fn add_for(&mut self, finding: Finding, kind: &RequestKind, cohort: Arc<Affected>) {
        let gathered = self.add(finding);
        gathered.crowd.add(cohort);
        gathered.requests.insert(kind.name());
    }

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings; an InferenceService that loses several requests to one cause counts once.
    pub(super) fn into_findings(self) -> impl Iterator<Item = Finding> {
        let mut known: Vec<(Crowd, Affected)> = Vec::new();
        self.0.into_values().map(move |Gathered { mut finding, crowd, requests }| {
            let same = known.iter().find(|(other, _)| other.is_same(&crowd));
            let mut everybody = if let Some((_, affected)) = same {
                affected.clone()
            } else {
                let affected = crowd.affected();
                known.push((crowd, affected.clone()));
                affected
            };
            everybody.requests.extend(requests);
            finding.concern(everybody);
            finding
        })
    }
}

/// Cohorts, each once. They have no member in common, so their numbers add up.
#[derive(Default)]
pub(super) struct Crowd(Vec<Arc<Affected>>);

impl Crowd {
    pub(super) fn add(&mut self, cohort: Arc<Affected>) {
        if !self.0.iter().any(|other| Arc::ptr_eq(other, &cohort)) {
            self.0.push(cohort);
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// All of their members.
    pub(super) fn affected(&self) -> Affected {
        let mut affected = Affected::default();
        for cohort in &self.0 {
            affected.join(cohort);
        }
        affected
    }
}

impl<'a, 'v> Delta<'a, 'v> {
    pub(super) fn new(
        before: &'a View<'v>,
        after: &'a View<'v>,
        facts: &'a ClusterFacts,
        settings: &'a JudgeSettings,
        changed: &[&ObjectKey],
    ) -> Self {
        let side = |view: &'a View<'v>| Side { view, configuration: Configuration::of(view, facts) };
        let (before, after) = (side(before), side(after));
        let configures = |key: &&ObjectKey| {
            key.kind == Kind::ConfigMap && (**key == facts.kserve_config() || key.namespace == facts.knative_namespace)
        };
        let moves_nothing = changed.iter().all(configures) && before.configuration.leads_as(&after.configuration);
        Self {
            before,
            after,
            facts,
            settings,
            moves_nothing,
            broken: Findings::default(),
            lesser: Findings::default(),
            still_broken: Findings::default(),
            unknown: BTreeMap::new(),
            unread: BTreeMap::new(),
            still_refused: Vec::new(),
            turned: Vec::new(),
        }
    }

    /// Whether an unknown release leaves the configuration with more than one meaning.
    pub(super) fn is_ambiguous(&self) -> bool {
        let sides = [&self.before.configuration, &self.after.configuration];
        sides.into_iter().filter_map(Configuration::istio).any(|istio| istio.empty_list_is_ambiguous)
    }

    /// Whether the verdict holds in every cluster, since the change makes nothing go another way.
    pub(super) fn moves_nothing(&self) -> bool {
        self.moves_nothing
    }

    /// The sides on which a request may fare differently.
    fn sides(&self) -> impl Iterator<Item = &Side<'a, 'v>> + use<'_, 'a, 'v> {
        let before = (!self.moves_nothing).then_some(&self.before);
        before.into_iter().chain([&self.after])
    }

    /// Refuses configuration that its controller would no longer read. That is judged with nothing deployed, too: a
    /// controller stops at its next start, whoever needs it then.
    pub(super) fn compare_configurations(&mut self) {
        let (before, after) = (&self.before.configuration, &self.after.configuration);
        let kserve = (self.facts.kserve_config(), refusal(&before.kserve), refusal(&after.kserve));
        let istio = (self.facts.istio_config(), refusal(&before.istio), refusal(&after.istio));
        let mut newly: Vec<(ObjectKey, Refusal)> = Vec::new();
        for (key, was, is) in [kserve, istio] {
            match (was, is) {
                (Some(_), Some(refusal)) => self.still_refused.push((key, refusal)),
                (None, Some(refusal)) => newly.push((key, refusal)),
                (_, None) => {}
            }
        }
        if newly.is_empty() && self.is_serverless() {
            let written =
                |side: &Configuration| side.kserve().map(|config| config.refused_objects()).unwrap_or_default();
            let had: BTreeSet<_> = written(before).into_iter().map(|refusal| refusal.mistake).collect();
            let was_refused = refusal(&before.kserve).is_some();
            for refusal in written(after) {
                let entry = (self.facts.kserve_config(), refusal);
                if was_refused || had.contains(&entry.1.mistake) {
                    self.still_refused.push(entry);
                } else {
                    newly.push(entry);
                }
            }
        }
        for (key, refusal) in newly {
            self.broken.add(rules::explain_refusal(self.after.view, self.facts, &key, &refusal));
        }
    }

    /// Whether KServe writes Istio objects in this cluster: some InferenceService is in Knative mode, or new ones would be.
    fn is_serverless(&self) -> bool {
        let config = self.after.configuration.kserve();
        let by_default =
            config.is_none_or(|config| matches!(config.default_mode, None | Some(DeploymentMode::Knative)));
        by_default
            || self.after.view.population().shapes().any(|(shape, _)| shape.mode == Some(DeploymentMode::Knative))
    }
}

/// Why a controller refuses what was read, where it does.
pub(super) fn refusal<T>(parsed: &Lookup<Result<T, Refusal>>) -> Option<Refusal> {
    match parsed {
        Lookup::Present(Err(refusal)) => Some(refusal.clone()),
        _ => None,
    }
}
