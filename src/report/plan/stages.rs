//! What a repository holds, commit by commit: a tool that applies a folder knows one version of each object.

use serde_json::Value;

use crate::object::ObjectKey;
use crate::plan::{Action, AsideReason, Plan, Step};

/// What one commit applies.
#[derive(Debug, Default)]
pub(super) struct Stage<'p> {
    /// The number of each wave in the whole plan, and its writes.
    pub(super) waves: Vec<(usize, Vec<Write<'p>>)>,
}

/// A manifest to apply.
#[derive(Debug)]
pub(super) struct Write<'p> {
    pub(super) step: &'p Step,
    pub(super) manifest: &'p Value,
}

/// Divides a plan where an object is written a second time; what is to be deleted comes last, for people to remove.
pub(super) fn stages(plan: &Plan) -> (Vec<Stage<'_>>, Vec<&ObjectKey>) {
    let mut stages: Vec<Stage<'_>> = vec![Stage::default()];
    let mut written: Vec<&ObjectKey> = Vec::new();
    let mut deleted: Vec<&ObjectKey> = Vec::new();
    for (index, wave) in plan.waves.iter().enumerate() {
        if wave.steps.iter().any(|step| written.contains(&&step.key)) {
            written.clear();
            stages.push(Stage::default());
        }
        let mut writes = Vec::new();
        for step in &wave.steps {
            match (&step.after, step.action) {
                (Some(manifest), Action::Create | Action::Change) => {
                    written.push(&step.key);
                    writes.push(Write { step, manifest });
                }
                _ => deleted.push(&step.key),
            }
        }
        if let Some(stage) = stages.last_mut().filter(|_| !writes.is_empty()) {
            stage.waves.push((index + 1, writes));
        }
    }
    stages.retain(|stage| !stage.waves.is_empty());
    (stages, deleted)
}

/// What has to be there before the first write: namespaces.
pub(super) fn first(plan: &Plan) -> impl Iterator<Item = (&ObjectKey, &Value)> {
    let first = plan.aside.iter().filter(|aside| aside.why == AsideReason::First);
    first.filter_map(|aside| Some((&aside.key, aside.after.as_ref()?)))
}

/// A name for the file of a write.
pub(super) fn file_name(key: &ObjectKey) -> String {
    let kind = key.kind.name().to_lowercase();
    if key.namespace.is_empty() {
        format!("{kind}-{}.yaml", key.name)
    } else {
        format!("{kind}-{}-{}.yaml", key.namespace, key.name)
    }
}
