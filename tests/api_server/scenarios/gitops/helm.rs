use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::repository::{Commit, file_name};
use super::tool::{Tool, result_of};
use crate::control_plane::{ControlPlane, User};

/// Where releases are kept.
const NAMESPACE: &str = "other";

/// The `helm` binary with one release, which is upgraded once for each wave.
pub(super) struct Helm<'a> {
    cluster: &'a ControlPlane,
    release: String,
    /// What was deployed last.
    deployed: Vec<Value>,
    /// What each revision consists of; Helm counts those that failed as well.
    revisions: Vec<Vec<Value>>,
    flags: &'static [&'static str],
}

impl<'a> Helm<'a> {
    pub(super) fn new(cluster: &'a ControlPlane) -> Self {
        static RELEASES: AtomicU32 = AtomicU32::new(1);
        let release = format!("gitops-{}", RELEASES.fetch_add(1, Ordering::Relaxed));
        Self { cluster, release, deployed: Vec::new(), revisions: Vec::new(), flags: &[] }
    }

    /// Has further flags given to every later upgrade and rollback.
    pub(super) fn set_flags(&mut self, flags: &'static [&'static str]) {
        self.flags = flags;
    }

    /// Makes the release consist of `objects`.
    fn deploy(&mut self, objects: &[Value]) -> Result<(), String> {
        let chart = tempfile::tempdir().unwrap();
        let path = chart.path().to_str().unwrap();
        let write = |file: &str, text: &str| fs::write(chart.path().join(file), text).unwrap();
        fs::create_dir(chart.path().join("objects")).unwrap();
        fs::create_dir(chart.path().join("templates")).unwrap();
        write("Chart.yaml", "{apiVersion: v2, name: gateways, version: 1.0.0}");
        // As they are: what is in the objects is no template.
        let template =
            r#"{{ range $path, $_ := .Files.Glob "objects/*" }}{{ $.Files.Get $path }}{{ "\n---\n" }}{{ end }}"#;
        write("templates/objects.yaml", template);
        for object in objects {
            write(&format!("objects/{}", file_name(object)), &object.to_string());
        }
        let args = ["upgrade", "--install", &self.release, path, "--namespace", NAMESPACE];
        self.revisions.push(objects.to_vec());
        result_of(self.cluster.helm_as(User::Gitops, &[&args, self.flags].concat()))?;
        self.deployed = objects.to_vec();
        Ok(())
    }

    /// The newest revision.
    pub(super) fn revision(&self) -> usize {
        self.revisions.len()
    }

    /// Takes the release back to an earlier revision.
    ///
    /// # Errors
    /// With what Helm prints.
    pub(super) fn roll_back(&mut self, revision: usize) -> Result<(), String> {
        let args = ["rollback", &self.release, &revision.to_string(), "--namespace", NAMESPACE];
        let answer = self.cluster.helm_as(User::Gitops, &[&args, self.flags].concat());
        let objects = self.revisions[revision - 1].clone();
        self.revisions.push(objects.clone());
        result_of(answer)?;
        self.deployed = objects;
        Ok(())
    }

    /// The revision that consisted of these objects.
    fn revision_of(&self, commit: &Commit) -> usize {
        let sorted = |objects: &[Value]| {
            let mut objects = objects.to_vec();
            objects.sort_by_key(file_name);
            objects
        };
        let wanted = sorted(&commit.objects());
        self.revisions.iter().position(|objects| sorted(objects) == wanted).unwrap() + 1
    }
}

impl Tool for Helm<'_> {
    fn attempt(&mut self, commit: &Commit) -> Result<(), String> {
        let mut objects = self.deployed.clone();
        let last = commit.waves.len() - 1;
        for (index, wave) in commit.waves.iter().enumerate() {
            let before = objects.clone();
            // The rest stays as it is until its turn comes.
            let others = Commit { waves: vec![wave.clone()] }.missing_from(&objects);
            objects = others.into_iter().chain(wave.objects.iter().cloned()).collect();
            objects.sort_by_key(file_name);
            if index == last {
                objects = commit.objects();
            }
            if index == last || objects != before {
                self.deploy(&objects)?;
            }
        }
        Ok(())
    }

    fn go_back(&mut self, commit: &Commit) -> Result<(), String> {
        if commit.waves.len() > 1 {
            return self.attempt(commit);
        }
        self.roll_back(self.revision_of(commit))
    }
}
