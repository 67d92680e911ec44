//! One view, judged as it stands: `check` on a directory, `trace`, the audit.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::cohort::{Consulted, Distinctions, divide};
use crate::engine::delta::{Findings, choices_of, refusal};
use crate::engine::stand_in::{StandIn, candidates};
use crate::engine::{JudgeSettings, SyntheticPolicy, located};
use crate::finding::{Affected, Finding};
use crate::model::Labels;
use crate::model::inference_service::Shape;
use crate::rules;
use crate::view::{Snapshot, View};
use crate::walk::{Cause, ClusterFacts, Configuration, RequestKind, Subject, Walk, Walker};

/// What is wrong with a cluster as it stands.
#[derive(Debug)]
pub struct Inspected {
    /// The findings, worst first.
    pub findings: Vec<Finding>,
    /// What the findings rest on.
    pub needs: std::collections::BTreeSet<crate::view::Need>,
    /// What was found out about the cluster.
    pub facts: ClusterFacts,
    /// Every request that was walked, InferenceServices that cannot differ together.
    pub walks: Vec<Walked>,
}

/// A request of everybody whose requests go the same way, walked for one of them.
#[derive(Clone, Debug)]
pub struct Walked {
    /// The one that was walked.
    pub subject: Subject,
    /// Everybody.
    pub affected: Arc<Affected>,
    /// The walk, and why it broke.
    pub traced: Traced,
}

/// Walks every request of a cluster, and says which do not arrive and which configuration is refused.
#[must_use]
pub fn inspect(snapshot: &Snapshot, settings: &JudgeSettings) -> Inspected {
    let view = View::of(snapshot);
    let facts = located(&view, settings.facts.clone(), &[]);
    let configuration = Configuration::of(&view, &facts);
    let mut found = Findings::default();
    let kserve = (facts.kserve_config(), refusal(&configuration.kserve));
    let istio = (facts.istio_config(), refusal(&configuration.istio));
    for (key, refusal) in [kserve, istio] {
        if let Some(refusal) = refusal {
            found.add(rules::explain_refusal(&view, &facts, &key, &refusal));
        }
    }
    let consulted = Consulted::by([(&view, &configuration)]);
    let distinctions = Distinctions::of(&consulted);
    let choose = |subject: &Subject| choices_of(&configuration, subject, &facts.cluster_domain);
    let walker = Walker { view: &view, configuration: &configuration, facts: &facts };
    let mut walked = Vec::new();
    for cohort in divide(snapshot.population(), &distinctions, choose) {
        for walk in walks(walker, &cohort.subject) {
            let finding = explained(walker, &cohort.subject, &walk);
            if let Some(finding) = finding.clone() {
                found.add_for(finding, &walk.request.kind, cohort.affected());
            }
            let (subject, affected) = (cohort.subject.clone(), cohort.affected());
            walked.push(Walked { subject, affected, traced: Traced { walk, finding } });
        }
    }
    for stand_in in StandIn::in_each(&settings.namespaces, &distinctions) {
        for walk in walks(walker, &stand_in.subject) {
            let finding = add_stand_in(&mut found, walker, &stand_in, &walk);
            walked.push(stand_in.walked(Traced { walk, finding }));
        }
    }
    if snapshot.population().is_empty() && settings.namespaces.is_empty() && settings.synthetic != SyntheticPolicy::Off
    {
        inspect_stand_ins(&mut found, &mut walked, walker, &distinctions);
    }
    let mut findings: Vec<_> = found.into_findings().collect();
    findings.extend(rules::conditions(&walker));
    findings.sort_by_key(Finding::rank);
    Inspected { findings, needs: view.needs(), facts: facts.clone(), walks: walked }
}

/// Where nothing is deployed, a cluster in which no namespace could be reached is worth a finding; one that serves some of
/// its namespaces only is as somebody wants it.
fn inspect_stand_ins(
    found: &mut Findings,
    told: &mut Vec<Walked>,
    walker: Walker<'_, '_>,
    distinctions: &Distinctions<'_>,
) {
    let mut by_kind: BTreeMap<RequestKind, Vec<(Rc<StandIn>, Walk)>> = BTreeMap::new();
    for stand_in in StandIn::in_each(&candidates(walker.view, walker.facts), distinctions) {
        let stand_in = Rc::new(stand_in);
        for walk in walks(walker, &stand_in.subject) {
            by_kind.entry(walk.request.kind.clone()).or_default().push((stand_in.clone(), walk));
        }
    }
    for walked in by_kind.into_values() {
        let is_nobody_reached = walked.iter().all(|(_, walk)| walk.end.broken().is_some());
        for (stand_in, walk) in walked {
            // Without KServe or Knative there is nothing to walk through yet.
            let is_begun = !walk.end.broken().is_some_and(|broken| matches!(broken.cause, Cause::ConfigMissing { .. }));
            let finding = if is_nobody_reached && is_begun {
                add_stand_in(found, walker, &stand_in, &walk)
            } else {
                explained(walker, &stand_in.subject, &walk)
            };
            told.push(stand_in.walked(Traced { walk, finding }));
        }
    }
}

fn add_stand_in(found: &mut Findings, walker: Walker<'_, '_>, stand_in: &StandIn, walk: &Walk) -> Option<Finding> {
    let finding = explained(walker, &stand_in.subject, walk);
    if let Some(finding) = finding.clone() {
        found.add_for(finding, &walk.request.kind, stand_in.all.clone());
    }
    finding
}

impl StandIn {
    fn walked(&self, traced: Traced) -> Walked {
        Walked { subject: self.subject.clone(), affected: self.all.clone(), traced }
    }
}

/// Why a walk broke, where it did.
fn explained(walker: Walker<'_, '_>, subject: &Subject, walk: &Walk) -> Option<Finding> {
    let broken = walk.end.broken()?;
    let finding = match &broken.cause {
        Cause::Refused { config, refusal } => rules::explain_refusal(walker.view, walker.facts, config, refusal),
        _ => rules::explain_break(walker.view, walk, broken, walker.facts),
    };
    let is_nobodys = walk.request.kind == RequestKind::Direct && !subject.shape.calls_predictor;
    Some(if is_nobodys { rules::direct_callers(finding) } else { finding })
}

/// A walk, and the explanation of its break where it has one.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The walk.
    pub walk: Walk,
    /// Why it broke.
    pub finding: Option<Finding>,
}

/// Walks every request of one InferenceService, or of a stand-in where the cluster has none of that name.
#[must_use]
pub fn walks_of(view: &View<'_>, settings: &JudgeSettings, namespace: &str, name: &str) -> (Subject, Vec<Traced>) {
    let facts = located(view, settings.facts.clone(), &[]);
    let configuration = Configuration::of(view, &facts);
    let known = view.population().shapes().find_map(|(shape, namespaces)| {
        let labels = namespaces.get(namespace)?.get(name)?;
        Some((shape.clone(), labels.clone()))
    });
    let (shape, labels) = known.unwrap_or_else(|| (Shape::default(), Labels::new().into()));
    let subject = Subject { namespace: namespace.into(), name: name.into(), shape, labels };
    let walks = walks(Walker { view, configuration: &configuration, facts: &facts }, &subject);
    let traced = walks.into_iter().map(|walk| {
        let finding = walk.end.broken().map(|broken| rules::explain_break(view, &walk, broken, &facts));
        Traced { walk, finding }
    });
    (subject, traced.collect())
}

fn walks(walker: Walker<'_, '_>, subject: &Subject) -> Vec<Walk> {
    let mut kinds = RequestKind::COMMON.to_vec();
    if let Some(config) = walker.configuration.kserve() {
        let additional = config.additional_domains.value.iter();
        kinds.extend(additional.map(|domain| RequestKind::Additional(domain.as_str().into())));
    }
    kinds.iter().map(|kind| walker.walk(subject, kind, None)).collect()
}
