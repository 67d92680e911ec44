use std::sync::PoisonError;

use super::change::Change;
use super::cluster::{Cluster, cluster};
use crate::control_plane::{Output, User};

/// Why a change is refused: the code of what it breaks, and where that is seen: at a hop, or by a controller.
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
    let cluster = cluster();
    let _as_deployed = cluster.as_deployed.read().unwrap_or_else(PoisonError::into_inner);
    let before = cluster.guarded_objects();
    let failures: Vec<_> = cases.iter().filter_map(|case| attempt(cluster, case).err()).collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert_eq!(cluster.guarded_objects(), before, "what was refused was done");
}

fn attempt(cluster: &Cluster, (what, change, because): &(&str, Change, Because)) -> Result<(), String> {
    let ways = match change {
        Change::Write { .. } | Change::Create(_) => &WAYS_TO_WRITE[..],
        Change::Delete(_) => &WAYS_TO_DELETE[..],
    };
    for way in ways {
        let args = [way, &["--filename=-"][..]].concat();
        let answer = cluster.control_plane.kubectl_with_input(User::Admin, &args, change.content());
        is_refusal(&answer, *because).map_err(|problem| format!("{what}: {}: {problem}", way.join(" ")))?;
    }
    Ok(())
}

/// Whether an answer is a denial by one of the chart's webhooks that says why.
pub(super) fn is_refusal(answer: &Output, Because(code, place): Because) -> Result<(), String> {
    if answer.status.success() {
        return Err(format!("it was admitted: {answer:#?}"));
    }
    let said = &answer.stderr;
    // An edit has words of its own for it.
    let is_forbidden =
        said.lines().any(|line| line.starts_with("Error from server (Forbidden): ") || line.starts_with("error: "));
    let Some((client, message)) = said.split_once(".plumbline.dev\" denied the request: ") else {
        return Err(format!("that is no denial by plumbline:\n{said}"));
    };
    if !is_forbidden || !client.contains("admission webhook \"") {
        return Err(format!("the client took it for something else:\n{said}"));
    }
    let says_so = |paragraph: &str| paragraph.starts_with(&format!("{code} ")) && paragraph.contains(place);
    if message.split("\n\n").any(says_so) {
        Ok(())
    } else {
        Err(format!("no paragraph about {code}, seen by or at {place}:\n{message}"))
    }
}
