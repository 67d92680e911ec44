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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::model::Labels;
    use crate::view::PodQuery;

    fn deployment(version: &str) -> (ObjectKey, Object) {
        let labels = json!({"app": "gateway", "version": version});
        let manifest = json!({
            "metadata": {"namespace": "a", "name": "gateway"},
            "spec": {"selector": {"matchLabels": {"app": "gateway"}}, "template": {"metadata": {"labels": labels}}},
        });
        Object::from_value(Kind::Deployment, manifest).unwrap()
    }

    fn versions(snapshot: &Snapshot) -> Vec<Arc<str>> {
        let selector = Labels::from([("app".into(), "gateway".into())]);
        let pods = View::of(snapshot).pods("a", &selector).present().unwrap();
        pods.iter().map(|pods| pods.labels["version"].clone()).collect()
    }

    #[test]
    fn new_pods_take_the_place_of_those_among_the_objects() {
        let mut snapshot = Snapshot::default();
        let (key, old) = deployment("1");
        let pod = json!({"metadata": {"namespace": "a", "name": "x", "labels": {"app": "gateway", "version": "1"}}});
        let (pod_key, pod) = Object::from_value(Kind::Pod, pod).unwrap();
        snapshot.insert(key.clone(), old);
        snapshot.insert(pod_key, pod);
        assert_eq!(versions(&snapshot), ["1".into()]);
        let next = snapshot.rolled_out([(&key, &Some(deployment("2").1))]);
        assert_eq!((versions(&next), versions(&snapshot)), (vec!["2".into()], vec!["1".into()]));
    }

    #[test]
    fn new_pods_take_the_place_of_those_that_were_answered() {
        let mut snapshot = Snapshot::with_pod_answers();
        let (key, old) = deployment("1");
        let Object::Workload(workload) = &old else { panic!("a workload") };
        let query = PodQuery { namespace: "a".into(), selector: Labels::from([("app".into(), "gateway".into())]) };
        snapshot.answer_pods(query, Lookup::Present(vec![workload.template.clone()]));
        snapshot.insert(key.clone(), old);
        let next = snapshot.rolled_out([(&key, &Some(deployment("2").1))]);
        assert_eq!((versions(&next), versions(&snapshot)), (vec!["2".into()], vec!["1".into()]));
    }
}
