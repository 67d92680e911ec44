//! Who is affected: the InferenceServices of a cluster, kept so that those which cannot differ stand together.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Labels;
use crate::model::inference_service::{InferenceService, Shape};

/// The names of one namespace, each with its labels.
pub type Names = BTreeMap<Arc<str>, Arc<Labels>>;

/// InferenceServices by shape and namespace. A hundred thousand take some 10 MiB: a name and a shared pointer each.
#[derive(Clone, Debug, Default)]
pub struct Population {
    shapes: BTreeMap<Shape, BTreeMap<Arc<str>, Names>>,
    /// Label sets that occur, so that equal ones are stored once.
    label_sets: BTreeMap<Arc<Labels>, usize>,
    /// How often each name occurs, whatever its namespace.
    names: BTreeMap<Arc<str>, usize>,
    count: usize,
}

impl Population {
    /// Adds an InferenceService, or replaces it; one that serves no requests is only removed.
    pub fn insert(&mut self, namespace: &Arc<str>, name: &Arc<str>, service: &InferenceService) {
        self.remove(namespace, name);
        let Some(shape) = &service.shape else { return };
        let labels = self.intern(&service.labels);
        // The namespace's own text is shared by all of its names.
        let namespaces = self.shapes.entry(shape.clone()).or_default();
        namespaces.entry(namespace.clone()).or_default().insert(name.clone(), labels);
        *self.names.entry(name.clone()).or_default() += 1;
        self.count += 1;
    }

    /// Removes an InferenceService; one that is not there is no error.
    pub fn remove(&mut self, namespace: &str, name: &str) {
        let mut removed = None;
        for namespaces in self.shapes.values_mut() {
            let Some(names) = namespaces.get_mut(namespace) else { continue };
            if let Some(labels) = names.remove(name) {
                if names.is_empty() {
                    namespaces.remove(namespace);
                }
                removed = Some(labels);
                break;
            }
        }
        let Some(labels) = removed else { return };
        self.count -= 1;
        if let Some(uses) = self.names.get_mut(name) {
            *uses -= 1;
            if *uses == 0 {
                self.names.remove(name);
            }
        }
        self.shapes.retain(|_, namespaces| !namespaces.is_empty());
        if let Some(users) = self.label_sets.get_mut(&labels) {
            *users -= 1;
            if *users == 0 {
                self.label_sets.remove(&labels);
            }
        }
    }

    /// Whether any InferenceService has this name.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The shapes that occur, each with its namespaces and names.
    pub fn shapes(&self) -> impl Iterator<Item = (&Shape, &BTreeMap<Arc<str>, Names>)> {
        self.shapes.iter()
    }

    fn intern(&mut self, labels: &Arc<Labels>) -> Arc<Labels> {
        if let Some((known, _)) = self.label_sets.get_key_value(labels) {
            let known = known.clone();
            if let Some(users) = self.label_sets.get_mut(&known) {
                *users += 1;
            }
            return known;
        }
        self.label_sets.insert(labels.clone(), 1);
        labels.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(labels: &[(&str, &str)]) -> InferenceService {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        InferenceService {
            meta: crate::model::Meta::default(),
            labels: Arc::new(labels),
            shape: Some(Shape::default()),
        }
    }

    #[test]
    fn replacing_and_removing_leave_no_trace() {
        let mut population = Population::default();
        let (namespace, name): (Arc<str>, Arc<str>) = ("models".into(), "iris".into());
        population.insert(&namespace, &name, &service(&[("tier", "gold")]));
        population.insert(&namespace, &name, &service(&[]));
        assert_eq!(population.len(), 1);
        let stopped = InferenceService { shape: None, ..service(&[]) };
        population.insert(&namespace, &name, &stopped);
        assert!(
            population.is_empty()
                && population.shapes.is_empty()
                && population.label_sets.is_empty()
                && population.names.is_empty()
        );
    }
}
