//! A plan as a shell script that checks between its steps.

use std::fmt::Write as _;

use super::yaml;
use crate::model::config_map::INFERENCE_SERVICE_CONFIG;
use crate::object::{Kind, ObjectKey};
use crate::plan::{Action, AsideReason, Plan, Step};
use crate::report::words::counted;

/// What the steps use.
const HEAD: &str = r#"
set -euo pipefail

kubectl=${KUBECTL:-kubectl}
plumbline=${PLUMBLINE:-plumbline}
patience=${PATIENCE:-120s}

say() { printf '\n%s\n' "$*"; }
stop() { printf 'stopped: %s\n' "$*" >&2; exit 1; }

# Applies the manifest on standard input, and makes sure that the object is then what the plan counts on: kubectl leaves alone
# what another tool once applied.
apply() {
  local manifest
  manifest=$(cat)
  printf '%s\n' "$manifest" | "$kubectl" apply -f -
  printf '%s\n' "$manifest" | "$plumbline" plan --to - 2>/dev/null | grep -q '^Nothing that a request depends on differs' ||
    stop "$1 differs from its manifest. If fields of the old version are left, use: kubectl replace"
}

# Waits until the pods of a workload have been replaced.
rolled_out() { "$kubectl" rollout status "$1" --namespace "$2" --timeout "$patience"; }

# KServe reads its ConfigMap when it reconciles an InferenceService, and does not watch it.
kserve_follows() {
  "$kubectl" rollout restart deployment/kserve-controller-manager --namespace "$1"
  rolled_out deployment/kserve-controller-manager "$1"
}

# Walks the requests of an InferenceService through the cluster as it is now.
reached() { "$plumbline" trace "$1" || stop "requests to $1 would not arrive: undo the last step"; }
"#;

/// Renders a plan all of whose steps are admitted.
#[must_use]
pub fn render(plan: &Plan) -> String {
    let (writes, waves) = (counted(plan.steps().count(), "write"), counted(plan.waves.len(), "wave"));
    let mut text = format!(
        "#!/usr/bin/env bash\n# Written by plumbline plan: {writes} in {waves}, each of which the webhook admits.\n#\n\
         # Uses kubectl and plumbline; KUBECTL and PLUMBLINE name others. PATIENCE is how long a rollout may take.\n\
         # It may be run again: what is there already stays as it is.\n"
    );
    text.push_str(HEAD);
    for aside in plan.aside.iter().filter(|aside| aside.why == AsideReason::First) {
        if let Some(manifest) = &aside.after {
            text.push_str(&heredoc("\"$kubectl\" apply -f -", &yaml::render(manifest)));
        }
    }
    for (index, wave) in plan.waves.iter().enumerate() {
        write!(text, "\nsay 'Wave {} of {}'\n", index + 1, plan.waves.len()).ok();
        for told in &wave.steps {
            step(&mut text, told);
        }
        text.extend(wave.steps.iter().filter_map(settled));
        if let Some(subject) = &plan.whole_subject {
            writeln!(text, "reached {subject}").ok();
        }
    }
    text.push_str("\nsay 'Done.'\n");
    text
}

fn step(text: &mut String, step: &Step) {
    writeln!(text, "\n# {} {}", step.action.verb(), step.key).ok();
    if let Some(bridge) = step.bridge {
        writeln!(text, "# In between: {bridge}.").ok();
    }
    if let Some(manifest) = &step.after {
        text.push_str(&heredoc(&format!("apply '{}'", step.key), &yaml::render(manifest)));
        return;
    }
    let ObjectKey { kind, namespace, name } = &step.key;
    let resource = resource(*kind);
    writeln!(text, "\"$kubectl\" delete {resource} {name} --namespace {namespace} --ignore-not-found").ok();
}

/// A command with a manifest as its standard input.
fn heredoc(command: &str, manifest: &str) -> String {
    // No manifest has a line of its own that says so, or it is made longer.
    let mut end = String::from("MANIFEST");
    while manifest.lines().any(|line| line == end) {
        end.push('_');
    }
    format!("{command} <<'{end}'\n{manifest}{end}\n")
}

/// What has to be over before the next wave.
fn settled(step: &Step) -> Option<String> {
    let ObjectKey { kind, namespace, name } = &step.key;
    match (kind, step.action) {
        (_, Action::Delete) => None,
        (Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet, _) => {
            Some(format!("rolled_out {}/{name} {namespace}\n", kind.name().to_lowercase()))
        }
        (Kind::ConfigMap, _) if **name == *INFERENCE_SERVICE_CONFIG => Some(format!("kserve_follows {namespace}\n")),
        _ => None,
    }
}

/// The resource as kubectl names it without doubt: two APIs have Gateways.
fn resource(kind: Kind) -> String {
    if kind.group().is_empty() { kind.plural().to_owned() } else { format!("{}.{}", kind.plural(), kind.group()) }
}
