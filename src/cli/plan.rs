//! `plumbline plan`

mod live;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::source::{ClusterArgs, inspect_cluster, snapshot};
use super::{FINDINGS, complain, say};
use crate::manifests::Manifests;
use crate::model::names::{is_dns_label, is_dns_subdomain};
use crate::object::{Kind, ObjectKey};
use crate::plan::{Plan as Planned, Target, Version, Wanted, plan};
use crate::report::plan::files::{File, joined};
use crate::report::plan::{argocd, flux, json, script, text};
use crate::settings::Settings;

#[derive(Args, Debug)]
pub(super) struct Plan {
    /// Files or folders of manifests: the cluster as it is wanted; - is standard input.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    to: Vec<PathBuf>,
    /// Files or folders of manifests: the whole cluster as it is [default: the live cluster].
    ///
    /// What is missing in --to is then to be deleted.
    #[arg(long, num_args = 1.., value_name = "PATH", conflicts_with_all = ["kubeconfig", "context"])]
    from: Vec<PathBuf>,
    /// With --from: keep what is missing in --to.
    #[arg(long, requires = "from")]
    keep_missing: bool,
    /// An object to delete.
    #[arg(long = "delete", value_name = "KIND/NAMESPACE/NAME")]
    delete: Vec<String>,
    /// A kubeconfig file [default: $KUBECONFIG, ~/.kube/config, or the pod's own service account].
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// How to print the plan.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
    /// A folder to write the script or the manifests to; it is made, and must be empty.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// A shell script that checks between its steps.
    Script,
    /// Manifests with Argo CD's sync waves.
    Argocd,
    /// A folder a wave, and Flux Kustomizations that depend on one another.
    Flux,
}

impl Plan {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let to = load(&self.to)?;
        let deletions = self.delete.iter().map(|name| parse_key(name)).collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(both) = deletions.iter().find(|key| to.object(key).is_some()) {
            anyhow::bail!("{both} is in --to and is to be deleted with --delete: take one of them away");
        }
        let planned = if self.from.is_empty() {
            self.over_live(&to, &deletions, settings)?
        } else {
            self.between_files(&to, &deletions, settings)?
        };
        let files = match self.output {
            Output::Text => vec![file("plan.txt", text::render(&planned))],
            Output::Json => vec![file("plan.json", format!("{:#}\n", json::render(&planned)))],
            Output::Script | Output::Argocd | Output::Flux if !planned.is_safe() => {
                complain("error: no safe order was found, so there is nothing to apply:");
                complain(&text::render(&planned));
                return Ok(ExitCode::from(FINDINGS));
            }
            Output::Script => vec![file("apply.sh", script::render(&planned))],
            Output::Argocd => argocd::files(&planned),
            Output::Flux => flux::files(&planned),
        };
        match (&self.write, files.as_slice()) {
            (Some(folder), _) => write(folder, &files)?,
            (None, [only]) => say(&only.text),
            (None, _) => say(&joined(&files)),
        }
        Ok(if planned.is_safe() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
    }

    fn between_files(&self, to: &Manifests, deletions: &[ObjectKey], settings: &Settings) -> anyhow::Result<Planned> {
        let from = load(&self.from)?;
        let mut before: BTreeMap<ObjectKey, Value> = BTreeMap::new();
        for manifest in from.objects() {
            before.insert(manifest.key.clone(), manifest.to_json());
        }
        if let Some(missing) = deletions.iter().find(|key| !before.contains_key(key)) {
            anyhow::bail!("{missing} is to be deleted with --delete, and is not in --from");
        }
        let base = snapshot(&from)?;
        let goes = |key: &ObjectKey| !self.keep_missing || deletions.contains(key);
        let wanted = Wanted { targets: targets(before, to, goes)? };
        Ok(plan(&base, &wanted, &settings.judge))
    }

    fn over_live(&self, to: &Manifests, deletions: &[ObjectKey], settings: &Settings) -> anyhow::Result<Planned> {
        let cluster =
            ClusterArgs { manifests: None, kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        let before = live::objects(&cluster, to, deletions, &settings.judge.facts)?;
        let wanted = Wanted { targets: targets(before, to, |key| deletions.contains(key))? };
        inspect_cluster(&cluster, settings, |snapshot, settings| {
            let planned = plan(snapshot, &wanted, settings);
            let needs = planned.needs.clone();
            (planned, needs)
        })
    }
}

fn file(path: &str, text: String) -> File {
    File { path: path.to_owned(), text }
}

/// Writes files into a folder of their own.
fn write(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    let named = || format!("--write {}", folder.display());
    fs::create_dir_all(folder).with_context(named)?;
    let is_empty = fs::read_dir(folder).with_context(named)?.next().is_none();
    anyhow::ensure!(is_empty, "{}: the folder is not empty", named());
    for File { path, text } in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(named)?;
        }
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        if path.extension().is_some_and(|extension| extension == "sh") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).with_context(named)?;
        }
        say(&format!("{}\n", path.display()));
    }
    Ok(())
}

/// Reads manifests, and says what about them is worth a word.
fn load(paths: &[PathBuf]) -> anyhow::Result<Manifests> {
    let manifests = Manifests::load(paths)?;
    for note in &manifests.notes {
        complain(&format!("note: {note}"));
    }
    let named = || paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    anyhow::ensure!(
        manifests.objects().next().is_some(),
        "no object in {} is of a kind that plumbline reads ({} of other kinds)",
        named(),
        manifests.skipped
    );
    if manifests.skipped > 0 {
        complain(&format!(
            "note: {} object(s) in {} are of kinds that decide nothing about requests, and are in no plan",
            manifests.skipped,
            named()
        ));
    }
    Ok(manifests)
}

/// The objects that are there before, after, or both; of those missing in what is wanted, `goes` says which are to go.
fn targets(
    mut before: BTreeMap<ObjectKey, Value>,
    to: &Manifests,
    goes: impl Fn(&ObjectKey) -> bool,
) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for manifest in to.objects() {
        let key = manifest.key.clone();
        let after = Version::read(&key, manifest.to_json());
        let after = Some(after.with_context(|| format!("{}:{}", manifest.file, manifest.line()))?);
        let before = before.remove(&key).map(|manifest| Version::read(&key, manifest)).transpose()?;
        targets.push(Target { key, before, after });
    }
    for (key, manifest) in before {
        let before = Some(Version::read(&key, manifest)?);
        let after = if goes(&key) { None } else { before.clone() };
        targets.push(Target { key, before, after });
    }
    Ok(targets)
}

/// Reads the name of an object, as in `Gateway/istio-system/old`.
fn parse_key(text: &str) -> anyhow::Result<ObjectKey> {
    let parts: Vec<&str> = text.split('/').collect();
    let [kind, namespace, name] = parts.as_slice() else {
        anyhow::bail!("--delete {text:?}: write KIND/NAMESPACE/NAME, as in Gateway/istio-system/old");
    };
    let named = |candidate: &&Kind| {
        candidate.name().eq_ignore_ascii_case(kind)
            && **candidate != Kind::GatewayApiGateway
            && candidate.is_namespaced()
    };
    let kind = Kind::ALL.iter().find(named);
    let kind = kind.with_context(|| format!("--delete {text:?}: {kind:?} is no kind that a plan deletes"))?;
    anyhow::ensure!(
        is_dns_label(namespace) && is_dns_subdomain(name),
        "--delete {text:?}: a namespace and a name are lower-case letters, digits and dashes"
    );
    Ok(ObjectKey::new(*kind, *namespace, *name))
}
