//! Who is walked for: InferenceServices whose requests cannot differ are walked once.
//!
//! Two InferenceServices of one shape can only differ where a host names one of them or its namespace, or where a
//! selector reads their labels. Hosts that do so are few and known, so that a thousand services in a hundred namespaces
//! usually cost one walk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::finding::Affected;
use crate::model::Labels;
use crate::model::inference_service::Shape;
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::population::{Names, Population};
use crate::view::{Lookup, View, parts_of_host};
use crate::walk::{Configuration, Subject};

/// InferenceServices whose requests go the same way.
#[derive(Debug)]
pub struct Cohort<'p> {
    /// The one that is walked.
    pub subject: Subject,
    members: Vec<(&'p Arc<str>, Members<'p>)>,
}

#[derive(Debug)]
enum Members<'p> {
    /// All of a namespace, but for those that a host names.
    AllBut(&'p Names, Vec<&'p Arc<str>>),
    These(Vec<&'p Arc<str>>),
}

impl Cohort<'_> {
    /// Adds everybody here to those affected.
    pub fn count_into(&self, affected: &mut Affected) {
        for (namespace, members) in &self.members {
            match members {
                Members::AllBut(names, others) => {
                    affected.add(namespace, names.keys().filter(|name| !others.contains(name)));
                }
                Members::These(names) => affected.add(namespace, names.iter().copied()),
            }
        }
    }
}

/// What tells InferenceServices apart, in the views of one verdict.
#[derive(Debug, Default)]
pub struct Distinctions {
    /// The DNS labels of every host that a walk may consult, and their parts between dashes.
    tokens: BTreeSet<String>,
    /// Whether a gateway or destination is named relative to the InferenceService's namespace.
    by_namespace: bool,
    /// Whether a gateway list or a domain selects by label.
    by_labels: bool,
}

impl Distinctions {
    /// Adds what one view tells apart.
    pub fn add(&mut self, view: &View<'_>, configuration: &Configuration) {
        let mut named: BTreeSet<GatewayRef> = BTreeSet::new();
        if let Some(kserve) = configuration.kserve() {
            for gateway in [&kserve.local_gateway.value, &kserve.ingress_gateway.value] {
                self.by_namespace |= gateway.starts_with("./") || !gateway.contains(['/', '.']);
                named.insert(GatewayRef::resolve(gateway, ""));
            }
            self.by_namespace |= !kserve.knative_local_gateway_service.value.contains('.');
        }
        if let Some(istio) = configuration.istio() {
            self.by_labels |= istio.selects_by_label();
            named.extend(istio.local.iter().chain(&istio.external).map(|entry| entry.gateway.clone()));
        }
        if let Lookup::Present(domain) = &configuration.domain {
            self.by_labels |= domain.domains.iter().any(|(_, selector)| !selector.is_empty());
        }
        for reference in named {
            if let Lookup::Present(gateway) = view.gateway(&reference.namespace, &reference.name) {
                self.add_hosts(&gateway);
            }
        }
        let template = configuration.network.as_ref().present().and_then(|network| network.domain_template.as_ref());
        let hosts_hold_names = template.is_none_or(|template| template.fields().any(|field| field == "Name"));
        for host in view.redirected_hosts(hosts_hold_names) {
            self.add_host(&host);
        }
        for service in view.load_balancers() {
            if let Some(names) = service.public_names() {
                self.add_host(names);
            }
        }
    }

    fn add_hosts(&mut self, gateway: &IstioGateway) {
        for host in gateway.servers.iter().flat_map(|server| &server.hosts) {
            self.add_host(host);
        }
    }

    fn add_host(&mut self, host: &str) {
        self.tokens.extend(parts_of_host(host).map(str::to_owned));
    }
}

/// What the configurations make of an InferenceService's labels: equal choices mean equal requests.
type Choice = Vec<String>;

/// Divides the population into cohorts.
pub fn divide<'p>(
    population: &'p Population,
    distinctions: &Distinctions,
    choose: impl Fn(&Subject) -> Choice,
) -> Vec<Cohort<'p>> {
    let mut cohorts: BTreeMap<(&Shape, &str, &str, Choice), Cohort<'p>> = BTreeMap::new();
    let special_names: Vec<&str> =
        distinctions.tokens.iter().map(String::as_str).filter(|token| population.has_name(token)).collect();
    for (shape, namespaces) in population.shapes() {
        for (namespace, names) in namespaces {
            let special_namespace = distinctions.by_namespace || distinctions.tokens.contains(&**namespace);
            let place: &str = if special_namespace { namespace } else { "" };
            let special: Vec<&Arc<str>> =
                special_names.iter().filter_map(|name| names.get_key_value(*name)).map(|(name, _)| name).collect();
            let mut join = |name: &Arc<str>, labels: &Arc<Labels>, by_name: bool, members: Members<'p>| {
                let subject = Subject {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    shape: shape.clone(),
                    labels: labels.clone(),
                };
                let choice = if distinctions.by_labels { choose(&subject) } else { Choice::new() };
                let own_name = if by_name { names.get_key_value(name).map_or("", |(name, _)| name) } else { "" };
                let cohort = cohorts
                    .entry((shape, place, own_name, choice))
                    .or_insert_with(|| Cohort { subject, members: Vec::new() });
                match (cohort.members.last_mut(), members) {
                    (Some((last, Members::These(theirs))), Members::These(more)) if *last == namespace => {
                        theirs.extend(more);
                    }
                    (_, members) => cohort.members.push((namespace, members)),
                }
            };
            for name in &special {
                if let Some(labels) = names.get(*name) {
                    join(name, labels, true, Members::These(vec![name]));
                }
            }
            if distinctions.by_labels {
                for (name, labels) in names.iter().filter(|(name, _)| !special.contains(name)) {
                    join(name, labels, false, Members::These(vec![name]));
                }
            } else if let Some((name, labels)) = names.iter().find(|(name, _)| !special.contains(name)) {
                join(name, labels, false, Members::AllBut(names, special));
            }
        }
    }
    cohorts.into_values().collect()
}
