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
    #[serde(rename = "case")]
    name: String,
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

/// Every change of the corpus that writes an object, with the cluster that it is made to.
pub(crate) fn each(mut judge: impl FnMut(&str, &Cluster, &Document)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let paths = std::fs::read_dir(folder).expect("the corpus is there").map(|entry| entry.expect("readable").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    paths.sort();
    for path in paths {
        let layout: Layout = serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("a packed layout");
        for case in &layout.cases {
            let Some(object) = &case.change else { continue };
            let key = identify(object).expect("a known kind");
            judge(
                &case.name,
                &case.cluster(&layout),
                &Document { key, object: Some(object.clone()), may_declare: true },
            );
        }
    }
}

#[test]
fn every_patch_mends_the_denial_it_comes_with() {
    let mut failures = Vec::new();
    let (mut denials, mut with_patch) = (0, 0);
    each(|case, cluster, change| {
        let judged = cluster.judge(change);
        let findings = &judged.judgement.findings;
        let was = inspect(&cluster.snapshot(), &JudgeSettings::default()).findings;
        let codes: BTreeSet<Code> = judged.codes().into_iter().chain(was.iter().map(|old| old.code)).collect();
        for finding in findings {
            assert!(!finding.remedies.is_empty(), "{case}: {} has no remedy", finding.code);
            for remedy in &finding.remedies {
                let Some(patch) = &remedy.patch else { continue };
                if let Err(why) = mends(cluster, change, &codes, finding.code, (&remedy.object, patch)) {
                    failures.push(format!("{case}: {}: {}: {why}", finding.code, remedy.text()));
                }
            }
        }
        denials += usize::from(!findings.is_empty());
        let has_patch = findings.iter().flat_map(|finding| &finding.remedies).any(|remedy| remedy.patch.is_some());
        with_patch += usize::from(has_patch);
    });
    assert!(failures.is_empty(), "{} of {denials} denials:\n{}", failures.len(), failures.join("\n"));
    assert!(denials > 60 && with_patch * 10 > denials * 8, "only {with_patch} of {denials} denials come with a patch");
}
