//! One view, judged as it stands: `check` on a directory, `trace`, the audit.

use crate::cohort::{Distinctions, divide};
use crate::engine::delta::{Findings, choices_of, refusal};
use crate::engine::{JudgeSettings, located};
use crate::finding::Finding;
use crate::model::Labels;
use crate::model::inference_service::Shape;
use crate::rules;
use crate::view::{Snapshot, View};
use crate::walk::{Cause, ClusterFacts, Configuration, End, RequestKind, Subject, Walk, Walker};

/// What is wrong with a cluster as it stands.
#[derive(Debug)]
pub struct Inspected {
    /// The findings, worst first.
    pub findings: Vec<Finding>,
    /// What the findings rest on.
    pub needs: std::collections::BTreeSet<crate::view::Need>,
    /// What was found out about the cluster.
    pub facts: ClusterFacts,
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
    let mut distinctions = Distinctions::default();
    distinctions.add(&view, &configuration);
    let choose = |labels: &Labels| choices_of(&configuration, labels, &facts.cluster_domain);
    let walker = Walker { view: &view, configuration: &configuration, facts: &facts };
    for cohort in divide(snapshot.population(), &distinctions, choose) {
        for walk in walks(walker, &cohort.subject) {
            let End::Broken(broken) = &walk.end else { continue };
            let finding = match &broken.cause {
                Cause::Refused { config, refusal } => rules::explain_refusal(&view, &facts, config, refusal),
                _ => rules::explain_break(&view, &walk, broken, &facts),
            };
            let is_nobodys = walk.request.kind == RequestKind::Direct && !cohort.subject.shape.calls_predictor;
            let finding = if is_nobodys { rules::direct_callers(finding) } else { finding };
            found.add_for(finding, &walk.request.kind, |affected| cohort.count_into(affected));
        }
    }
    let mut findings: Vec<_> = found.into_findings().collect();
    findings.sort_by_key(|finding| (finding.severity, std::cmp::Reverse(finding.affected.total()), finding.code));
    Inspected { findings, needs: view.needs(), facts: facts.clone() }
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
