use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::repository::{Commit, file_name};
use super::tool::{Tool, result_of};
use crate::control_plane::{ControlPlane, User};

/// `kubectl apply` on a folder; what the repository no longer holds is deleted by hand afterwards.
pub(super) struct Kubectl<'a> {
    cluster: &'a ControlPlane,
    how: How,
    applied: Vec<Value>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// `kubectl apply -f DIR`.
    Folder,
    /// `kubectl apply -k DIR`, told to keep the order where there is one.
    Kustomization,
    /// The same without being told.
    SortedKustomization,
}

impl<'a> Kubectl<'a> {
    pub(super) fn new(cluster: &'a ControlPlane, how: How) -> Self {
        Self { cluster, how, applied: Vec::new() }
    }
}

impl Tool for Kubectl<'_> {
    fn attempt(&mut self, commit: &Commit) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let files = write(commit, folder.path());
        let flag = match self.how {
            How::Folder => "-f",
            How::Kustomization | How::SortedKustomization => {
                let mut kustomization = json!({"resources": files});
                if matches!(self.how, How::Kustomization) && commit.waves.len() > 1 {
                    kustomization["sortOptions"] = json!({"order": "fifo"});
                }
                fs::write(folder.path().join("kustomization.yaml"), kustomization.to_string()).unwrap();
                "-k"
            }
        };
        let applied = result_of(self.cluster.kubectl_as(User::Gitops, &["apply", flag, path]));
        self.applied.extend(commit.objects());
        applied.map_err(|said| said.replace(path, "DIR"))?;

        let gone = json!({"apiVersion": "v1", "kind": "List", "items": commit.missing_from(&self.applied)});
        let args = ["delete", "--ignore-not-found", "-f", "-"];
        result_of(self.cluster.kubectl_with_input(User::Gitops, &args, &gone.to_string()))?;
        self.applied = commit.objects();
        Ok(())
    }
}

/// Writes one file for each object, or, where there is an order, a numbered one for each wave; returns their names.
fn write(commit: &Commit, folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut file = |name: String, objects: &[Value]| {
        let texts: Vec<_> = objects.iter().map(Value::to_string).collect();
        fs::write(folder.join(&name), texts.join("\n---\n")).unwrap();
        files.push(name);
    };
    if let [wave] = &commit.waves[..] {
        for object in &wave.objects {
            file(file_name(object), std::slice::from_ref(object));
        }
    } else {
        for (index, wave) in commit.waves.iter().enumerate() {
            file(format!("{index}-{}.yaml", wave.part), &wave.objects);
        }
    }
    files
}
