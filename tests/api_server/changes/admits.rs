use std::sync::PoisonError;

use super::change::Change;
use super::cluster::cluster;
use crate::control_plane::{Output, User};

/// One owner for all fields, so that what one change adds the next can remove.
const APPLY: [&str; 3] = ["apply", "--server-side", "--force-conflicts"];

/// Makes each change and undoes it, and wants all of it admitted without a word.
///
/// # Panics
/// With every case that went otherwise.
#[track_caller]
pub(super) fn admits(cases: &[(&str, Change)]) {
    admits_with(&[], cases);
}

/// Makes each change and undoes it, and wants all of it admitted, with warnings that begin like these and no others.
///
/// # Panics
/// With every case that went otherwise.
#[track_caller]
pub(super) fn admits_with(warnings: &[&str], cases: &[(&str, Change)]) {
    let failures: Vec<_> = cases.iter().filter_map(|case| attempt(warnings, case).err()).collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn attempt(warnings: &[&str], (what, change): &(&str, Change)) -> Result<(), String> {
    let cluster = cluster();
    let _alone = cluster.as_deployed.write().unwrap_or_else(PoisonError::into_inner);
    let run = |way: &[&str], manifest: &str, done: &str, warnings: Option<&[&str]>| {
        let args = [way, &["--filename=-"]].concat();
        let answer = cluster.control_plane.kubectl_with_input(User::Admin, &args, manifest);
        let way = way.join(" ");
        is_done(&answer, done, warnings).map_err(|problem| format!("{what}: {way}: {problem}\n{answer:#?}"))
    };
    // What it says on the way back is not the point.
    match change {
        Change::Write { before, after } => {
            run(&["apply", "--dry-run=server"], after, "configured", Some(warnings))?;
            run(&APPLY, after, "applied", Some(warnings))?;
            run(&APPLY, before.text(), "applied", None)
        }
        Change::Create(object) => {
            run(&["apply", "--dry-run=server"], object, "created", Some(warnings))?;
            run(&APPLY, object, "applied", Some(warnings))?;
            run(&["delete"], object, "deleted", None)
        }
        Change::Delete(object) => {
            run(&["delete"], object.text(), "deleted", Some(warnings))?;
            cluster.deploy(object.text());
            Ok(())
        }
    }
}

fn is_done(answer: &Output, done: &str, warnings: Option<&[&str]>) -> Result<(), String> {
    if !answer.status.success() {
        return Err("it failed".to_owned());
    }
    if !answer.stdout.contains(done) {
        return Err(format!("nothing was {done}"));
    }
    let Some(warnings) = warnings else { return Ok(()) };
    let said: Vec<_> = answer.stderr.lines().map(|line| line.trim_start_matches("Warning: ")).collect();
    let as_wanted =
        said.len() == warnings.len() && said.iter().zip(warnings).all(|(line, start)| line.starts_with(start));
    if as_wanted { Ok(()) } else { Err(format!("the warnings should be {warnings:?}")) }
}
