//! plumbline on its own: it says nothing rather than something stale, and comes back by itself.

use std::time::{Duration, Instant};

use super::stage::Stage;
use super::stock::{self, named};
use crate::control_plane::{Output, User};
use crate::relay::Relay;
use crate::wait;

/// What the chart has the API server wait.
const TIMEOUT: Duration = Duration::from_secs(5);
/// What a denial says of requests that arrive now and would not.
const CUT: &str = "would cut";

#[test]
fn a_partition_from_the_api_server_ends_in_no_verdict_and_then_in_a_fresh_one() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let way = Relay::to_api_server(stage.control_plane);
    let kubeconfig = way.kubeconfig(stage.control_plane, User::Plumbline);
    let guard = stage.guard_through(kubeconfig.path());
    let delete = || dry_run(&stage, "gateways.networking.istio.io/knative-local-gateway", "knative-serving");
    assert!(delete().expect_failure().contains(CUT));

    way.cut();
    let started = Instant::now();
    let failed = delete().expect_failure();
    let took = started.elapsed();
    assert!(failed.contains("failed calling webhook"), "{failed}");
    assert!(!failed.contains("denied the request"), "{failed}");
    // What the API server makes of a 504, and not that it waited in vain, which is "context deadline exceeded".
    assert!(failed.contains("unable to return a response in the time allotted"), "{failed}");
    assert!(guard.server.log().contains("deadline_exceeded"), "{}", guard.server.log());
    assert!(took < TIMEOUT + Duration::from_secs(2), "{took:?}");
    // Unjudged, since this webhook fails open: from now on no request gets as far as the Gateway.
    stage.rest.delete(named(&shipped, "Service", "knative-local-gateway")).expect_admitted();

    way.heal();
    wait::until("a verdict after the partition", Duration::from_secs(30), || {
        let answer = delete();
        assert!(!answer.stderr.contains(CUT), "by what was known before: {answer:#?}");
        // Only net-istio still asks for it.
        if answer.stderr.contains("PL301") { Ok(()) } else { Err(format!("{answer:#?}\n{}", guard.server.log())) }
    });
}

fn dry_run(stage: &Stage, object: &str, namespace: &str) -> Output {
    let args = ["delete", object, "--namespace", namespace, "--dry-run=server"];
    stage.control_plane.kubectl_as(User::Gitops, &args)
}
