//! The fuzz targets without a fuzzer: every input of the committed corpora, and mutations of them by a fixed seed.
//!
//! `make fuzz` looks much further, guided by coverage. `FUZZ_INPUTS` sets how many mutations each target gets here.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test stops where its premise fails"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[path = "../fuzz/src/targets.rs"]
mod targets;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
/// No input takes longer on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

#[test]
fn every_input_of_the_corpora_holds_and_so_do_its_mutations() {
    let inputs = std::env::var("FUZZ_INPUTS").map_or(150, |inputs| inputs.parse().expect("a number"));
    let words = words();
    assert!(words.len() > 20, "{words:?}");
    // Each on a thread of its own, whose stack is as small as those that serve.
    let running: Vec<_> = targets::TARGETS
        .into_iter()
        .map(|target| {
            let words = words.clone();
            std::thread::Builder::new()
                .name(target.name.to_owned())
                .spawn(move || run(&target, &words, inputs))
                .unwrap()
        })
        .collect();
    let failed: Vec<_> = running.into_iter().filter_map(|thread| thread.join().err()).collect();
    assert!(failed.is_empty(), "{} targets failed; the inputs are above", failed.len());
}

fn run(target: &targets::Target, words: &[Vec<u8>], inputs: u32) {
    let corpus = corpus(&Path::new(FUZZ).join("corpus").join(target.name));
    assert!(corpus.len() > 2, "{} has no corpus", target.name);
    for (path, bytes) in &corpus {
        hold(target, bytes, &path.display().to_string());
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for number in 0..inputs {
        let (path, bytes) = &corpus[random.below(corpus.len())];
        let other = &corpus[random.below(corpus.len())].1;
        let mut mutated = bytes.clone();
        for _ in 0..=random.below(4) {
            mutate(&mut mutated, other, words, &mut random);
        }
        hold(target, &mutated, &format!("mutation {number} of {}", path.display()));
    }
}

/// Runs a target on an input, and names the input where it fails.
fn hold(target: &targets::Target, bytes: &[u8], origin: &str) {
    struct Naming<'a>(&'a str, &'a [u8], &'a str);
    impl Drop for Naming<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{} failed on {}: b\"{}\"", self.0, self.2, self.1.escape_ascii());
            }
        }
    }
    let started = Instant::now();
    let naming = Naming(target.name, bytes, origin);
    (target.run)(bytes);
    assert!(started.elapsed() < LONGEST, "it took {:?}", started.elapsed());
    drop(naming);
}

fn corpus(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("readable").path());
    let mut corpus: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).expect("readable"))).collect();
    corpus.sort();
    corpus
}

/// The words that the fuzzer knows as well.
fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(Path::new(FUZZ).join("words")).expect("the words");
    let lines = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    lines.map(unescaped).collect()
}

/// The bytes that a word of a libFuzzer dictionary stands for.
fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        rest = if let Some(hex) = after.strip_prefix('x') {
            bytes.push(u8::from_str_radix(&hex[..2], 16).expect("two digits"));
            &hex[2..]
        } else {
            bytes.extend(after[..1].bytes());
            &after[1..]
        };
    }
    bytes.extend(rest.bytes());
    bytes
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(32)).min(bytes.len());
    match random.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.splice(at..at, bytes[at..end].to_vec().repeat(1 + random.below(40))).for_each(drop),
        3 => bytes.truncate(at),
        4 => {
            bytes.truncate(at);
            bytes.extend(&other[random.below(other.len() + 1)..]);
        }
        5 => bytes.splice(at..end, words[random.below(words.len())].iter().copied()).for_each(drop),
        _ => bytes.splice(at..at, words[random.below(words.len())].iter().copied()).for_each(drop),
    }
}

/// A xorshift generator: the same inputs on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % limit.max(1)
    }
}
