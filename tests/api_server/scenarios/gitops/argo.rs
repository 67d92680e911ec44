use serde::Deserialize;
use serde_json::{Value, json};

use super::repository::Commit;
use super::tool::Tool;
use crate::control_plane::{ControlPlane, User};

/// Argo CD's engine, with a wave annotation on each object where there is an order.
pub(super) struct Argo<'a> {
    cluster: &'a ControlPlane,
    /// All that carries the Application's mark.
    marked: Vec<Value>,
    /// Whether what is pruned goes last where there is an order.
    pub(super) prune_last: bool,
}

/// What the operation state of an Application says.
#[derive(Debug, Deserialize)]
pub(super) struct Synchronized {
    pub(super) phase: String,
    pub(super) message: String,
    pub(super) resources: Vec<Resource>,
}

/// What came of one object.
#[derive(Debug, Deserialize)]
pub(super) struct Resource {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) message: String,
}

impl<'a> Argo<'a> {
    pub(super) fn new(cluster: &'a ControlPlane) -> Self {
        Self { cluster, marked: Vec::new(), prune_last: true }
    }
}

impl Tool for Argo<'_> {
    fn attempt(&mut self, commit: &Commit) -> Result<(), String> {
        let has_order = commit.waves.len() > 1;
        let objects = if has_order { in_waves(commit) } else { commit.objects() };
        let options: &[&str] = if has_order && self.prune_last { &["PruneLast=true"] } else { &[] };
        let synchronized = synchronize(self.cluster, &objects, &self.marked, options);
        self.marked.extend(objects);
        synchronized.result()?;
        self.marked = commit.objects();
        Ok(())
    }
}

impl Synchronized {
    /// # Errors
    /// With what is shown of the objects that failed.
    pub(super) fn result(self) -> Result<(), String> {
        if self.phase == "Succeeded" {
            return Ok(());
        }
        let mut failed: Vec<_> = self.resources.iter().filter(|resource| resource.status == "SyncFailed").collect();
        failed.sort_by_key(|resource| (&resource.kind, &resource.name));
        // The engine joins the reasons in an order that is another one each time (gitops-engine `syncTasks.Map`).
        let summary = match self.message.split_once("reason: ") {
            Some((summary, _)) => {
                let reasons: Vec<_> = failed.iter().map(|resource| resource.message.as_str()).collect();
                format!("{summary}reason: {}", reasons.join(","))
            }
            None => self.message.clone(),
        };
        let told = failed.iter().map(|resource| format!("{} {}: {}", resource.kind, resource.name, resource.message));
        Err([summary].into_iter().chain(told).collect::<Vec<_>>().join("\n"))
    }
}

/// Synchronizes an Application once.
pub(super) fn synchronize(
    cluster: &ControlPlane,
    objects: &[Value],
    previous: &[Value],
    options: &[&str],
) -> Synchronized {
    let wanted = json!({"objects": objects, "previous": previous, "options": options});
    let answer = cluster.gitops_client("argo", User::Gitops, &wanted.to_string()).expect_success();
    serde_json::from_str(&answer).unwrap()
}

fn in_waves(commit: &Commit) -> Vec<Value> {
    let waves = commit.waves.iter().enumerate();
    let annotated = waves.flat_map(|(index, wave)| {
        wave.objects.iter().map(move |object| {
            let mut object = object.clone();
            object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = index.to_string().into();
            object
        })
    });
    annotated.collect()
}
