//! Who is walked for: InferenceServices whose requests cannot differ are walked once.
//!
//! Two InferenceServices of one shape can only differ where a host names one of them or its namespace, or where a
//! selector reads their labels. Hosts that do so are few and known, so that a thousand services in a hundred namespaces
//! usually cost one walk.

use std::cell::OnceCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
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
    members: Vec<Members<'p>>,
    affected: OnceCell<Arc<Affected>>,
}

#[derive(Debug)]
enum Members<'p> {
    /// All of a shape but for those who are told apart: most of a cluster, and so nobody is looked at before somebody asks.
    Rest(&'p BTreeMap<Arc<str>, Names>, Rc<ToldApart<'p>>),
    /// All of a namespace, but for names that are told apart.
    Namespace(&'p Arc<str>, &'p Names, Rc<ToldApart<'p>>),
    These(&'p Arc<str>, Vec<&'p Arc<str>>),
}

/// Those of a shape whom a host may name.
#[derive(Debug, Default)]
struct ToldApart<'p> {
    namespaces: BTreeSet<&'p str>,
    names: Vec<&'p str>,
}

impl<'p> ToldApart<'p> {
    /// A namespace, where it is told apart from others.
    fn place(&self, namespace: &str) -> &'p str {
        self.namespaces.get(namespace).copied().unwrap_or_default()
    }

    /// Counts those of a namespace who are not told apart by their own name.
    fn count_others(&self, namespace: &Arc<str>, names: &'p Names, affected: &mut Affected) {
        let named = self.names.iter().filter(|name| names.contains_key(**name)).count();
        if names.len() > named {
            affected.add_all(namespace, names.len() - named, self.others(names));
        }
    }

    fn others(&self, names: &'p Names) -> impl Iterator<Item = &'p Arc<str>> {
        names.keys().filter(|name| !self.names.contains(&&***name))
    }
}

impl<'p> Cohort<'p> {
    fn new(subject: Subject, members: Members<'p>) -> Self {
        Self { subject, members: vec![members], affected: OnceCell::new() }
    }

    /// Everybody here, counted once.
    pub fn affected(&self) -> Arc<Affected> {
        self.affected.get_or_init(|| Arc::new(self.count())).clone()
    }

    fn count(&self) -> Affected {
        let mut affected = Affected::default();
        for members in &self.members {
            match members {
                Members::Rest(namespaces, told_apart) => {
                    for (namespace, names) in *namespaces {
                        if !told_apart.namespaces.contains(&**namespace) {
                            told_apart.count_others(namespace, names, &mut affected);
                        }
                    }
                }
                Members::Namespace(namespace, names, told_apart) => {
                    told_apart.count_others(namespace, names, &mut affected);
                }
                Members::These(namespace, names) => affected.add_all(namespace, names.len(), names.iter().copied()),
            }
        }
        affected
    }
}

/// Labels that KServe and Knative give to a service, each with a name of its own in it.
const NAMING_LABELS: [&str; 4] = [
    "serving.kserve.io/inferenceservice",
    "serving.knative.dev/route",
    "serving.knative.dev/routeNamespace",
    "serving.knative.dev/service",
];

/// What tells InferenceServices apart, in the views of one verdict.
#[derive(Debug, Default)]
pub struct Distinctions {
    /// The DNS labels of every host that a walk may consult, and their parts between dashes; names that something selects by.
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
            for selector in istio.local.iter().chain(&istio.external).filter_map(|entry| entry.selector.as_ref()) {
                for (label, value) in &selector.match_labels {
                    self.add_label(label, [value]);
                }
                for requirement in &selector.match_expressions {
                    self.add_label(&requirement.key, &requirement.values);
                }
            }
            named.extend(istio.local.iter().chain(&istio.external).map(|entry| entry.gateway.clone()));
        }
        if let Lookup::Present(domain) = &configuration.domain {
            for (label, value) in domain.domains.iter().flat_map(|(_, selector)| selector) {
                self.add_label(label, [value]);
            }
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

    /// Adds a label that something selects by, and the values that it looks for.
    fn add_label<'l>(&mut self, label: &str, values: impl IntoIterator<Item = &'l Arc<str>>) {
        if NAMING_LABELS.contains(&label) {
            values.into_iter().for_each(|value| self.add_host(value));
        } else {
            self.by_labels = true;
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

    /// The namespaces that are told apart.
    fn namespaces_of<'p>(&'p self, namespaces: &'p BTreeMap<Arc<str>, Names>) -> BTreeSet<&'p str> {
        if self.by_namespace {
            return namespaces.keys().map(AsRef::as_ref).collect();
        }
        self.tokens.iter().map(String::as_str).filter(|token| namespaces.contains_key(*token)).collect()
    }
}

/// What the configurations make of an InferenceService's labels: equal choices mean equal requests.
type Choice = Vec<String>;

/// Divides the population into cohorts.
pub fn divide<'p>(
    population: &'p Population,
    distinctions: &'p Distinctions,
    choose: impl Fn(&Subject) -> Choice,
) -> Vec<Cohort<'p>> {
    let mut cohorts = Vec::new();
    let names: Vec<&str> =
        distinctions.tokens.iter().map(String::as_str).filter(|token| population.has_name(token)).collect();
    for (shape, namespaces) in population.shapes() {
        let told_apart =
            Rc::new(ToldApart { namespaces: distinctions.namespaces_of(namespaces), names: names.clone() });
        if distinctions.by_labels {
            divide_by_labels(shape, namespaces, &told_apart, &choose, &mut cohorts);
        } else {
            let others = namespaces.iter().filter(|(namespace, _)| !told_apart.namespaces.contains(&***namespace));
            let rest = Members::Rest(namespaces, told_apart.clone());
            cohorts.extend(first_of(shape, others, &told_apart).map(|subject| Cohort::new(subject, rest)));
            for (namespace, names) in told_apart.namespaces.iter().filter_map(|name| namespaces.get_key_value(*name)) {
                let members = Members::Namespace(namespace, names, told_apart.clone());
                let subject = first_of(shape, [(namespace, names)], &told_apart);
                cohorts.extend(subject.map(|subject| Cohort::new(subject, members)));
            }
        }
        let choose = |subject: &Subject| if distinctions.by_labels { choose(subject) } else { Choice::new() };
        divide_by_name(shape, namespaces, &told_apart, choose, &mut cohorts);
    }
    cohorts
}

/// One of those in some namespaces who are not told apart by their own name.
fn first_of<'p>(
    shape: &Shape,
    namespaces: impl IntoIterator<Item = (&'p Arc<str>, &'p Names)>,
    told_apart: &ToldApart<'_>,
) -> Option<Subject> {
    namespaces.into_iter().find_map(|(namespace, names)| {
        let name = told_apart.others(names).next()?;
        Some(subject(shape, namespace, name, names.get(name)?))
    })
}

/// Cohorts of one shape by what tells them apart: their namespace, where it is told apart, and something else.
struct Apart<'p, K>(BTreeMap<(&'p str, K), Cohort<'p>>);

impl<'p, K: Ord> Apart<'p, K> {
    fn add(&mut self, key: (&'p str, K), subject: Subject, members: Members<'p>) {
        match self.0.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Cohort::new(subject, members));
            }
            Entry::Occupied(mut entry) => entry.get_mut().members.push(members),
        }
    }
}

/// Those whom a host names: apart from all others, each name by itself.
fn divide_by_name<'p>(
    shape: &Shape,
    namespaces: &'p BTreeMap<Arc<str>, Names>,
    told_apart: &ToldApart<'p>,
    choose: impl Fn(&Subject) -> Choice,
    cohorts: &mut Vec<Cohort<'p>>,
) {
    let mut apart = Apart(BTreeMap::new());
    for name in &told_apart.names {
        for (namespace, names) in namespaces {
            let Some((name, labels)) = names.get_key_value(*name) else { continue };
            let subject = subject(shape, namespace, name, labels);
            let key = (&**name, choose(&subject));
            apart.add((told_apart.place(namespace), key), subject, Members::These(namespace, vec![name]));
        }
    }
    cohorts.extend(apart.0.into_values());
}

/// All but those whom a host names, by what the configurations make of their labels.
fn divide_by_labels<'p>(
    shape: &Shape,
    namespaces: &'p BTreeMap<Arc<str>, Names>,
    told_apart: &ToldApart<'p>,
    choose: impl Fn(&Subject) -> Choice,
    cohorts: &mut Vec<Cohort<'p>>,
) {
    let mut choices: BTreeMap<Choice, usize> = BTreeMap::new();
    // A set of labels is stored once, so that its address tells it apart.
    let mut known: BTreeMap<*const Labels, usize> = BTreeMap::new();
    let mut apart = Apart(BTreeMap::new());
    for (namespace, names) in namespaces {
        let mut here: BTreeMap<usize, (Subject, Vec<&'p Arc<str>>)> = BTreeMap::new();
        for (name, labels) in names.iter().filter(|(name, _)| !told_apart.names.contains(&&***name)) {
            let choice = *known.entry(Arc::as_ptr(labels)).or_insert_with(|| {
                let count = choices.len();
                *choices.entry(choose(&subject(shape, namespace, name, labels))).or_insert(count)
            });
            here.entry(choice).or_insert_with(|| (subject(shape, namespace, name, labels), Vec::new())).1.push(name);
        }
        for (choice, (subject, some)) in here {
            apart.add((told_apart.place(namespace), choice), subject, Members::These(namespace, some));
        }
    }
    cohorts.extend(apart.0.into_values());
}

fn subject(shape: &Shape, namespace: &Arc<str>, name: &Arc<str>, labels: &Arc<Labels>) -> Subject {
    Subject { namespace: namespace.clone(), name: name.clone(), shape: shape.clone(), labels: labels.clone() }
}
