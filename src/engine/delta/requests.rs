//! Which requests are compared, and what each comparison means.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::Delta;
use crate::cohort::{Consulted, Distinctions, divide};
use crate::engine::stand_in::{StandIn, candidates};
use crate::engine::{SyntheticPolicy, Turned};
use crate::finding::Affected;
use crate::model::inference_service::Component;
use crate::rules;
use crate::view::Lookup;
use crate::walk::{Cause, Configuration, End, RequestKind, Subject, Walk};

/// One request, walked before and after.
struct Compared {
    kind: RequestKind,
    before: Walk,
    after: Walk,
}

/// How a request fares, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Reached,
    Partial,
    Broken,
}

impl Compared {
    fn fate(end: &End) -> Option<Fate> {
        match end {
            End::Reached => Some(Fate::Reached),
            End::Broken(found) if found.partial => Some(Fate::Partial),
            End::Broken(_) => Some(Fate::Broken),
            End::Unknown { .. } | End::NotMade => None,
        }
    }

    /// Whether the change provably makes the request fare worse.
    fn is_worse(&self) -> bool {
        match (Self::fate(&self.before.end), Self::fate(&self.after.end)) {
            (Some(before), Some(after)) => after > before,
            _ => false,
        }
    }
}

impl Delta<'_, '_> {
    /// Walks every request that can differ through both views.
    pub(in crate::engine) fn compare_requests(&mut self) {
        let population = self.after.view.population();
        let consulted = Consulted::by(self.sides().map(|side| (side.view, &side.configuration)));
        let distinctions = Distinctions::of(&consulted);
        for cohort in divide(population, &distinctions, |subject| self.choices(subject)) {
            for compared in self.compare(&cohort.subject) {
                self.record(&cohort.subject, &compared, &|| cohort.affected());
            }
        }
        let is_served = |namespace: &Arc<str>| population.shapes().any(|(_, served)| served.contains_key(namespace));
        let pinned = self.settings.namespaces.iter().filter(|namespace| !is_served(namespace));
        for stand_in in StandIn::in_each(pinned, &distinctions) {
            for compared in self.compare(&stand_in.subject) {
                self.record(&stand_in.subject, &compared, &|| stand_in.all.clone());
            }
        }
        let is_known_empty = population.is_empty() && self.after.view.population_unread().is_none();
        if is_known_empty && self.settings.namespaces.is_empty() && self.settings.synthetic != SyntheticPolicy::Off {
            self.compare_stand_ins(&distinctions);
        }
    }

    /// Where nothing is deployed, one InferenceService a namespace stands in. Narrowing a gateway to some of them is a fair
    /// choice; a change that leaves none of those reached that were is refused.
    fn compare_stand_ins(&mut self, distinctions: &Distinctions<'_>) {
        let mut by_kind: BTreeMap<RequestKind, Vec<(Rc<StandIn>, Compared)>> = BTreeMap::new();
        for stand_in in StandIn::in_each(&candidates(self.after.view, self.facts), distinctions) {
            let stand_in = Rc::new(stand_in);
            for compared in self.compare(&stand_in.subject) {
                by_kind.entry(compared.kind.clone()).or_default().push((stand_in.clone(), compared));
            }
        }
        for (_, all) in by_kind {
            let reached_before = all.iter().filter(|(_, compared)| compared.before.end.is_reached()).count();
            let worse =
                all.iter().filter(|(_, compared)| compared.before.end.is_reached() && compared.is_worse()).count();
            let leaves_none = reached_before > 0 && worse == reached_before;
            let refuse = leaves_none && self.settings.synthetic == SyntheticPolicy::Deny;
            for (stand_in, compared) in all.into_iter().filter(|(_, compared)| compared.is_worse()) {
                if refuse {
                    self.record(&stand_in.subject, &compared, &|| stand_in.all.clone());
                } else if let End::Broken(found) = &compared.after.end {
                    let finding = rules::explain_break(self.after.view, &compared.after, found, self.facts);
                    self.lesser.add_for(finding, &compared.kind, stand_in.all.clone());
                }
            }
        }
    }

    fn compare(&self, subject: &Subject) -> Vec<Compared> {
        let mut kinds = RequestKind::COMMON.to_vec();
        let additional: BTreeSet<&String> = self
            .sides()
            .filter_map(|side| side.configuration.kserve())
            .flat_map(|config| &config.additional_domains.value)
            .collect();
        kinds.extend(additional.into_iter().map(|domain| RequestKind::Additional(domain.as_str().into())));
        let walker = |side: &super::Side<'_, '_>, kind: &RequestKind, before: Option<&Walk>| {
            side.walker(self.facts).walk(subject, kind, before)
        };
        let compare = |kind: RequestKind| {
            if self.moves_nothing {
                let after = walker(&self.after, &kind, None);
                debug_assert_eq!(Compared::fate(&after.end), Compared::fate(&walker(&self.before, &kind, None).end));
                return Compared { kind, before: after.clone(), after };
            }
            let before = walker(&self.before, &kind, None);
            let after = walker(&self.after, &kind, Some(&before));
            Compared { kind, before, after }
        };
        kinds.into_iter().map(compare).collect()
    }

    /// Notes what a comparison means for those who share it.
    fn record(&mut self, subject: &Subject, compared: &Compared, cohort: &dyn Fn() -> Arc<Affected>) {
        let Compared { kind, before, after } = compared;
        if before.end.is_reached() != after.end.is_reached() && !matches!(after.end, End::Unknown { .. } | End::NotMade)
        {
            let affected = cohort();
            self.turned.push(Turned {
                subject: subject.clone(),
                kind: kind.clone(),
                reached: after.end.is_reached(),
                affected,
            });
        }
        match &after.end {
            End::Broken(found) if compared.is_worse() => {
                let finding = match &found.cause {
                    Cause::Refused { config, refusal } => {
                        rules::explain_refusal(self.after.view, self.facts, config, refusal)
                    }
                    _ => rules::explain_break(self.after.view, after, found, self.facts),
                };
                // A direct request is its author's business, unless KServe itself sends it.
                let decides = match kind {
                    RequestKind::Direct => subject.shape.calls_predictor,
                    // A domain that leaves the list is let go of on purpose.
                    RequestKind::Additional(domain) => self.gives_out(domain),
                    RequestKind::Local | RequestKind::External | RequestKind::Readiness => true,
                };
                if decides {
                    self.broken.add_for(finding, kind, cohort());
                } else {
                    self.lesser.add_for(rules::direct_callers(finding), kind, cohort());
                }
            }
            End::Broken(found) if *kind != RequestKind::Direct && !matches!(found.cause, Cause::Refused { .. }) => {
                let explained = || rules::explain_break(self.after.view, after, found, self.facts);
                match &before.end {
                    End::Broken(_) => self.still_broken.add_for(explained(), kind, cohort()),
                    // Nothing could be proven of the request before, and now that it fails, on the way there.
                    End::Unknown { hop, .. } if found.hop <= *hop => {
                        self.lesser.add_for(explained(), kind, cohort());
                    }
                    End::Unknown { .. } | End::Reached | End::NotMade => {}
                }
            }
            End::Unknown { hop, why } if *kind != RequestKind::Direct => {
                if let Some(reason) = self.after.view.reason_unread(why) {
                    self.unread.entry(reason).or_default().add(cohort());
                } else if before.end.is_reached() {
                    self.unknown.entry(format!("{hop}: {why}")).or_default().add(cohort());
                }
            }
            _ => {}
        }
    }

    /// Whether KServe would go on to give out names under an additional domain.
    fn gives_out(&self, domain: &str) -> bool {
        let config = self.after.configuration.kserve();
        config.is_none_or(|config| config.additional_domains.value.iter().any(|given| given == domain))
    }

    /// What the configurations before and after make of an InferenceService's labels.
    fn choices(&self, subject: &Subject) -> Vec<String> {
        let mut choices = Vec::new();
        for side in self.sides() {
            choices.extend(choices_of(&side.configuration, subject, &self.facts.cluster_domain));
        }
        choices
    }
}

/// What a configuration makes of an InferenceService's labels, and of those that its Knative services get besides.
pub(in crate::engine) fn choices_of(
    configuration: &Configuration,
    subject: &Subject,
    cluster_domain: &str,
) -> Vec<String> {
    let mut choices = Vec::new();
    let mut components = subject.forwarded_to();
    components.push(Component::Predictor);
    for labels in components.into_iter().map(|component| subject.service_labels(component)) {
        if let Some(istio) = configuration.istio() {
            let entries = istio.local_for(&labels).into_iter().chain(istio.external_for(&labels));
            choices.extend(entries.map(|entry| entry.path.to_string()));
        }
        if let Lookup::Present(domains) = &configuration.domain {
            choices.push(domains.domain_for(&labels, cluster_domain).unwrap_or_default().to_owned());
        }
    }
    choices
}
