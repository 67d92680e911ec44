use std::sync::PoisonError;

use super::change::{Change, Manifest};
use super::cluster::{Cluster, cluster};
use crate::control_plane::{Output, User};

/// Why a change is refused: the code of what it breaks, and the hop at which requests end (empty where none is walked).
#[derive(Clone, Copy, Debug)]
pub(super) struct Because(pub(super) &'static str, pub(super) &'static str);

/// How people and tools write a manifest.
const WAYS_TO_WRITE: [&[&str]; 3] =
    [&["apply"], &["apply", "--server-side", "--force-conflicts"], &["apply", "--dry-run=server"]];
const WAYS_TO_DELETE: [&[&str]; 2] = [&["delete"], &["delete", "--dry-run=server"]];

/// Makes each change in every way there is, and wants each attempt refused, with the reason shown and nothing changed.
///
/// # Panics
/// With every case that went otherwise.
#[track_caller]
pub(super) fn refuses(cases: &[(&str, Change, Because)]) {
    let failures: Vec<_> = cases.iter().filter_map(|case| attempt(case).err()).collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn attempt((what, change, because): &(&str, Change, Because)) -> Result<(), String> {
    let (object, ways) = match change {
        Change::Write { before, .. } => (*before, &WAYS_TO_WRITE[..]),
        Change::Delete(object) => (*object, &WAYS_TO_DELETE[..]),
        Change::Create(_) => return Err(format!("{what}: what does not exist yet cannot stay unchanged")),
    };
    let cluster = cluster();
    let _as_deployed = cluster.as_deployed.read().unwrap_or_else(PoisonError::into_inner);
    let before = stored(cluster, object);
    for way in ways {
        let args = [way, &["--filename=-"][..]].concat();
        let answer = cluster.control_plane.kubectl_with_input(User::Admin, &args, change.content());
        let way = way.join(" ");
        is_refusal(&answer, *because).map_err(|problem| format!("{what}: {way}: {problem}\n{answer:#?}"))?;
    }
    let after = stored(cluster, object);
    if after == before { Ok(()) } else { Err(format!("{what}: the object was changed from\n{before}\nto\n{after}")) }
}

/// Whether an answer is a denial by one of the chart's webhooks that says why.
pub(super) fn is_refusal(answer: &Output, Because(code, hop): Because) -> Result<(), String> {
    if answer.status.success() {
        return Err("it was admitted".to_owned());
    }
    let said = &answer.stderr;
    let denied =
        said.lines().find(|line| line.contains(" admission webhook \"") && line.contains("denied the request: "));
    let starts = ["Error from server (Forbidden): ", "error: "];
    if !denied
        .is_some_and(|line| line.contains(".plumbline.dev\"") && starts.iter().any(|start| line.starts_with(start)))
    {
        return Err("that is no denial by plumbline".to_owned());
    }
    for wanted in [code, hop] {
        if !said.contains(wanted) {
            return Err(format!("the message lacks {wanted:?}"));
        }
    }
    Ok(())
}

/// The whole object as the API server has it, its resource version and who owns which field included.
pub(super) fn stored(cluster: &Cluster, object: Manifest) -> String {
    let args = ["get", "--filename=-", "--output=json", "--show-managed-fields"];
    cluster.control_plane.kubectl_with_input(User::Admin, &args, object.text()).expect_success()
}
