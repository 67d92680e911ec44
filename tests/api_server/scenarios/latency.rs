//! What a write costs more with a webhook: `make bench` runs this; it asserts nothing about time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline::admission::{Answer, Fault, Judge, Limits, Request, router};
use plumbline::certs::{Certificates, Pair};
use plumbline::metrics::Metrics;
use plumbline::server::{Readiness, Server, Settings};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, render};
use super::stock::{self, kserve_config};
use crate::certificates::Authority;
use crate::control_plane::{Endpoint, Registration, Scope};
use crate::port::Port;

/// How often each way is measured, in turn: the machine's pace drifts.
const TURNS: usize = 4;
/// Writes or reads of a turn that count.
const COUNTED: usize = 100;
/// Those before them.
const WARM_UP: usize = 20;

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
    let added = |sample: &Sample| sample.at(50) - ways.bare.at(50);
    let floor = 2.0 * added(&ways.noop);
    let ratios = [
        ("moves nothing: added / (2 x the no-op's)", added(&ways.idle) / floor),
        ("in full: added / (2 x the no-op's + its reads)", added(&ways.full) / (floor + ways.reads.at(50))),
        ("in full: added / (2 x the no-op's + one read)", added(&ways.full) / (floor + ways.one_read.at(50))),
    ];
    for (name, ratio) in ratios {
        println!("{name:<54} {ratio:>9.2}");
    }
    let rows = rows.map(|(name, sample)| json!({"row": name, "p50_ms": sample.at(50), "p99_ms": sample.at(99)}));
    let ratios = ratios.map(|(name, ratio)| json!({"row": name, "ratio": ratio}));
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

struct Allows;

impl Judge for Allows {
    async fn judge(&self, _: &Request<'_>, _: Instant) -> Result<Answer, Fault> {
        Ok(Answer::allow())
    }
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
            runtime.block_on(async move {
                let metrics = Arc::new(Metrics::new());
                let certificates = Arc::new(Certificates::new(pair, Arc::clone(&metrics)));
                let mut settings = Settings::new(([127, 0, 0, 1], port).into());
                settings.drain = Duration::ZERO;
                let server = Server::bind(settings, certificates, None, Arc::clone(&metrics)).await.unwrap();
                let application = router(Arc::new(Allows), Limits::default(), metrics);
                server.serve(application, &Readiness::default(), stopped).await;
            });
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
