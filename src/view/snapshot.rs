//! A cluster as it was read, with the indexes that keep a verdict's cost independent of its size.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::gateways::GatewayIndex;
use super::listeners::Listeners;
use super::redirects::RedirectIndex;
use super::{Lookup, PodQuery};
use crate::model::istio_gateway::IstioGateway;
use crate::model::knative_serving::KnativeServing;
use crate::model::service::{Service, ServiceKind};
use crate::model::workload::Pods;
use crate::model::{Labels, Meta, Object, selects};
use crate::object::{Kind, ObjectKey};
use crate::population::Population;

/// What was read of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Everything but InferenceServices.
    objects: BTreeMap<ObjectKey, Object>,
    pub(super) gateways: GatewayIndex,
    pub(super) listeners: Listeners,
    pub(super) redirects: RedirectIndex,
    services: PairIndex,
    services_by_label: PairIndex,
    load_balancers: BTreeSet<ObjectKey>,
    population: Population,
    pub(super) pods: PodStore,
    unread: BTreeMap<(Kind, Arc<str>), Arc<str>>,
    unread_objects: BTreeMap<ObjectKey, Arc<str>>,
    edition: u64,
}

/// How the pods of the cluster are known.
#[derive(Clone, Debug, Default)]
pub enum PodStore {
    /// All pods and workloads are among the objects: a directory of manifests.
    #[default]
    Whole,
    /// Only answers to earlier questions: a live cluster has more pods than anybody should watch.
    Answers(BTreeMap<PodQuery, Lookup<Vec<Pods>>>),
}

/// Services by each pair of their selector, or of their labels.
#[derive(Clone, Debug, Default)]
struct PairIndex {
    by_pair: BTreeMap<(Arc<str>, Arc<str>), BTreeSet<ObjectKey>>,
}

impl PairIndex {
    fn insert(&mut self, key: &ObjectKey, pairs: &Labels) {
        for (label, value) in pairs {
            self.by_pair.entry((label.clone(), value.clone())).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &ObjectKey, pairs: &Labels) {
        for (label, value) in pairs {
            let pair = (label.clone(), value.clone());
            if let Some(keys) = self.by_pair.get_mut(&pair) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_pair.remove(&pair);
                }
            }
        }
    }
}

impl Snapshot {
    /// An empty cluster whose pods are asked for one question at a time.
    #[must_use]
    pub fn with_pod_answers() -> Self {
        Self { pods: PodStore::Answers(BTreeMap::new()), ..Self::default() }
    }

    /// A number that grows with every change: what was worked out from the same edition holds still.
    #[must_use]
    pub const fn edition(&self) -> u64 {
        self.edition
    }

    /// Adds an object, or replaces it.
    pub fn insert(&mut self, key: ObjectKey, object: Object) {
        if self.unread_objects.remove(&key).is_some() || key.kind == Kind::InferenceService {
            self.edition += 1;
        }
        if let Object::InferenceService(service) = &object {
            self.redirects.note_name(&key.name);
            self.population.insert(&key.namespace, &key.name, service);
            return;
        }
        if self
            .as_read(&key)
            .is_some_and(|read| *read == object && read.meta().resource_version == object.meta().resource_version)
        {
            return;
        }
        self.remove(&key);
        match &object {
            Object::IstioGateway(gateway) => {
                self.listeners.forget();
                self.gateways.insert(gateway);
                self.redirects.insert(gateway, &self.population);
            }
            Object::Service(service) => {
                self.listeners.forget_namespace(&key.namespace);
                self.services.insert(&key, &service.selector);
                self.services_by_label.insert(&key, &service.meta.labels);
                if service.kind == ServiceKind::LoadBalancer {
                    self.load_balancers.insert(key.clone());
                }
            }
            _ => {}
        }
        self.objects.insert(key, object);
        self.edition += 1;
    }

    /// Removes an object; one that is not there is no error.
    pub fn remove(&mut self, key: &ObjectKey) {
        if self.unread_objects.remove(key).is_some()
            || self.objects.contains_key(key)
            || key.kind == Kind::InferenceService
        {
            self.edition += 1;
        }
        if key.kind == Kind::InferenceService {
            self.population.remove(&key.namespace, &key.name);
        }
        match self.objects.remove(key) {
            Some(Object::IstioGateway(gateway)) => {
                self.listeners.forget();
                self.gateways.remove(&gateway);
                self.redirects.remove(&gateway);
            }
            Some(Object::Service(service)) => {
                self.listeners.forget_namespace(&key.namespace);
                self.services.remove(key, &service.selector);
                self.services_by_label.remove(key, &service.meta.labels);
                self.load_balancers.remove(key);
            }
            _ => {}
        }
    }

    /// Notes that a kind cannot be read, in one namespace or (with an empty one) anywhere, and why; or, with `None`,
    /// that it can again.
    pub fn set_unread(&mut self, kind: Kind, namespace: &str, why: Option<Arc<str>>) {
        let place = (kind, namespace.into());
        if self.unread.get(&place) == why.as_ref() {
            return;
        }
        match why {
            Some(why) => self.unread.insert(place, why),
            None => self.unread.remove(&place),
        };
        self.edition += 1;
    }

    /// Notes that one object cannot be read, and why.
    pub fn set_unread_object(&mut self, key: ObjectKey, why: Arc<str>) {
        self.remove(&key);
        self.unread_objects.insert(key, why);
        self.edition += 1;
    }

    /// Groups the pods that a selector finds, as an answer holds them: those that cannot differ count once, and where there
    /// are none the templates stand in.
    pub fn group_pods(pods: Vec<Pods>, templates: impl FnOnce() -> Vec<Pods>) -> Vec<Pods> {
        stand_in(pods, templates)
    }

    /// Keeps the answer to a question about pods.
    pub fn answer_pods(&mut self, query: PodQuery, answer: Lookup<Vec<Pods>>) {
        if let PodStore::Answers(answers) = &mut self.pods
            && answers.get(&query) != Some(&answer)
        {
            answers.insert(query, answer);
            self.edition += 1;
        }
    }

    /// Forgets the answer to a question about pods that nobody asks any more.
    pub fn forget_pods(&mut self, query: &PodQuery) {
        if let PodStore::Answers(answers) = &mut self.pods {
            answers.remove(query);
            self.edition += 1;
        }
    }

    /// Everything but InferenceServices.
    pub fn objects(&self) -> impl Iterator<Item = (&ObjectKey, &Object)> {
        self.objects.iter()
    }

    /// An object as it was read, and the resource version with it.
    #[must_use]
    pub fn object(&self, key: &ObjectKey) -> Lookup<Object> {
        if let Some(object) = self.objects.get(key) {
            return Lookup::Present(object.clone());
        }
        if let Some(why) = self.unread_objects.get(key) {
            return Lookup::Unknown(why.clone());
        }
        self.unread(key.kind, &key.namespace).map_or(Lookup::Absent, Lookup::Unknown)
    }

    /// Why what could not be read could not be.
    pub(super) fn reasons_unread(&self) -> impl Iterator<Item = &Arc<str>> {
        let answers = match &self.pods {
            PodStore::Whole => None,
            PodStore::Answers(answers) => Some(answers.values()),
        };
        let pods = answers.into_iter().flatten().filter_map(|answer| match answer {
            Lookup::Unknown(why) => Some(why),
            Lookup::Present(_) | Lookup::Absent => None,
        });
        self.unread.values().chain(self.unread_objects.values()).chain(pods)
    }

    /// What was read of an object, at its place.
    pub(super) fn as_read(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.get(key)
    }

    pub(super) fn unread(&self, kind: Kind, namespace: &str) -> Option<Arc<str>> {
        if self.unread.is_empty() {
            return None;
        }
        let anywhere = self.unread.get(&(kind, "".into()));
        anywhere.or_else(|| self.unread.get(&(kind, namespace.into()))).cloned()
    }

    /// The InferenceServices.
    #[must_use]
    pub fn population(&self) -> &Population {
        &self.population
    }

    pub(super) fn services_in(&self, namespace: &str) -> impl Iterator<Item = &Arc<Service>> {
        let first = ObjectKey::new(Kind::Service, namespace, "");
        let range = self.objects.range(first..).take_while({
            let namespace = namespace.to_owned();
            move |(key, _)| key.kind == Kind::Service && *key.namespace == *namespace
        });
        range.filter_map(|(_, object)| match object {
            Object::Service(service) => Some(service),
            _ => None,
        })
    }

    pub(super) fn services_selecting(&self, selector: &Labels) -> impl Iterator<Item = &Arc<Service>> {
        let pair = selector.iter().next().map(|(label, value)| (label.clone(), value.clone()));
        let keys = pair.and_then(|pair| self.services.by_pair.get(&pair)).into_iter().flatten();
        keys.filter_map(|key| self.service(key))
    }

    /// The Services of a namespace whose selector finds pods with these labels.
    pub(super) fn services_on<'s>(
        &'s self,
        namespace: &Arc<str>,
        labels: &Labels,
    ) -> impl Iterator<Item = &'s Arc<Service>> {
        let first = ObjectKey::new(Kind::Service, namespace.clone(), "");
        let pairs = labels.iter().filter_map(|(label, value)| {
            Some(((label, value), self.services.by_pair.get(&(label.clone(), value.clone()))?))
        });
        let keys = pairs.flat_map(move |(pair, keys)| {
            keys.range(first.clone()..).take_while(|key| key.namespace == *namespace).map(move |key| (pair, key))
        });
        keys.filter_map(|(pair, key)| {
            let service = self.service(key)?;
            // A Service is listed under each of its pairs, and counts under the first.
            (service.selector.first_key_value() == Some(pair) && selects(&service.selector, labels)).then_some(service)
        })
    }

    pub(super) fn services_labelled(&self, labels: &Labels) -> impl Iterator<Item = &Arc<Service>> {
        let pair = labels.iter().next().map(|(label, value)| (label.clone(), value.clone()));
        let keys = pair.and_then(|pair| self.services_by_label.by_pair.get(&pair)).into_iter().flatten();
        keys.filter_map(|key| self.service(key))
    }

    pub(super) fn load_balancers(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.load_balancers.iter().filter_map(|key| self.service(key))
    }

    fn service(&self, key: &ObjectKey) -> Option<&Arc<Service>> {
        match self.objects.get(key)? {
            Object::Service(service) => Some(service),
            _ => None,
        }
    }

    pub(super) fn gateway(&self, key: &ObjectKey) -> Option<&Arc<IstioGateway>> {
        match self.objects.get(key)? {
            Object::IstioGateway(gateway) => Some(gateway),
            _ => None,
        }
    }

    pub(super) fn knative_servings(&self) -> impl Iterator<Item = &Arc<KnativeServing>> {
        self.objects_of(Kind::KnativeServing).filter_map(|(_, object)| match object {
            Object::KnativeServing(serving) => Some(serving),
            _ => None,
        })
    }

    pub(super) fn namespaces(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Meta>)> {
        self.objects_of(Kind::Namespace).filter_map(|(key, object)| match object {
            Object::Namespace(meta) => Some((&key.name, meta)),
            _ => None,
        })
    }

    pub(super) fn namespaces_of_config_map(&self, name: &str) -> BTreeSet<Arc<str>> {
        let named = self.objects_of(Kind::ConfigMap).filter(|(key, _)| *key.name == *name);
        named.map(|(key, _)| key.namespace.clone()).collect()
    }

    /// The objects of a kind; none for InferenceServices.
    pub fn objects_of(&self, kind: Kind) -> impl Iterator<Item = (&ObjectKey, &Object)> {
        self.objects.range(ObjectKey::new(kind, "", "")..).take_while(move |(key, _)| key.kind == kind)
    }

    /// The pods that a selector finds, or the templates that stand in.
    pub(crate) fn pods(&self, query: &PodQuery) -> Lookup<Vec<Pods>> {
        match &self.pods {
            PodStore::Answers(answers) => {
                answers.get(query).cloned().unwrap_or_else(|| Lookup::Unknown("the pods have not been read yet".into()))
            }
            PodStore::Whole => match self.unread(Kind::Pod, &query.namespace) {
                Some(why) => Lookup::Unknown(why),
                None => Lookup::Present(self.find_pods(query)),
            },
        }
    }

    /// The objects of a kind in a namespace; none for InferenceServices.
    pub fn objects_in<'s>(
        &'s self,
        kind: Kind,
        namespace: &'s str,
    ) -> impl Iterator<Item = (&'s ObjectKey, &'s Object)> {
        let first = ObjectKey::new(kind, namespace, "");
        self.objects.range(first..).take_while(move |(key, _)| key.kind == kind && *key.namespace == *namespace)
    }

    fn find_pods(&self, query: &PodQuery) -> Vec<Pods> {
        let here = |kind: Kind| self.objects_in(kind, &query.namespace);
        let pods = here(Kind::Pod).filter_map(|(_, object)| match object {
            Object::Pod(pod) if !pod.ended => Some(pod.pods.clone()),
            _ => None,
        });
        let templates = [Kind::Deployment, Kind::DaemonSet, Kind::StatefulSet].into_iter().flat_map(here);
        let templates = templates.filter_map(|(_, object)| match object {
            Object::Workload(workload) => Some(workload.template.clone()),
            _ => None,
        });
        stand_in(pods.filter(|pods| selects(&query.selector, &pods.labels)).collect(), || {
            templates.filter(|pods| selects(&query.selector, &pods.labels)).collect()
        })
    }
}

/// Groups pods that cannot differ; where there are none, templates stand in: a gateway scaled to zero, or one whose
/// rollout has not begun, is still a gateway.
fn stand_in(pods: Vec<Pods>, templates: impl FnOnce() -> Vec<Pods>) -> Vec<Pods> {
    let mut pods = if pods.is_empty() { templates() } else { pods };
    pods.sort_by(|a, b| (&a.labels, &a.ports, &a.example).cmp(&(&b.labels, &b.ports, &b.example)));
    // A pod's own template hash makes no difference to any selector that a person writes, but two pods of one template
    // must not count as two kinds of pods.
    pods.dedup_by(|a, b| a.labels == b.labels && a.ports == b.ports);
    pods
}
