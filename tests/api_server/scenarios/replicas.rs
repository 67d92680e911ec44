//! Two replicas behind one Service: one dies, or each is replaced, while others write.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::load::while_writing;
use super::stage::{Stage, render, wait_until_ready};
use super::stock::{self, named};
use crate::control_plane::{Endpoint, Registration, Scope, User};
use crate::plumbline_server::PlumblineServer;
use crate::relay::Relay;

/// How long a cluster takes to notice that a replica is not ready and to forget its address.
const FORGETTING: Duration = Duration::from_millis(500);
/// Writes go on for so long before and after an event.
const CALM: Duration = Duration::from_secs(1);

#[test]
fn the_other_replica_goes_on_when_one_is_killed() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let (mut one, other) = (replica(&stage, &[]), replica(&stage, &[]));
    let service = Relay::to(&[port(&one), port(&other)]);
    let _registration = register(&stage, &service, &[&one, &other]);
    let gateway = named(&shipped, "Gateway", "knative-local-gateway");

    let ((killed, forgotten), tally) = while_writing(&stage, gateway, || {
        sleep(CALM);
        let killed = Instant::now();
        one.kill();
        sleep(FORGETTING);
        service.send_to(&[port(&other)]);
        let forgotten = Instant::now();
        sleep(CALM);
        (killed, forgotten)
    });

    assert_eq!(tally.wrong, [""; 0]);
    assert!(tally.right > 20, "{tally:#?}");
    for (when, why) in &tally.failed {
        // Only who was sent to the dead replica, and nobody once its address is forgotten. What was under way may end a
        // moment later.
        assert!(*when >= killed && *when <= forgotten + Duration::from_millis(500), "{why} at {:?}", *when - killed);
        assert!(why.contains("failed calling webhook"), "{why}");
    }
}

#[test]
fn no_write_is_lost_while_replicas_are_replaced() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let drain = ["--drain-seconds=2"];
    let mut replicas = vec![replica(&stage, &drain), replica(&stage, &drain)];
    let successors = [replica(&stage, &drain), replica(&stage, &drain)];
    let all: Vec<_> = replicas.iter().chain(&successors).collect();
    let service = Relay::to(&[port(&replicas[0]), port(&replicas[1])]);
    let _registration = register(&stage, &service, &all);
    let gateway = named(&shipped, "Gateway", "knative-local-gateway");

    let ((), tally) = while_writing(&stage, gateway, || {
        sleep(CALM);
        for successor in successors {
            // As a Deployment with maxUnavailable 0 does it: the successor is ready, then its predecessor is told to stop.
            let old = replicas.remove(0);
            replicas.push(successor);
            old.terminate();
            sleep(FORGETTING);
            service.send_to(&[port(&replicas[0]), port(&replicas[1])]);
            old.wait_until_stopped(Duration::from_secs(20));
        }
        sleep(CALM);
    });

    assert_eq!((tally.wrong.len(), tally.failed.len()), (0, 0), "{tally:#?}");
    assert!(tally.right > 20, "{tally:#?}");
}

fn replica(stage: &Stage, args: &[&str]) -> PlumblineServer {
    let server = PlumblineServer::start(stage.control_plane.kubeconfig(User::Plumbline), args);
    wait_until_ready(&server);
    server
}

fn port(server: &PlumblineServer) -> u16 {
    server.endpoint().port
}

/// Registers the chart's webhooks; each replica has a certificate of an authority of its own.
fn register(stage: &Stage, service: &Relay, replicas: &[&PlumblineServer]) -> Registration<'static> {
    let bundle: String = replicas.iter().map(|replica| replica.endpoint().ca_pem).collect();
    let endpoint = Endpoint { port: service.port(), ca_pem: &bundle, ..replicas[0].endpoint() };
    let webhooks = render(stage.control_plane, "validatingwebhookconfiguration", &[]);
    stage.control_plane.register_webhook(&webhooks, &endpoint, Scope::AsWritten)
}
