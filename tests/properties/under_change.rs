//! Sequences of random writes, each judged by the engine and held against a walk by brute force.

use std::fs;
use std::path::Path;

use plumbline::engine::{Actor, Change, Verdict, judge, walks_of};
use plumbline::exception::{Moment, Policy, Weighed, weigh};
use plumbline::view::View;
use plumbline::walk::{End, RequestKind};
use serde_json::{Value, json};

use crate::NOW;
use crate::brute_force::{Effect, Request, working};
use crate::cluster::{Cluster, read};
use crate::layout::settings;
use crate::sequences::{
    Objects, Random, Write, case, case_text, effect_of, is_judged, laid_over, shipped, shrunk, theme,
};

/// How many writes a sequence has.
const LENGTH: usize = 30;
/// How many sequences that are judged wrongly one run tells of.
const FAILURES_TOLD: usize = 6;

/// A cluster that writes are made to.
struct Run {
    shipped: Objects,
    objects: Objects,
    clock: u32,
    counts: Counts,
}

/// What came of the writes.
#[derive(Debug, Default)]
struct Counts {
    admitted: usize,
    refused: usize,
    excepted: usize,
    unclear: usize,
}

impl Run {
    fn begin() -> Self {
        let mut shipped = shipped();
        // Each a little younger than the one before it in the alphabet.
        for (index, object) in shipped.values_mut().enumerate() {
            object["metadata"]["creationTimestamp"] = format!("2025-01-01T00:00:{index:02}Z").into();
        }
        Self { objects: shipped.clone(), shipped, clock: 0, counts: Counts::default() }
    }

    /// Makes one write, and tells in which way the engine is wrong about it.
    fn make(&mut self, write: &Write) -> Result<(), String> {
        let key = write.object().to_owned();
        let Some(mut made) = write.outcome(&self.objects, &self.shipped) else { return Ok(()) };
        if let Some(made) = &mut made
            && !self.objects.contains_key(&key)
        {
            self.clock += 1;
            made["metadata"]["creationTimestamp"] =
                format!("2026-01-01T{:02}:{:02}:00Z", self.clock / 60, self.clock % 60).into();
        }
        let after = laid_over(&self.objects, &key, made.as_ref());
        if !is_judged(&key) {
            self.objects = after;
            return Ok(());
        }
        let ruling = self.judge(write, &key, made.as_ref());
        let is_admitted = match ruling {
            Ruled::Denied(codes) => {
                self.counts.refused += 1;
                match effect_of(&self.objects, &after) {
                    Effect::Harmless => return Err(format!("refused, and harmless: {codes}")),
                    Effect::Unclear(_) => self.counts.unclear += 1,
                    Effect::Harmful(_) => {}
                }
                false
            }
            Ruled::Excepted => {
                self.counts.excepted += 1;
                if !write.is_declared() {
                    return Err("an exception that nobody declared".to_owned());
                }
                true
            }
            Ruled::Allowed => {
                self.counts.admitted += 1;
                match effect_of(&self.objects, &after) {
                    Effect::Harmful(worse) => return Err(format!("admitted, and harmful: {worse:#?}")),
                    Effect::Unclear(_) => self.counts.unclear += 1,
                    Effect::Harmless => {}
                }
                true
            }
        };
        if is_admitted {
            self.objects = after;
        }
        Ok(())
    }

    fn cluster(&self) -> Cluster {
        let mut cluster = Cluster::default();
        for object in self.objects.values() {
            cluster.objects.insert(read(object).0, object.clone());
        }
        cluster
    }

    fn judge(&self, write: &Write, key: &str, made: Option<&Value>) -> Ruled {
        let cluster = self.cluster();
        let mut made = made.cloned();
        if let Some(made) = made.as_mut().filter(|_| write.is_declared()) {
            made["metadata"]["annotations"]["plumbline.dev/transition"] = json!("move");
            made["metadata"]["annotations"]["plumbline.dev/transition-until"] = json!("2026-06-01T12:30:00Z");
        }
        let before = self.objects.get(key).map(read);
        let after = made.as_ref().map(read);
        let object_key = before.as_ref().or(after.as_ref()).unwrap().0.clone();
        let change = Change {
            key: object_key,
            before: before.map(|(_, object)| object),
            after: after.map(|(_, object)| object),
            actor: Actor::Anybody,
        };
        let judgement = judge(&cluster.snapshot(), &change, &settings());
        let now = Moment::parse(NOW).unwrap();
        let Weighed::Settled(ruling) = weigh(judgement, &change, &Policy::default(), now) else {
            panic!("nobody is asked for a right")
        };
        if ruling.judgement.verdict == Verdict::Deny {
            let findings = ruling.judgement.findings.iter().map(|it| format!("{} {}", it.code, it.message));
            Ruled::Denied(findings.collect::<Vec<_>>().join("; "))
        } else if ruling.is_exception() {
            Ruled::Excepted
        } else {
            Ruled::Allowed
        }
    }
}

enum Ruled {
    Denied(String),
    Excepted,
    Allowed,
}

/// Makes writes until one is judged wrongly.
fn replay(writes: &[Write]) -> Result<Run, String> {
    let mut run = Run::begin();
    for (place, write) in writes.iter().enumerate() {
        run.make(write).map_err(|wrong| format!("write {place}, {write:?}: {wrong}"))?;
    }
    Ok(run)
}

#[allow(clippy::print_stdout, reason = "a long run tells what it saw")]
#[test]
fn random_sequences_are_judged_as_brute_force_judges_them() {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let first: u64 = asked("PLUMBLINE_SEED").unwrap_or(1);
    let count: u64 = asked("PLUMBLINE_SEQUENCES").unwrap_or(45);
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    for seed in first..first + count {
        let mut random = Random::of(seed);
        let mut run = Run::begin();
        let mut writes = Vec::new();
        let mut begun = theme(&mut random).into_iter();
        for _ in 0..LENGTH {
            let next = begun.next();
            let write = next.unwrap_or_else(|| Write::random(&mut random, &run.objects, &run.shipped));
            writes.push(write.clone());
            if run.make(&write).is_err() {
                let few = shrunk(&writes, |writes| replay(writes).is_err());
                let wrong = replay(&few).err().unwrap_or_default();
                failures.push(format!("seed {seed}: {wrong}\n{}", case_text(&wrong, &few)));
                break;
            }
        }
        // Whatever is wrong is wrong for many seeds; a few tell what it is.
        if failures.len() == FAILURES_TOLD {
            break;
        }
        counts.admitted += run.counts.admitted;
        counts.refused += run.counts.refused;
        counts.excepted += run.counts.excepted;
        counts.unclear += run.counts.unclear;
    }
    println!("{counts:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // A test that sees mostly one verdict, or mostly nothing it can tell, proves little.
    let all = counts.admitted + counts.refused;
    assert!(counts.refused * 10 > all && counts.admitted * 4 > all && counts.unclear * 3 < all, "{counts:?}");
}

#[test]
fn every_request_works_in_the_cluster_that_sequences_begin_with() {
    let objects: Vec<_> = shipped().into_values().collect();
    let expected = [(Request::Local, 6), (Request::External, 5), (Request::Predictor, 2), (Request::Ready, 6)];
    assert_eq!(working(&objects).into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn where_a_gateway_on_every_gateway_is_entered_is_unknown_and_not_broken() {
    let mut run = Run::begin();
    let key = "Gateway knative-serving/knative-ingress-gateway";
    run.make(&Write(json!({"object": key, "set": {"/spec/selector": {}}}))).unwrap();
    let snapshot = run.cluster().snapshot();
    let (_, walks) = walks_of(&View::of(&snapshot), &settings(), "models", "iris");
    let external = walks.into_iter().find(|traced| traced.walk.request.kind == RequestKind::External).unwrap();
    let End::Unknown { why, .. } = external.walk.end else { panic!("{:?}", external.walk.end) };
    assert!(why.contains("selects every gateway"), "{why}");
}

#[test]
fn cases_that_were_judged_wrongly_once_are_judged_rightly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sequences");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let writes = case(&fs::read_to_string(&file).unwrap());
        if let Err(wrong) = replay(&writes) {
            panic!("{}: {wrong}", file.display());
        }
    }
}
