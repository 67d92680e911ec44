//! What plumbline takes of a machine: memory, and the time until it is ready. `make bench` runs this; it asserts nothing of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use super::stage::Stage;
use super::stock::{self, kserve_config};
use super::stored;
use crate::control_plane::User;
use crate::generated::{Cluster, Variant};
use crate::load::Load;
use crate::plumbline_server::PlumblineServer;
use crate::port::Port;
use crate::wait;

/// Reviews under way at a time, and for how long.
const PARALLEL: (usize, Duration) = (25, Duration::from_secs(5));
/// How long a process is left alone before it is weighed.
const REST: Duration = Duration::from_secs(2);
/// How often starting is timed; the median counts.
const STARTS: usize = 3;
/// The sizes of the cluster, each with the most memory at it, in MiB, and the longest start, in milliseconds.
const SIZES: [(usize, f64, Option<f64>); 2] = [(10_000, 25.0, Some(1000.0)), (100_000, 60.0, None)];
const MOST_IDLE: f64 = 10.0;
const MOST_PARALLEL: f64 = 16.0;

#[test]
#[ignore = "a benchmark, run by `make bench`"]
fn it_takes_this_much_memory_and_time() {
    let stage = Stage::enter();
    let shipped = stock::install(&stage);
    let mut rows = Vec::new();

    let (server, started) = start(&stage);
    sleep(REST);
    rows.push(memory("idle", "the stock layout", resident(&server), MOST_IDLE));
    rows.push(row("of which pages of its own file", "the stock layout", mebibytes(&server, "RssFile"), "MiB", None));
    rows.push(time("start to ready", "the stock layout", started, None));
    let (setting, most) = (format!("{} reviews under way", PARALLEL.0), MOST_PARALLEL);
    rows.push(memory("busy, the most of it", &setting, resident_under_load(&server, &shipped), most));
    drop(server);

    let mut there = 0;
    for (size, most_memory, most_time) in SIZES {
        grow(&stage, there, size);
        there = size;
        let setting = format!("{size} InferenceServices, 1000 Gateways, 1000 Services");
        let mut starts: Vec<Duration> = (1..STARTS).map(|_| start(&stage).1).collect();
        let (server, started) = start(&stage);
        starts.push(started);
        starts.sort();
        sleep(REST);
        rows.push(memory("idle", &setting, resident(&server), most_memory));
        rows.push(time("start to ready", &setting, starts[STARTS / 2], most_time));
    }
    report(&rows);
}

/// Starts plumbline; tells how long it took until it said that it was ready.
fn start(stage: &Stage) -> (PlumblineServer, Duration) {
    let health = Port::lease();
    let address = format!("127.0.0.1:{}", health.number());
    let asked = address.clone();
    let ready = thread::spawn(move || {
        while !is_ready(&asked) {
            sleep(Duration::from_millis(5));
        }
        Instant::now()
    });
    let began = Instant::now();
    let server =
        PlumblineServer::start(stage.control_plane.kubeconfig(User::Plumbline), &["--health-listen", &address]);
    let ready = ready.join().unwrap();
    (server, ready - began)
}

fn is_ready(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.starts_with("HTTP/1.1 200 ")
}

/// Adds what a generated cluster of a size has beside the stock layout and what is there already.
fn grow(stage: &Stage, from: usize, to: usize) {
    let cluster = Cluster { inference_services: to, gateways: 1_000, services: 1_000, variant: Variant::Plain };
    let index = |object: &Value| {
        let (_, index) = object["metadata"]["name"].as_str()?.rsplit_once('-')?;
        index.parse::<usize>().ok()
    };
    let of_kind = |kind: &'static str| cluster.manifests().filter(move |object| object["kind"] == kind);
    if from == 0 {
        // Namespaces have to be there before what is in them.
        for kind in ["Namespace", "Gateway", "Service"] {
            stage.rest.create_all(of_kind(kind).filter(|object| index(object).is_some()).map(unassigned));
        }
    }
    let new = of_kind("InferenceService").filter(|object| index(object) >= Some(from));
    stored::put_all(stage.control_plane.etcd_port(), "serving.kserve.io/inferenceservices", new);
    let last = cluster.manifests().last().unwrap();
    wait::until("the last InferenceService in the API server's cache", Duration::from_mins(2), || {
        let metadata = &last["metadata"];
        let (namespace, name) = (metadata["namespace"].as_str().unwrap(), metadata["name"].as_str().unwrap());
        let collection = format!("/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices");
        stage.rest.read(&format!("{collection}/{name}?resourceVersion=0")).ok_or_else(|| name.to_owned())
    });
}

/// The same object without what the API server assigns.
fn unassigned(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for assigned in ["creationTimestamp", "resourceVersion", "uid"] {
        metadata.remove(assigned);
    }
    if metadata["namespace"] == "" {
        metadata.remove("namespace");
    }
    object
}

/// The most that it takes while it judges as many reviews at a time, each in full.
fn resident_under_load(server: &PlumblineServer, shipped: &[Value]) -> f64 {
    let endpoint = server.endpoint();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(endpoint.ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = Arc::new(tls.with_root_certificates(roots).with_no_client_auth());
    let load = Load {
        server: "plumbline",
        address: ([127, 0, 0, 1], endpoint.port).into(),
        tls: &tls,
        server_name: "plumbline.plumbline.svc",
        body: &review(shipped),
        is_allowed: true,
        connections: PARALLEL.0,
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let most = scope.spawn(|| {
            let mut most = 0.0_f64;
            while !done.load(Ordering::SeqCst) {
                most = most.max(resident(server));
                sleep(Duration::from_millis(20));
            }
            most
        });
        let reviews = load.last(PARALLEL.1);
        done.store(true, Ordering::SeqCst);
        assert!(reviews.unwrap() > 0);
        most.join().unwrap()
    })
}

/// The review of a write by which every request is walked, and which is admitted: another name for the same Gateway.
fn review(shipped: &[Value]) -> Vec<u8> {
    let same = [("localGateway", "knative-local-gateway.knative-serving.svc.cluster.local")];
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind,
            "resource": {"group": "", "version": "v1", "resource": "configmaps"},
            "name": "inferenceservice-config",
            "namespace": "kserve",
            "operation": "UPDATE",
            "userInfo": {"username": "alex@example.com"},
            "object": kserve_config(shipped, &same),
            "oldObject": kserve_config(shipped, &[]),
            "dryRun": true,
        },
    })
    .to_string()
    .into_bytes()
}

/// What it holds in memory, in MiB.
fn resident(server: &PlumblineServer) -> f64 {
    mebibytes(server, "VmRSS")
}

fn mebibytes(server: &PlumblineServer, name: &str) -> f64 {
    f64::from(server.memory_kib(name)) / 1024.0
}

fn memory(what: &str, setting: &str, mebibytes: f64, most: f64) -> Value {
    row(&format!("resident memory, {what}"), setting, mebibytes, "MiB", Some(most))
}

fn time(what: &str, setting: &str, took: Duration, most: Option<f64>) -> Value {
    row(what, setting, took.as_secs_f64() * 1000.0, "ms", most)
}

fn row(what: &str, setting: &str, value: f64, unit: &str, most: Option<f64>) -> Value {
    let ratio =
        most.map(|most| json!({"to": format!("{most} {unit}"), "value": value / most, "mark": {"at_most": 1.0}}));
    json!({"what": what, "setting": setting, "measured": {"value": value, "unit": unit}, "ratio": ratio})
}

#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn report(rows: &[Value]) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for row in rows {
        let measured = &row["measured"];
        let measured = format!("{:.1} {}", measured["value"].as_f64().unwrap(), text(&measured["unit"]));
        let ratio = row["ratio"]["value"].as_f64().map(|ratio| format!("{ratio:.2} of {}", text(&row["ratio"]["to"])));
        let (what, setting) = (text(&row["what"]), text(&row["setting"]));
        println!("{what:<38} {setting:<56} {measured:>12}  {}", ratio.unwrap_or_default());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("footprint.json"), serde_json::to_vec_pretty(rows).unwrap()).unwrap();
}
