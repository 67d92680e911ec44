//! A plan as manifests with Argo CD's sync waves.

use serde_json::Value;

use super::files::File;
use super::stages::{Stage, file_name, first, stages};
use super::{removal, yaml};
use crate::plan::Plan;

/// The annotation that Argo CD orders by (argo-cd `docs/user-guide/sync-waves.md`).
const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// Renders a plan all of whose steps are admitted: a folder a commit, since an Application knows one version of an object.
#[must_use]
pub fn files(plan: &Plan) -> Vec<File> {
    let (stages, deleted) = stages(plan);
    let mut files = vec![File { path: "README.md".to_owned(), text: readme(&stages, &removal(&deleted)) }];
    files.extend(first(plan).map(|(key, manifest)| File {
        path: format!("commit-1/{}", file_name(key)),
        text: yaml::render(&in_wave(manifest, 0)),
    }));
    for (index, stage) in stages.iter().enumerate() {
        for (wave, writes) in &stage.waves {
            files.extend(writes.iter().map(|write| File {
                path: format!("commit-{}/{}", index + 1, file_name(&write.step.key)),
                text: yaml::render(&in_wave(write.manifest, *wave)),
            }));
        }
    }
    files
}

fn in_wave(manifest: &Value, wave: usize) -> Value {
    let mut manifest = manifest.clone();
    manifest["metadata"]["annotations"][WAVE] = wave.to_string().into();
    manifest
}

fn readme(stages: &[Stage<'_>], removal: &str) -> String {
    let mut text = String::from(
        "# A change in waves for Argo CD\n\nThe manifests carry `argocd.argoproj.io/sync-wave`: Argo CD applies one wave, waits until \
         it is healthy, and goes on.\n",
    );
    if stages.len() > 1 {
        text.push_str(
            "\nSome objects are written twice, and an Application knows one version of each: commit the folders one after the \
             other, each over the one before, and sync in between.\n",
        );
    }
    text.push_str(
        "\nKServe reads `inferenceservice-config` when it reconciles an InferenceService, and does not watch it: restart its \
         controller after the wave that changes it.\n",
    );
    text.push_str(removal);
    text
}
