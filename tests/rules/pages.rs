//! The pages in `docs/rules`, which are written from the rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plumbline::report::explain;
use plumbline::rules::{RULES, rule};

/// Set, it makes the test write the pages instead of comparing them.
const UPDATE: &str = "UPDATE_DOCS";

#[test]
fn the_pages_say_what_the_rules_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    let mut pages: BTreeMap<PathBuf, String> =
        RULES.iter().map(|rule| (folder.join(format!("{}.md", rule.code)), explain::page(rule))).collect();
    pages.insert(folder.join("index.md"), explain::index());
    let existing =
        std::fs::read_dir(&folder).expect("docs/rules is there").map(|entry| entry.expect("readable").path());
    let orphans: Vec<_> = existing
        .filter(|path| path.extension().is_some_and(|extension| extension == "md") && !pages.contains_key(path))
        .collect();
    if std::env::var_os(UPDATE).is_some() {
        for orphan in orphans {
            std::fs::remove_file(orphan).expect("removable");
        }
        for (path, text) in pages {
            std::fs::write(path, text).expect("writable");
        }
        return;
    }
    let mend = format!("run {UPDATE}=1 cargo test --test rules");
    assert!(orphans.is_empty(), "{orphans:?} belong to no rule: {mend}");
    for (path, text) in pages {
        let stands = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stands == text, "{} is stale: {mend}", path.display());
    }
}

#[test]
fn a_rule_is_found_by_its_code() {
    for declared in RULES {
        assert_eq!(rule(declared.code).map(|found| found.name), Some(declared.name));
        let is_kebab = |name: &str| name.chars().all(|character| character.is_ascii_lowercase() || character == '-');
        assert!(is_kebab(declared.name), "{}", declared.name);
        assert!(!declared.summary.ends_with('.'), "{}", declared.code);
    }
    assert!(rule(plumbline::finding::Code(999)).is_none());
}

#[test]
fn every_rule_teaches() {
    for rule in RULES {
        for heading in ["## What breaks", "## Why", "## How to fix", "## Example"] {
            assert!(rule.docs.contains(heading), "{} lacks {heading:?}", rule.code);
        }
        let explained = explain::render(rule);
        assert!(explained.starts_with(&rule.code.to_string()) && !explained.contains("```"), "{explained}");
        assert!(explained.lines().all(|line| line.chars().count() <= 130), "{} is too wide", rule.code);
    }
}
