//! The remedies of real denials: every patch, applied, mends what it is for.

use std::collections::BTreeSet;
use std::path::Path;

use plumbline::engine::{JudgeSettings, inspect};
use plumbline::finding::Code;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::{Cluster, Document, identify, mends};

#[derive(Deserialize)]
struct Layout {
    before: Vec<Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    #[serde(default)]
    change: Option<Value>,
    replaced: Vec<Value>,
    removed: Vec<String>,
}

impl Case {
    fn cluster(&self, layout: &Layout) -> Cluster {
        let removed = |object: &Value| {
            let (group, kind) = (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str());
            let group = group.rsplit_once('/').map_or("", |(group, _)| group);
            let name = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            let text = format!("{group}/{}/{}/{}", kind.unwrap_or_default(), name("namespace"), name("name"));
            self.removed.contains(&text)
        };
        let objects = layout.before.iter().filter(|object| !removed(object)).chain(&self.replaced);
        Cluster::of(objects.cloned())
    }
}

#[test]
fn every_patch_mends_the_denial_it_comes_with() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut failures = Vec::new();
    let (mut denials, mut patched) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let layout: Layout = serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("a packed layout");
        for case in &layout.cases {
            let cluster = case.cluster(&layout);
            let Some(change) = case.change.as_ref().and_then(|object| Some((identify(object)?, object))) else {
                continue;
            };
            let change = Document { key: change.0, object: Some(change.1.clone()) };
            let judged = cluster.judge(&change);
            if judged.judgement.findings.is_empty() {
                continue;
            }
            denials += 1;
            let was = inspect(&cluster.snapshot(), &JudgeSettings::default()).findings;
            let codes: BTreeSet<Code> = judged.codes().into_iter().chain(was.iter().map(|old| old.code)).collect();
            let mut has_patch = false;
            for finding in &judged.judgement.findings {
                assert!(!finding.remedies.is_empty(), "{}: {} has no remedy", case.case, finding.code);
                for remedy in &finding.remedies {
                    let Some(patch) = &remedy.patch else { continue };
                    has_patch = true;
                    if let Err(why) = mends(&cluster, &change, &codes, finding.code, (&remedy.object, patch)) {
                        failures.push(format!("{}: {}: {}: {why}", case.case, finding.code, remedy.text()));
                    }
                }
            }
            patched += usize::from(has_patch);
        }
    }
    assert!(failures.is_empty(), "{} of {denials} denials:\n{}", failures.len(), failures.join("\n"));
    assert!(patched * 3 > denials * 2, "only {patched} of {denials} denials come with a patch");
}
