//! `plumbline check --live`

use std::collections::BTreeMap;
use std::process::ExitCode;

use tokio::time::Instant;

use super::{Check, Output, print_findings, print_sum, print_warnings};
use crate::cli::source::{ClusterArgs, READ_PATIENCE, objects, open};
use crate::cli::{FINDINGS, say};
use crate::cluster::Cluster;
use crate::engine::Warning;
use crate::exception::{Declared, Moment, Permission, Policy, Question};
use crate::finding::Finding;
use crate::gather::{Source as _, settle};
use crate::manifests::Manifests;
use crate::model::Object;
use crate::object::ObjectKey;
use crate::rehearsal::{Conditions, Rehearsal, Step, rehearse};
use crate::report::{exception, json};
use crate::settings::Settings;
use crate::webhook;

type Permissions = BTreeMap<ObjectKey, (Question, Permission)>;

impl Check {
    /// Lays the manifests over the live cluster: all at once, and one after the other.
    pub(super) fn rehearse(&self, manifests: &Manifests, settings: &Settings) -> anyhow::Result<ExitCode> {
        let now = webhook::now();
        let rehearsal = self.rehearsal(manifests, settings, now)?;
        let findings = findings(&rehearsal);
        match self.output {
            Output::Json => {
                let report = json::rehearsal(&rehearsal, &findings, &warnings(&rehearsal, now), now);
                say(&format!("{report:#}\n"));
            }
            Output::Text => self.tell(manifests, &rehearsal, &findings, now),
        }
        Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
    }

    fn rehearsal(&self, manifests: &Manifests, settings: &Settings, now: Moment) -> anyhow::Result<Rehearsal> {
        let cluster =
            ClusterArgs { manifests: None, kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        let objects = objects(manifests).collect::<anyhow::Result<Vec<_>>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (source, judge_settings) = open(&cluster, settings).await?;
            let permissions = permissions(&source, &objects, &settings.transition).await;
            let conditions =
                Conditions { settings: &judge_settings, policy: &settings.transition, now, permissions: &permissions };
            let judge = |snapshot: &_| {
                let rehearsal = rehearse(snapshot, &objects, &conditions);
                let needs = rehearsal.needs.clone();
                (rehearsal, needs)
            };
            Ok(settle(&source, judge, |_| true, Instant::now() + READ_PATIENCE).await?)
        })
    }

    fn tell(&self, manifests: &Manifests, rehearsal: &Rehearsal, findings: &[Finding], now: Moment) {
        let warnings = warnings(rehearsal, now);
        if rehearsal.is_set_sound() {
            for (place, step) in rehearsal.refused() {
                say(&format!("{} would be refused:\n", described(manifests, rehearsal, place, step)));
                print_findings(manifests, &step.ruling.judgement.findings);
            }
        } else {
            print_findings(manifests, findings);
            for (place, step) in rehearsal.refused() {
                say(&format!("{} would be refused.\n", described(manifests, rehearsal, place, step)));
            }
        }
        print_warnings(&warnings);
        print_sum(manifests.objects().count(), findings, warnings.len());
        if rehearsal.is_order_unsound() {
            let paths: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
            say(&format!(
                "The set is sound; the order is not. `plumbline plan --to {}` looks for one that cuts nothing.\n",
                paths.join(" ")
            ));
        }
    }
}

/// What is wrong: with the set, else with its order.
fn findings(rehearsal: &Rehearsal) -> Vec<Finding> {
    if rehearsal.is_excepted() {
        return Vec::new();
    }
    if !rehearsal.is_set_sound() {
        return rehearsal.whole.findings.clone();
    }
    rehearsal.refused().flat_map(|(_, step)| step.ruling.judgement.findings.clone()).collect()
}

/// What there is to say besides: of the set, and of what is declared.
fn warnings(rehearsal: &Rehearsal, now: Moment) -> Vec<Warning> {
    let declared = rehearsal.steps.iter().flat_map(|step| exception::declared(&step.ruling, now));
    declared.chain(rehearsal.whole.warnings.iter().cloned()).collect()
}

/// A write, its place in the order and where it stands.
fn described(manifests: &Manifests, rehearsal: &Rehearsal, place: usize, step: &Step) -> String {
    let stands = manifests.object(&step.key).map(|manifest| format!(" ({}:{})", manifest.file, manifest.line()));
    format!("write {place} of {}, {}{}", rehearsal.steps.len(), step.key, stands.unwrap_or_default())
}

/// Asks whether whoever runs this may declare the transitions of the set.
async fn permissions(source: &Cluster, objects: &[(ObjectKey, Object)], policy: &Policy) -> Permissions {
    let mut permissions = Permissions::new();
    for (key, object) in objects.iter().filter(|_| policy.require_rbac) {
        if let Some(Ok(transition)) = Declared::on(object).transition {
            let question = Question { asker: None, namespace: key.namespace.clone(), transition: transition.name };
            let permission = source.may_declare(&question).await;
            permissions.insert(key.clone(), (question, permission));
        }
    }
    permissions
}
