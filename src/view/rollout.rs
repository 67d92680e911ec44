//! A cluster after workloads have been changed and their pods replaced.

use super::{Lookup, PodStore, Snapshot, View};
use crate::model::Object;
use crate::object::{Kind, ObjectKey};

impl Snapshot {
    /// The cluster with other workloads, or other pods, once every rollout is over.
    #[must_use]
    pub fn rolled_out<'c>(&self, changes: impl IntoIterator<Item = (&'c ObjectKey, &'c Option<Object>)>) -> Self {
        let mut next = self.clone();
        let mut view = View::of(self);
        for (key, object) in changes {
            next.retire_pods_of(key, self);
            match object {
                Some(object) => next.insert(key.clone(), object.clone()),
                None => next.remove(key),
            }
            view = view.with(key.clone(), object.clone());
        }
        if let PodStore::Answers(answers) = &self.pods {
            for (query, answer) in answers {
                if matches!(answer, Lookup::Present(_)) {
                    next.answer_pods(query.clone(), view.pods(&query.namespace, &query.selector));
                }
            }
        }
        next
    }

    /// Removes the pods that a workload owned, where pods are among the objects: a template stands in for the new ones.
    fn retire_pods_of(&mut self, key: &ObjectKey, before: &Self) {
        if !matches!(key.kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
            return;
        }
        let Lookup::Present(Object::Workload(old)) = before.object(key) else { return };
        let owned = before.objects_in(Kind::Pod, &key.namespace).filter_map(|(key, object)| match object {
            Object::Pod(pod) if old.selector.matches(&pod.pods.labels) => Some(key.clone()),
            _ => None,
        });
        for pod in owned.collect::<Vec<_>>() {
            self.remove(&pod);
        }
    }
}
