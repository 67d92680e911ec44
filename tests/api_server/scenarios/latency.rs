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
use crate::control_plane::{Endpoint, Scope};
use crate::port::Port;

/// Writes of each kind that count.
const WRITES: usize = 300;
/// Writes before them.
const WARM_UP: usize = 30;

#[test]
#[ignore = "a benchmark, run by `make bench`"]
#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn a_write_costs_this_much_more() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    stage.rest.apply(&stock::inference_service("models", "iris")).expect_admitted();
    // A field that no walk follows, so that each write is judged in full and admitted.
    let configs: Vec<Value> =
        ["one", "two"].map(|class| kserve_config(&shipped, &[("ingressClassName", class)])).into();

    let bare = Sample::of(|turn| drop(stage.rest.apply(&configs[turn % 2])));
    let noop = {
        let (authority, port) = (Authority::generate(), Port::lease());
        let _server = Noop::start(&authority, port.number());
        let webhooks = render(stage.control_plane, "validatingwebhookconfiguration", &[]);
        let endpoint = Endpoint {
            namespace: "plumbline",
            service: "plumbline",
            port: port.number(),
            ca_pem: authority.certificate_pem(),
        };
        let _registration = stage.control_plane.register_webhook(&webhooks, &endpoint, Scope::AsWritten);
        Sample::of(|turn| drop(stage.rest.apply(&configs[turn % 2])))
    };
    let plumbline = {
        let _guard = stage.guard();
        Sample::of(|turn| drop(stage.rest.apply(&configs[turn % 2])))
    };
    let round_trip = Sample::of(|_| stage.rest.read("/api/v1/namespaces/kserve/configmaps/inferenceservice-config"));

    let rows = [("no webhook", &bare), ("no-op webhook", &noop), ("plumbline", &plumbline), ("one GET", &round_trip)];
    println!("{:<16} {:>9} {:>9}", "a write", "p50 ms", "p99 ms");
    for (name, sample) in rows {
        println!("{name:<16} {:>9.2} {:>9.2}", milliseconds(sample.p50), milliseconds(sample.p99));
    }
    let added = |sample: &Sample| milliseconds(sample.p50) - milliseconds(bare.p50);
    let bound = 2.0 * added(&noop) + milliseconds(round_trip.p50);
    println!("added by plumbline / (2 x added by the no-op + one GET), p50: {:.2}", added(&plumbline) / bound);
    let report = rows.map(
        |(name, sample)| json!({"row": name, "p50_ms": milliseconds(sample.p50), "p99_ms": milliseconds(sample.p99)}),
    );
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("admission.json"), json!(report).to_string()).unwrap();
}

struct Sample {
    p50: Duration,
    p99: Duration,
}

impl Sample {
    fn of(mut act: impl FnMut(usize)) -> Self {
        (0..WARM_UP).for_each(&mut act);
        let mut took: Vec<Duration> = (0..WRITES)
            .map(|turn| {
                let started = Instant::now();
                act(turn);
                started.elapsed()
            })
            .collect();
        took.sort();
        Self { p50: took[WRITES / 2], p99: took[WRITES * 99 / 100] }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
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
