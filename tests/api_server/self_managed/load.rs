use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::replicas::{Replicas, gateway, get, verifier};
use crate::control_plane::{ControlPlane, User};
use crate::rest::Rest;

/// Less than the settling time: how long an API server may rest on a bundle that is not the newest.
const STALE: Duration = Duration::from_millis(700);

/// Requests without a pause: writes that the API server has reviewed by every replica, and handshakes as an API server makes
/// them that is slow to notice a new bundle.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Calls>>,
}

/// How many requests there were.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) reviews: u32,
    pub(super) handshakes: u32,
    failures: Vec<String>,
}

impl Load {
    pub(super) fn start(replicas: &Replicas) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (namespace, ports, name) = (replicas.name(), replicas.ports(), replicas.server_name());
        let writing = ["one", "two"].map(|gateway| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || write(namespace, gateway, &stop))
        });
        let stopped = Arc::clone(&stop);
        let shaking = thread::spawn(move || shake_hands(namespace, &ports, &name, &stopped));
        Self { stop, threads: writing.into_iter().chain([shaking]).collect() }
    }

    /// # Panics
    /// If a single request failed.
    pub(super) fn stop(self) -> Calls {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = Calls::default();
        for thread in self.threads {
            let calls = thread.join().unwrap();
            sum.reviews += calls.reviews;
            sum.handshakes += calls.handshakes;
            sum.failures.extend(calls.failures);
        }
        assert!(
            sum.failures.is_empty(),
            "{} failed: {:#?}",
            sum.failures.len(),
            &sum.failures[..sum.failures.len().min(5)]
        );
        sum
    }
}

fn write(namespace: &str, name: &str, stop: &AtomicBool) -> Calls {
    let rest = Rest::open(ControlPlane::shared(), User::Admin);
    let mut calls = Calls::default();
    let mut gateway = gateway(namespace, name);
    while !stop.load(Ordering::Relaxed) {
        gateway["metadata"]["labels"]["round"] = calls.reviews.to_string().into();
        calls.reviews += 1;
        if let Err(failure) = rest.attempt(&gateway) {
            calls.failures.push(failure);
        }
        sleep(Duration::from_millis(20));
    }
    calls
}

fn shake_hands(namespace: &str, ports: &[u16], name: &str, stop: &AtomicBool) -> Calls {
    let rest = Rest::open(ControlPlane::shared(), User::Admin);
    let path = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{namespace}");
    let mut calls = Calls::default();
    while !stop.load(Ordering::Relaxed) {
        let configuration = rest.read(&path).unwrap();
        let bundles = configuration["webhooks"].as_array().unwrap().iter();
        let bundles: Vec<_> = bundles.map(|webhook| super::text(&webhook["clientConfig"]["caBundle"])).collect();
        let read = Instant::now();
        while read.elapsed() < STALE {
            for (port, bundle) in ports.iter().zip(&bundles) {
                calls.handshakes += 1;
                let answer = match verifier(bundle) {
                    Some(verifier) => get(*port, verifier, name, plumbline::server::LIVE),
                    None => Err(format!("no bundle: {bundle:?}")),
                };
                if let Err(failure) = answer {
                    calls.failures.push(format!("port {port}: {failure}"));
                }
            }
            sleep(Duration::from_millis(50));
        }
    }
    calls
}
