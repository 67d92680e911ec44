use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::repository::Commit;
use super::tool::Tool;
use crate::control_plane::{ControlPlane, User};

/// Flux's engine, with one Kustomization for each wave, each of which depends on the one before.
pub(super) struct Flux<'a> {
    cluster: &'a ControlPlane,
    /// What each Kustomization has applied, as its status remembers.
    inventories: BTreeMap<&'static str, Vec<Value>>,
}

/// What came of one Kustomization.
#[derive(Debug, Deserialize)]
struct Reconciled {
    failure: String,
}

impl<'a> Flux<'a> {
    pub(super) fn new(cluster: &'a ControlPlane) -> Self {
        Self { cluster, inventories: BTreeMap::new() }
    }

    fn reconcile(&mut self, name: &'static str, objects: &[Value]) -> Result<(), String> {
        let previous = self.inventories.get(name).cloned().unwrap_or_default();
        reconcile(self.cluster, name, objects, &previous, false)?;
        self.inventories.insert(name, objects.to_vec());
        Ok(())
    }
}

impl Tool for Flux<'_> {
    fn attempt(&mut self, commit: &Commit) -> Result<(), String> {
        for wave in &commit.waves {
            self.reconcile(wave.part, &wave.objects)?;
        }
        let known: Vec<_> = self.inventories.keys().copied().collect();
        for gone in known.into_iter().filter(|name| !commit.waves.iter().any(|wave| wave.part == *name)) {
            self.reconcile(gone, &[])?;
        }
        Ok(())
    }
}

/// Reconciles one Kustomization once.
///
/// # Errors
/// With what its condition `Ready` would say.
pub(super) fn reconcile(
    cluster: &ControlPlane,
    name: &str,
    objects: &[Value],
    previous: &[Value],
    force: bool,
) -> Result<(), String> {
    let wanted = json!({"name": name, "objects": objects, "previous": previous, "force": force});
    let answer = cluster.gitops_client("flux", User::Gitops, &wanted.to_string()).expect_success();
    let reconciled: Reconciled = serde_json::from_str(&answer).unwrap();
    if reconciled.failure.is_empty() { Ok(()) } else { Err(reconciled.failure) }
}
