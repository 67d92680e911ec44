//! What is fuzzed, and what has to hold whatever comes in. `tests/fuzz.rs` of the product runs these functions as well.
//!
//! The paths are spelt out because both crates have to find the same files.

#[path = "targets/hosts.rs"]
mod hosts;
#[path = "targets/manifests.rs"]
mod manifests;
#[path = "targets/review.rs"]
mod review;
#[path = "targets/settings.rs"]
mod settings;
#[path = "targets/text.rs"]
mod text;

/// A target: a function of any bytes that panics where something does not hold.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]),
}

/// All targets; each has its folder in `fuzz/corpus`.
pub(crate) const TARGETS: [Target; 7] = [
    Target { name: "review", run: review::review },
    Target { name: "kserve_config", run: review::kserve_config },
    Target { name: "istio_config", run: review::istio_config },
    Target { name: "knative_serving", run: review::knative_serving },
    Target { name: "manifests", run: manifests::manifests },
    Target { name: "hosts", run: hosts::hosts },
    Target { name: "settings", run: settings::settings },
];
