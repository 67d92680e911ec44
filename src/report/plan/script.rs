//! A plan as a shell script that checks between its steps.

use std::fmt::Write as _;

use super::settle::{Settling, settling};
use super::stages::first;
use super::yaml;
use crate::object::{Kind, ObjectKey};
use crate::plan::{Plan, Step};
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

# The operator writes what it derives from a KnativeServing. Its condition may be of before the change for a moment.
operator_follows() {
  sleep 5
  "$kubectl" wait "knativeservings.operator.knative.dev/$1" --namespace "$2" --for condition=Ready --timeout "$patience"
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
         # If it stops, mend what it says, and plan anew from where the cluster is.\n"
    );
    text.push_str(HEAD);
    for (key, manifest) in first(plan) {
        write!(text, "\n# {key}, for what is in it\n").ok();
        text.push_str(&heredoc("\"$kubectl\" apply -f -", &yaml::render(manifest)));
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

/// What waits until a write has settled.
fn settled(step: &Step) -> Option<String> {
    Some(match settling(step)? {
        Settling::Rollout(key) => {
            format!("rolled_out {}/{} {}\n", key.kind.name().to_lowercase(), key.name, key.namespace)
        }
        Settling::Kserve(key) => format!("kserve_follows {}\n", key.namespace),
        Settling::Operator(key) => format!("operator_follows {} {}\n", key.name, key.namespace),
    })
}

/// The resource as kubectl names it without doubt: two APIs have Gateways.
fn resource(kind: Kind) -> String {
    if kind.group().is_empty() { kind.plural().to_owned() } else { format!("{}.{}", kind.plural(), kind.group()) }
}
