//! Who is walked for: InferenceServices whose requests cannot differ are walked once.
//!
//! Two InferenceServices of one shape can only differ where a host names one of them or its namespace, or where a
//! selector reads their labels. Hosts that do so are few and known, so that a thousand services in a hundred namespaces
//! usually cost one walk.

mod distinctions;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use std::sync::Arc;

pub use distinctions::{Consulted, Distinctions, Said};

use crate::finding::Affected;
use crate::model::Labels;
use crate::model::inference_service::Shape;
use crate::population::{Names, Population};
use crate::walk::Subject;

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
    namespaces: BTreeMap<&'p str, Said<'p>>,
    names: Vec<&'p str>,
}

impl<'p> ToldApart<'p> {
    /// What is said of a namespace.
    fn said_of(&self, namespace: &str) -> Said<'p> {
        self.namespaces.get(namespace).copied().unwrap_or(Said::NOTHING)
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
                        if !told_apart.namespaces.contains_key(&**namespace) {
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

/// What the configurations make of an InferenceService's labels: equal choices mean equal requests.
type Choice = Vec<String>;

/// Divides the population into cohorts.
pub fn divide<'p>(
    population: &'p Population,
    distinctions: &'p Distinctions<'p>,
    choose: impl Fn(&Subject) -> Choice,
) -> Vec<Cohort<'p>> {
    let mut cohorts = Vec::new();
    let names: Vec<&str> = distinctions.words().filter(|word| population.has_name(word)).collect();
    for (shape, namespaces) in population.shapes() {
        let told_apart = ToldApart { namespaces: distinctions.told_apart(namespaces), names: names.clone() };
        let told_apart = Rc::new(told_apart);
        if distinctions.by_labels {
            divide_by_labels(shape, namespaces, &told_apart, &choose, &mut cohorts);
        } else {
            let others = namespaces.iter().filter(|(namespace, _)| !told_apart.namespaces.contains_key(&***namespace));
            let rest = Members::Rest(namespaces, told_apart.clone());
            cohorts.extend(first_of(shape, others, &told_apart).map(|subject| Cohort::new(subject, rest)));
            divide_by_namespace(shape, namespaces, &told_apart, &mut cohorts);
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

/// Cohorts of one shape by what tells them apart: what is said of their namespace, and something else.
struct Apart<'p, K>(BTreeMap<(Said<'p>, K), Cohort<'p>>);

impl<'p, K: Ord> Apart<'p, K> {
    fn add(&mut self, key: (Said<'p>, K), subject: Subject, members: Members<'p>) {
        match self.0.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Cohort::new(subject, members));
            }
            Entry::Occupied(mut entry) => entry.get_mut().members.push(members),
        }
    }
}

/// Those whose namespace is told apart: together where the same is said of it.
fn divide_by_namespace<'p>(
    shape: &Shape,
    namespaces: &'p BTreeMap<Arc<str>, Names>,
    told_apart: &Rc<ToldApart<'p>>,
    cohorts: &mut Vec<Cohort<'p>>,
) {
    let mut apart = Apart(BTreeMap::new());
    for (namespace, said) in &told_apart.namespaces {
        let Some((namespace, names)) = namespaces.get_key_value(*namespace) else { continue };
        if let Some(subject) = first_of(shape, [(namespace, names)], told_apart) {
            apart.add((*said, ()), subject, Members::Namespace(namespace, names, told_apart.clone()));
        }
    }
    cohorts.extend(apart.0.into_values());
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
            apart.add((told_apart.said_of(namespace), key), subject, Members::These(namespace, vec![name]));
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
            apart.add((told_apart.said_of(namespace), choice), subject, Members::These(namespace, some));
        }
    }
    cohorts.extend(apart.0.into_values());
}

fn subject(shape: &Shape, namespace: &Arc<str>, name: &Arc<str>, labels: &Arc<Labels>) -> Subject {
    Subject { namespace: namespace.clone(), name: name.clone(), shape: shape.clone(), labels: labels.clone() }
}
