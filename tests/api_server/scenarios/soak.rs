//! Memory stays where it is, however many writes there were.

use std::env;
use std::thread::sleep;
use std::time::Duration;

use super::load::while_writing;
use super::stage::Stage;
use super::stock::{self, inference_service, named};

/// How long to write, in seconds, where somebody wants to know better than CI has the time to.
const SECONDS: &str = "PLUMBLINE_SOAK_SECONDS";
const SHORT: Duration = Duration::from_secs(9);
/// Beyond what was taken after the first third: allocators and caches settle, a leak of a kilobyte a write does not.
const ALLOWED_KIB: u32 = 4 * 1024;

#[test]
fn memory_is_steady_under_writes() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let guard = stage.guard();
    let gateway = named(&shipped, "Gateway", "knative-local-gateway");
    let given = env::var(SECONDS).ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let third = given.unwrap_or(SHORT) / 3;

    let ((early, late), tally) = while_writing(&stage, gateway, || {
        churn(&stage, third);
        let resident = || guard.server.memory_kib("VmRSS");
        let early = resident();
        churn(&stage, third * 2);
        (early, resident())
    });

    assert_eq!((tally.wrong.len(), tally.failed.len()), (0, 0), "{tally:#?}");
    assert!(tally.right > 50, "{tally:#?}");
    assert!(late <= early + ALLOWED_KIB, "{early} KiB, then {late} KiB after {} reviews", tally.right);
}

/// Objects that come and go, which the watches have to forget again.
fn churn(stage: &Stage, time: Duration) {
    const STEPS: u32 = 10;
    for step in 0..STEPS {
        let passing = inference_service("other", &format!("passing-{step}"));
        stage.rest.apply(&passing).expect_admitted();
        sleep(time / STEPS);
        stage.rest.delete(&passing).expect_admitted();
    }
}
