use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::stage::Stage;
use crate::control_plane::User;
use crate::rest::Rest;

/// How many writers there are.
const WRITERS: u8 = 2;

/// What became of writes that were sent one after the other by several writers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Writes that were admitted or refused as they should be.
    pub(super) right: usize,
    /// Writes whose verdict was wrong.
    pub(super) wrong: Vec<String>,
    /// Writes that nobody judged, and when they ended.
    pub(super) failed: Vec<(Instant, String)>,
}

/// Writes without a pause while `act` runs: relabels a Gateway, which is to be admitted, and deletes it, which is to be refused.
pub(super) fn while_writing<T>(stage: &Stage, gateway: &Value, act: impl FnOnce() -> T) -> (T, Tally) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn({
                    let done = &done;
                    move || write(stage, gateway, writer, done)
                })
            })
            .collect();
        let found = act();
        done.store(true, Ordering::SeqCst);
        let mut tally = Tally::default();
        for writer in writers {
            let Tally { right, wrong, failed } = writer.join().unwrap();
            tally.right += right;
            tally.wrong.extend(wrong);
            tally.failed.extend(failed);
        }
        (found, tally)
    })
}

fn write(stage: &Stage, gateway: &Value, writer: u8, done: &AtomicBool) -> Tally {
    let rest = Rest::open(stage.control_plane, User::Gitops);
    let mut tally = Tally::default();
    let mut relabelled = gateway.clone();
    for turn in 0_usize.. {
        if done.load(Ordering::SeqCst) {
            break;
        }
        relabelled["metadata"]["labels"][format!("writer-{writer}")] = turn.to_string().into();
        for (what, refused, answer) in
            [("relabel", false, rest.try_apply(&relabelled)), ("delete", true, rest.try_delete(gateway))]
        {
            match answer {
                Ok(answer) if answer.denial.is_some() == refused => tally.right += 1,
                Ok(answer) => tally.wrong.push(format!("{what}: {answer:?}")),
                Err(why) => tally.failed.push((Instant::now(), format!("{what}: {why}"))),
            }
        }
    }
    tally
}
