//! What a write costs more with a webhook: `make bench` runs this; it asserts nothing about time.

use std::time::{Duration, Instant};

use plumbline::certs::Pair;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, render};
use super::stock::{self, kserve_config};
use crate::certificates::Authority;
use crate::control_plane::{Endpoint, Registration, Scope};
use crate::noop;
use crate::port::Port;

/// How often each way is measured, in turn: the machine's pace drifts.
const TURNS: usize = 4;
/// Writes or reads of a turn that count.
const COUNTED: usize = 100;
/// Those before them.
const WARM_UP: usize = 20;
/// How many times what the no-op adds plumbline may add, beside one round trip.
const MOST: f64 = 1.5;

const ONE_OBJECT: [&str; 1] = ["/api/v1/namespaces/kserve/configmaps/inferenceservice-config"];
/// What a verdict on a stock install rests on beside the object written.
const SIBLINGS: [&str; 10] = [
    "/api/v1/namespaces/knative-serving/configmaps/config-domain",
    "/api/v1/namespaces/knative-serving/configmaps/config-istio",
    "/api/v1/namespaces/knative-serving/configmaps/config-network",
    "/apis/networking.istio.io/v1/namespaces/knative-serving/gateways/knative-ingress-gateway",
    "/apis/networking.istio.io/v1/namespaces/knative-serving/gateways/knative-local-gateway",
    "/api/v1/namespaces/istio-system/services/istio-ingressgateway",
    "/api/v1/namespaces/istio-system/services/knative-local-gateway",
    "/api/v1/namespaces/istio-system/services?resourceVersion=0",
    "/api/v1/namespaces/istio-system/pods?labelSelector=istio%3Dingressgateway&resourceVersion=0",
    "/api/v1/namespaces/istio-system/pods?labelSelector=app%3Distio-ingressgateway&resourceVersion=0",
];

#[test]
#[ignore = "a benchmark, run by `make bench`"]
#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn a_write_costs_this_much_more() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    stage.rest.apply(&gateway_pod()).expect_admitted();
    let writes = |field, values: [&str; 2]| values.map(|value| kserve_config(&shipped, &[(field, value)]));
    let idle = writes("ingressClassName", ["one", "two"]);
    // Two names of one Gateway: every request is walked, and every write admitted.
    let full = ["knative-serving/knative-local-gateway", "knative-local-gateway.knative-serving.svc.cluster.local"];
    let full = writes("localGateway", full);
    let write = |configs: &[Value; 2], turn: usize| drop(stage.rest.apply(&configs[turn % 2]).expect_admitted());

    let mut ways = Ways::default();
    for _ in 0..TURNS {
        ways.bare.take(|turn| write(&full, turn));
        {
            let _noop = Registered::noop(&stage);
            ways.noop.take(|turn| write(&full, turn));
        }
        {
            let _guard = stage.guard();
            ways.idle.take(|turn| write(&idle, turn));
            ways.full.take(|turn| write(&full, turn));
        }
        ways.one_read.take(|_| stage.rest.read_at_once(&ONE_OBJECT));
        ways.reads.take(|_| stage.rest.read_at_once(&SIBLINGS));
    }

    let rows = ways.rows();
    println!("{:<44} {:>9} {:>9}", "a write, or reads", "p50 ms", "p99 ms");
    for (name, sample) in &rows {
        println!("{name:<44} {:>9.2} {:>9.2}", sample.at(50), sample.at(99));
    }
    println!("{:<74} {:>5} {:>5}  mark", "what plumbline adds, divided by", "p50", "p99");
    let ratios = ways.ratios();
    for Ratio { name, p50, p99 } in &ratios {
        println!("{name:<74} {p50:>5.2} {p99:>5.2}  \u{2264} 1");
    }
    let rows = rows.map(|(name, sample)| json!({"row": name, "p50_ms": sample.at(50), "p99_ms": sample.at(99)}));
    let ratios = ratios.map(|Ratio { name, p50, p99 }| json!({"row": name, "p50": p50, "p99": p99, "at_most": 1.0}));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("admission.json"), json!(rows.iter().chain(&ratios).collect::<Vec<_>>()).to_string())
        .unwrap();
}

#[derive(Default)]
struct Ways {
    bare: Sample,
    noop: Sample,
    idle: Sample,
    full: Sample,
    one_read: Sample,
    reads: Sample,
}

impl Ways {
    fn rows(&self) -> [(&'static str, &Sample); 6] {
        [
            ("a write, no webhook", &self.bare),
            ("a write, a no-op webhook", &self.noop),
            ("a write that moves nothing, plumbline", &self.idle),
            ("a write judged in full, plumbline", &self.full),
            ("one read", &self.one_read),
            ("the reads of a full judgement, all at once", &self.reads),
        ]
    }

    /// What plumbline adds to a write, as shares of what it may add: one and a half times what the no-op adds, and one round
    /// trip to the API server.
    fn ratios(&self) -> [Ratio; 3] {
        let ratio = |name, way: &Sample, read: &Sample| {
            let at = |percent| {
                let added = |sample: &Sample| sample.at(percent) - self.bare.at(percent);
                added(way) / (MOST * added(&self.noop) + read.at(percent))
            };
            Ratio { name, p50: at(50), p99: at(99) }
        };
        [
            ratio("moves nothing / (1.5 x the no-op's + one read)", &self.idle, &self.one_read),
            ratio("judged in full / (1.5 x the no-op's + one read)", &self.full, &self.one_read),
            ratio("judged in full / (1.5 x the no-op's + its reads, all at once)", &self.full, &self.reads),
        ]
    }
}

/// A share at two percentiles.
struct Ratio {
    name: &'static str,
    p50: f64,
    p99: f64,
}

#[derive(Default)]
struct Sample(Vec<Duration>);

impl Sample {
    fn take(&mut self, mut act: impl FnMut(usize)) {
        (0..WARM_UP).for_each(&mut act);
        self.0.extend((0..COUNTED).map(|turn| {
            let started = Instant::now();
            act(turn);
            started.elapsed()
        }));
    }

    /// A percentile, in milliseconds.
    fn at(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_secs_f64() * 1000.0
    }
}

/// A running pod of the stock gateway, as a cluster in use has it.
fn gateway_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": "istio-system", "name": "istio-ingressgateway-0",
            "labels": {"app": "istio-ingressgateway", "istio": "ingressgateway"},
        },
        "spec": {"containers": [{"name": "istio-proxy", "image": "proxyv2", "ports": [{"containerPort": 8080}]}]},
    })
}

/// A no-op webhook, registered as plumbline is.
struct Registered {
    // Dropped first, lest writes fail because nobody answers.
    _registration: Registration<'static>,
    _server: Noop,
}

impl Registered {
    fn noop(stage: &Stage) -> Self {
        let (authority, port) = (Authority::generate(), Port::lease());
        let server = Noop::start(&authority, port.number());
        let webhooks = render(stage.control_plane, "validatingwebhookconfiguration", &[]);
        let endpoint = Endpoint {
            namespace: "plumbline",
            service: "plumbline",
            port: port.number(),
            ca_pem: authority.certificate_pem(),
        };
        let registration = stage.control_plane.register_webhook(&webhooks, &endpoint, Scope::AsWritten);
        Self { _registration: registration, _server: server }
    }
}

/// The floor: the same server with a judge that allows everything.
struct Noop {
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Noop {
    fn start(authority: &Authority, port: u16) -> Self {
        let leaf = authority.issue("plumbline.plumbline.svc");
        let (chain, key) = (leaf.certificate_pem.as_bytes(), leaf.key_pem.as_bytes());
        let pair = Pair::from_pem(chain, "the chain", key, "the key").unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(noop::serve(pair, ([127, 0, 0, 1], port).into(), stopped, |_| {}));
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Noop {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
