//! A cluster as it is, or as it would be: a snapshot with a change laid over it.
//!
//! A view answers every question three ways. What is not there is [`Lookup::Absent`]; what could not be read is
//! [`Lookup::Unknown`], and never the same as absent. It also remembers what it was asked: the [`Need`]s of a verdict are
//! what a source has to read afresh before the verdict may be given.

mod gateways;
mod listeners;
mod redirects;
mod rollout;
mod snapshot;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

pub use gateways::PlacedServer;
pub use listeners::Place;
pub use redirects::host_parts;
pub use snapshot::{PodStore, Snapshot};

use listeners::Listeners;

use crate::model::config_map::ConfigMap;
use crate::model::istio_gateway::IstioGateway;
use crate::model::knative_serving::KnativeServing;
use crate::model::service::Service;
use crate::model::workload::{Pods, Workload};
use crate::model::{Labels, Meta, Object, selects};
use crate::object::{Kind, ObjectKey};
use crate::population::Population;

/// The answer to a question about a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It is there.
    Present(T),
    /// It is not there.
    Absent,
    /// It could not be read, and why.
    Unknown(Arc<str>),
}

impl<T> Lookup<T> {
    /// What is there.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Looks at what is there.
    pub fn as_ref(&self) -> Lookup<&T> {
        match self {
            Self::Present(value) => Lookup::Present(value),
            Self::Absent => Lookup::Absent,
            Self::Unknown(why) => Lookup::Unknown(why.clone()),
        }
    }

    /// Changes what is there.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::Present(value) => Lookup::Present(change(value)),
            Self::Absent => Lookup::Absent,
            Self::Unknown(why) => Lookup::Unknown(why),
        }
    }
}

/// The pods of a namespace that a selector finds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodQuery {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The selector; never empty.
    pub selector: Labels,
}

/// Something that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// One object.
    Object(ObjectKey),
    /// Every Service of a namespace: those that select a gateway's pods translate its ports.
    Services(Arc<str>),
    /// Pods, or the workloads whose templates stand in for them.
    Pods(PodQuery),
}

/// A cluster with changes laid over it. Cheap to make and to clone: the snapshot is shared.
#[derive(Debug)]
pub struct View<'a> {
    base: &'a Snapshot,
    overlay: BTreeMap<ObjectKey, Option<Object>>,
    /// What an object laid over the cluster took the place of, where it was laid over it as well.
    replaced: BTreeMap<ObjectKey, Option<Object>>,
    needs: RefCell<BTreeSet<Need>>,
    /// Listeners that the objects laid over the cluster make different.
    listeners: Rc<Listeners>,
}

impl<'a> View<'a> {
    /// The cluster as the snapshot has it.
    #[must_use]
    pub fn of(base: &'a Snapshot) -> Self {
        Self {
            base,
            overlay: BTreeMap::new(),
            replaced: BTreeMap::new(),
            needs: RefCell::default(),
            listeners: Rc::default(),
        }
    }

    /// Lays an object over the cluster, or takes one away.
    #[must_use]
    pub fn with(mut self, key: ObjectKey, object: Option<Object>) -> Self {
        // What was read already keeps its address, by which the walk tells Gateways apart.
        let object =
            object.map(|object| self.base.as_read(&key).filter(|read| **read == object).cloned().unwrap_or(object));
        if let Some(old) = self.overlay.insert(key.clone(), object) {
            self.replaced.insert(key, old);
        }
        self.listeners = Rc::default();
        self
    }

    /// The same cluster with the same changes, nothing asked of it yet.
    #[must_use]
    pub fn fork(&self) -> View<'a> {
        let (overlay, replaced) = (self.overlay.clone(), self.replaced.clone());
        View { base: self.base, overlay, replaced, needs: RefCell::default(), listeners: self.listeners.clone() }
    }

    /// What was asked so far.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Need> {
        self.needs.borrow().clone()
    }

    /// Any object.
    pub fn object(&self, key: &ObjectKey) -> Lookup<Object> {
        match self.overlay.get(key) {
            Some(Some(object)) => Lookup::Present(object.clone()),
            Some(None) => Lookup::Absent,
            None => {
                self.needs.borrow_mut().insert(Need::Object(key.clone()));
                self.base.object(key)
            }
        }
    }

    /// A ConfigMap.
    pub fn config_map(&self, namespace: &str, name: &str) -> Lookup<Arc<ConfigMap>> {
        self.typed(Kind::ConfigMap, namespace, name, |object| match object {
            Object::ConfigMap(config_map) => Some(config_map),
            _ => None,
        })
    }

    /// An Istio Gateway.
    pub fn gateway(&self, namespace: &str, name: &str) -> Lookup<Arc<IstioGateway>> {
        self.typed(Kind::IstioGateway, namespace, name, |object| match object {
            Object::IstioGateway(gateway) => Some(gateway),
            _ => None,
        })
    }

    /// A Service.
    pub fn service(&self, namespace: &str, name: &str) -> Lookup<Arc<Service>> {
        self.typed(Kind::Service, namespace, name, |object| match object {
            Object::Service(service) => Some(service),
            _ => None,
        })
    }

    fn typed<T>(&self, kind: Kind, namespace: &str, name: &str, pick: fn(Object) -> Option<T>) -> Lookup<T> {
        match self.object(&ObjectKey::new(kind, namespace, name)).map(pick) {
            Lookup::Present(Some(value)) => Lookup::Present(value),
            Lookup::Present(None) | Lookup::Absent => Lookup::Absent,
            Lookup::Unknown(why) => Lookup::Unknown(why),
        }
    }

    /// The Services of a namespace.
    pub fn services_in(&self, namespace: &str) -> Lookup<Vec<Arc<Service>>> {
        self.needs.borrow_mut().insert(Need::Services(namespace.into()));
        if let Some(why) = self.base.unread(Kind::Service, namespace) {
            return Lookup::Unknown(why);
        }
        let in_namespace = |service: &&Arc<Service>| *service.key.namespace == *namespace;
        Lookup::Present(self.services(self.base.services_in(namespace).filter(in_namespace), |service| {
            *service.key.namespace == *namespace
        }))
    }

    /// Why Services are not known in every namespace, where they are not.
    pub fn services_unread(&self) -> Option<Arc<str>> {
        self.base.unread(Kind::Service, "")
    }

    /// Why something could not be read, where that is why a request is unknown.
    pub fn reason_unread(&self, why: &str) -> Option<Arc<str>> {
        self.base.reasons_unread().find(|reason| why.ends_with(&***reason)).cloned()
    }

    /// The Services of the pods' own namespace that lead to them.
    pub fn services_on(&self, pods: &Pods) -> Lookup<Vec<&Arc<Service>>> {
        self.needs.borrow_mut().insert(Need::Services(pods.namespace.clone()));
        if let Some(why) = self.base.unread(Kind::Service, &pods.namespace) {
            return Lookup::Unknown(why);
        }
        let standing = self.base.services_on(&pods.namespace, &pods.labels);
        let mut services: Vec<_> = standing.filter(|service| !self.overlay.contains_key(&service.key)).collect();
        services.extend(self.overlay.values().flatten().filter_map(|object| match object {
            Object::Service(service) if service.key.namespace == pods.namespace => Some(service),
            _ => None,
        }));
        services.retain(|service| service.selects_pods() && selects(&service.selector, &pods.labels));
        Lookup::Present(services)
    }

    /// The Services whose selector finds at least the pods that `selector` finds, whatever their namespace.
    pub fn services_selecting(&self, selector: &Labels) -> Vec<Arc<Service>> {
        let matches = |service: &Service| service.selects_pods() && selects(selector, &service.selector);
        let mut services = self.services(self.base.services_selecting(selector), matches);
        services.retain(|service| matches(service));
        services
    }

    /// The Services that carry at least these labels, whatever their namespace; none for no labels.
    pub fn services_labelled(&self, labels: &Labels) -> Vec<Arc<Service>> {
        let matches = |service: &Service| !labels.is_empty() && selects(labels, &service.meta.labels);
        let mut services = self.services(self.base.services_labelled(labels), matches);
        services.retain(|service| matches(service));
        services
    }

    /// Services of type `LoadBalancer`, whatever their namespace.
    pub fn load_balancers(&self) -> Vec<Arc<Service>> {
        use crate::model::service::ServiceKind::LoadBalancer;
        self.services(self.base.load_balancers(), |service| service.kind == LoadBalancer)
    }

    fn services<'s>(
        &self,
        base: impl Iterator<Item = &'s Arc<Service>>,
        wanted: impl Fn(&Service) -> bool,
    ) -> Vec<Arc<Service>> {
        let mut services: Vec<_> = base.filter(|service| !self.overlay.contains_key(&service.key)).cloned().collect();
        services.extend(self.overlay.values().flatten().filter_map(|object| match object {
            Object::Service(service) if wanted(service) => Some(service.clone()),
            _ => None,
        }));
        services
    }

    /// The pods that a selector finds, ready or not; where there are none, what the workloads' templates would make of
    /// them. A workload that this view changes replaces the pods it owned.
    pub fn pods(&self, namespace: &str, selector: &Labels) -> Lookup<Vec<Pods>> {
        let query = PodQuery { namespace: namespace.into(), selector: selector.clone() };
        self.needs.borrow_mut().insert(Need::Pods(query.clone()));
        let mut found = match self.base.pods(&query) {
            Lookup::Present(found) => found,
            Lookup::Absent => Vec::new(),
            Lookup::Unknown(why) => return Lookup::Unknown(why),
        };
        for (key, change) in self.overlay.iter().filter(|(key, _)| *key.namespace == *namespace) {
            if matches!(key.kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
                self.replace_pods(&mut found, key, change.as_ref(), selector);
            } else if key.kind == Kind::Pod {
                found.retain(|pods| pods.example != *key);
                if let Some(Object::Pod(pod)) = change
                    && !pod.ended
                    && selects(selector, &pod.pods.labels)
                {
                    found.push(pod.pods.clone());
                }
            }
        }
        Lookup::Present(found)
    }

    fn replace_pods(&self, found: &mut Vec<Pods>, key: &ObjectKey, change: Option<&Object>, selector: &Labels) {
        if let Some(Object::Workload(old)) = self.before(key) {
            found.retain(|pods| !old.selector.matches(&pods.labels));
        }
        if let Some(Object::Workload(new)) = change
            && selects(selector, &new.template.labels)
            // Scaled down in this very write: its pods go, and nothing stands in for them.
            && (!new.scaled_to_zero || self.was_scaled_to_zero(key))
        {
            found.push(new.template.clone());
        }
    }

    fn was_scaled_to_zero(&self, key: &ObjectKey) -> bool {
        matches!(self.before(key), Some(Object::Workload(old)) if old.scaled_to_zero)
    }

    /// An object as it was before it was changed in this view.
    fn before(&self, key: &ObjectKey) -> Option<Object> {
        self.replaced.get(key).map_or_else(|| self.base.object(key).present(), Clone::clone)
    }

    /// Whether the change leaves a Service without the selector that it has.
    #[must_use]
    pub fn takes_selector_from(&self, key: &ObjectKey) -> bool {
        let selects = |object: &Object| matches!(object, Object::Service(service) if service.selects_pods());
        let Some(Some(changed)) = self.overlay.get(key) else { return false };
        !selects(changed) && self.before(key).is_some_and(|old| selects(&old))
    }

    /// A workload, for the release that its image tells.
    pub fn workload(&self, kind: Kind, namespace: &str, name: &str) -> Lookup<Arc<Workload>> {
        // Versions are not asked for afresh: no write of a sibling a moment ago changes them.
        match self.base.object(&ObjectKey::new(kind, namespace, name)) {
            Lookup::Present(Object::Workload(workload)) => Lookup::Present(workload),
            Lookup::Present(_) | Lookup::Absent => Lookup::Absent,
            Lookup::Unknown(why) => Lookup::Unknown(why),
        }
    }

    /// The `KnativeServings`.
    pub fn knative_servings(&self) -> Vec<Arc<KnativeServing>> {
        let base = self.base.knative_servings().filter(|serving| !self.overlay.contains_key(&serving.key)).cloned();
        let laid_over = self.overlay.values().flatten().filter_map(|object| match object {
            Object::KnativeServing(serving) => Some(serving.clone()),
            _ => None,
        });
        base.chain(laid_over).collect()
    }

    /// The namespaces, with their metadata.
    pub fn namespaces(&self) -> Vec<(Arc<str>, Arc<Meta>)> {
        let base = self
            .base
            .namespaces()
            .filter(|(name, _)| !self.overlay.contains_key(&ObjectKey::new(Kind::Namespace, "", (*name).clone())));
        let laid_over = self.overlay.iter().filter_map(|(key, object)| match object {
            Some(Object::Namespace(meta)) => Some((key.name.clone(), meta.clone())),
            _ => None,
        });
        base.map(|(name, meta)| (name.clone(), meta.clone())).chain(laid_over).collect()
    }

    /// Whether a namespace is being deleted.
    pub fn is_namespace_terminating(&self, name: &str) -> bool {
        match self.object(&ObjectKey::new(Kind::Namespace, "", name)) {
            Lookup::Present(Object::Namespace(meta)) => meta.terminating,
            _ => false,
        }
    }

    /// The namespaces that hold a ConfigMap of this name.
    pub fn namespaces_of_config_map(&self, name: &str) -> BTreeSet<Arc<str>> {
        let mut namespaces = self.base.namespaces_of_config_map(name);
        for (key, object) in self.overlay.iter().filter(|(key, _)| key.kind == Kind::ConfigMap && *key.name == *name) {
            match object {
                Some(_) => namespaces.insert(key.namespace.clone()),
                None => namespaces.remove(&key.namespace),
            };
        }
        namespaces
    }

    /// The InferenceServices.
    #[must_use]
    pub fn population(&self) -> &'a Population {
        self.base.population()
    }

    /// Why the InferenceServices could not be read, where they could not.
    #[must_use]
    pub fn population_unread(&self) -> Option<Arc<str>> {
        self.base.unread(Kind::InferenceService, "")
    }
}
