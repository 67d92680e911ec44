use std::time::Duration;

use super::auditor::Auditor;
use super::{IN_TIME, Story};
use crate::wait;

/// The term of a Lease, a round of looking at it, and some time for a busy machine.
const TERM: Duration = Duration::from_secs(15 + 2 + 3);

#[test]
fn another_replica_takes_over_from_one_that_was_killed_and_tells_nothing_twice() {
    let story = Story::begin();
    let mut first = Auditor::start(&story.stage, &[]);
    first.wait_until_elected();
    let second = Auditor::start(&story.stage, &[]);
    let gateway = "Gateway knative-serving/knative-local-gateway";
    story.write(&story.cut());
    let told = story.wait_for("HostsNotCovered", gateway, IN_TIME);
    assert!(first.is_elected() && !second.is_elected());

    first.server.kill();
    wait::until("the other replica", TERM, || if second.is_elected() { Ok(()) } else { Err(second.server.log()) });
    second.wait_for_metric(r#"plumbline_audit_findings{code="PL110",severity="error",standing="plain"} 1"#);
    let broken: Vec<_> = story.told().into_iter().filter(|event| event.reason == "HostsNotCovered").collect();
    assert_eq!(broken, [told], "the successor knows what its predecessor has told");

    story.write(&story.whole());
    story.wait_for("Resolved", gateway, IN_TIME);
}

#[test]
fn a_replica_that_is_told_to_stop_gives_the_lease_back() {
    let story = Story::begin();
    let first = Auditor::start(&story.stage, &[]);
    first.wait_until_elected();
    let second = Auditor::start(&story.stage, &[]);
    first.server.terminate();
    // A round, not a term.
    let soon = Duration::from_secs(6);
    wait::until("the other replica", soon, || if second.is_elected() { Ok(()) } else { Err(second.server.log()) });
}
