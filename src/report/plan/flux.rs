//! A plan as Flux Kustomizations that depend on one another.

use serde_json::{Value, json};

use super::files::File;
use super::stages::{Stage, file_name, first, stages};
use super::{removal, yaml};
use crate::plan::Plan;

/// Renders a plan all of whose steps are admitted: a folder a wave, and a Kustomization for each. Flux dry-runs everything that
/// one Kustomization holds against the cluster before it applies any of it, so that a wave has to stand alone.
#[must_use]
pub fn files(plan: &Plan) -> Vec<File> {
    let (stages, deleted) = stages(plan);
    let mut files = vec![File { path: "README.md".to_owned(), text: readme(&stages, &removal(&deleted)) }];
    for (index, stage) in stages.iter().enumerate() {
        let folder = format!("commit-{}", index + 1);
        let mut before: Option<usize> = None;
        for (wave, writes) in &stage.waves {
            let path = format!("{folder}/wave-{wave}");
            if index == 0 && before.is_none() {
                files.extend(first(plan).map(|(key, manifest)| File {
                    path: format!("{path}/{}", file_name(key)),
                    text: yaml::render(manifest),
                }));
            }
            files.extend(writes.iter().map(|write| File {
                path: format!("{path}/{}", file_name(&write.step.key)),
                text: yaml::render(write.manifest),
            }));
            files.push(File {
                path: format!("{folder}/kustomization-wave-{wave}.yaml"),
                text: yaml::render(&kustomization(*wave, &path, before)),
            });
            before = Some(*wave);
        }
    }
    files
}

/// A Kustomization (flux `kustomize.toolkit.fluxcd.io/v1`) that waits until what it applied is ready. It prunes nothing: the
/// folders go once the change is made, and the objects stay.
fn kustomization(wave: usize, path: &str, before: Option<usize>) -> Value {
    let name = |wave: usize| format!("plumbline-wave-{wave}");
    let mut kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name(wave), "namespace": "flux-system"},
        "spec": {
            "interval": "10m",
            "path": format!("./{path}"),
            "prune": false,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            "wait": true,
        },
    });
    if let Some(before) = before {
        kustomization["spec"]["dependsOn"] = json!([{"name": name(before)}]);
    }
    kustomization
}

fn readme(stages: &[Stage<'_>], removal: &str) -> String {
    let mut text = String::from(
        "# A change in waves for Flux\n\nA folder holds one wave, and the Kustomizations beside the folders apply one after the other. \
         Set their `path` and `sourceRef` to your repository, and suspend the Kustomization that owns these objects meanwhile.\n",
    );
    if stages.len() > 1 {
        text.push_str(
            "\nSome objects are written twice, and two Kustomizations would fight over them: commit the folders one after the \
             other, and delete the Kustomizations of the one before first. They prune nothing.\n",
        );
    }
    text.push_str(
        "\nKServe reads `inferenceservice-config` when it reconciles an InferenceService, and does not watch it: restart its \
         controller after the wave that changes it.\n",
    );
    text.push_str(removal);
    text
}
