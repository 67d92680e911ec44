//! Our readers and host matching against the Go originals, on generated cases and on every text of the corpus.
//!
//! `tests/originals/build.sh` builds the originals, and `GO_ORIGINALS` names their folder. Cases come from a fixed seed; a case that
//! is answered otherwise is shrunk and printed with both answers. `DIFFERENTIAL_CASES` asks for more than the usual number, and
//! `DIFFERENTIAL_SEED` for others.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]

#[path = "differential/hosts.rs"]
mod hosts;
#[path = "differential/istio_lists.rs"]
mod istio_lists;
#[path = "differential/json.rs"]
mod json;
#[path = "differential/kserve.rs"]
mod kserve;
#[path = "differential/names.rs"]
mod names;
#[path = "differential/original.rs"]
mod original;
#[path = "differential/texts.rs"]
mod texts;
#[path = "differential/yaml.rs"]
mod yaml;

use std::fmt::Debug;

use proptest::prelude::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// How many cases of a kind are tried, where nothing else is asked for.
const CASES: u32 = 4_000;

/// Tries a check on generated cases.
///
/// # Panics
/// With the smallest case that fails it.
fn on_generated<T: Debug>(cases: &impl Strategy<Value = T>, check: impl Fn(&T) -> Result<(), String>) {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |number| number.parse().expect("a number"));
    let count = number("DIFFERENTIAL_CASES", CASES);
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 10_000, ..Config::default() };
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("DIFFERENTIAL_SEED", 0).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let outcome = TestRunner::new_with_rng(config, rng).run(cases, |case| check(&case).map_err(TestCaseError::fail));
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Whether both answer the same.
fn same<T: Debug + PartialEq>(ours: &T, original: &T) -> Result<(), String> {
    if ours == original { Ok(()) } else { Err(format!("plumbline: {ours:?}\nGo: {original:?}")) }
}
