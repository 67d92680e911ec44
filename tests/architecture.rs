//! The house keeps its shape: the judgement is pure, every file is part of the crate, and no file outgrows its reader.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules between an object's bytes and a verdict.
const PURE: [&str; 18] = [
    "cohort",
    "data_plane",
    "doctor",
    "engine",
    "exception",
    "finding",
    "model",
    "object",
    "operator",
    "plan",
    "population",
    "quote",
    "rehearsal",
    "rotation",
    "rules",
    "survey",
    "syntax",
    "view",
];
/// As above: the walk itself.
const WALK: &str = "walk";
/// What they do without.
const IMPURE: [&str; 10] =
    ["kube::", "k8s_openapi", "tokio", "axum", "hyper", "std::fs", "std::net", "std::time", "std::env", "std::io"];
/// The most lines a source file has.
const LINES: usize = 400;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file, without its comments.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("readable");
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start().to_owned()));
    lines.filter(|(_, line)| !line.starts_with("//")).collect()
}

#[test]
fn the_judgement_is_pure() {
    let mut violations = Vec::new();
    let mut seen = 0;
    for path in sources(&root()) {
        let relative = path.strip_prefix(root()).expect("below src").to_string_lossy().replace(".rs", "");
        let module = relative.split('/').next().expect("a module");
        if module != WALK && !PURE.contains(&module) {
            continue;
        }
        seen += 1;
        for (number, line) in code(&path) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                violations.push(format!("src/{relative}.rs:{number}: {word}"));
            }
        }
    }
    assert!(seen > 40, "only {seen} pure files were found");
    assert!(violations.is_empty(), "the pure side reaches out:\n{}", violations.join("\n"));
}

#[test]
fn every_file_is_part_of_the_crate() {
    let mut orphans = Vec::new();
    for path in sources(&root()) {
        let stem = path.file_stem().expect("named").to_string_lossy().into_owned();
        let folder = path.parent().expect("below src");
        let parent = if folder == root() {
            if stem == "lib" || stem == "main" {
                continue;
            }
            root().join("lib.rs")
        } else {
            folder.with_extension("rs")
        };
        let declares = |line: &str| {
            let line =
                line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
            line == format!("mod {stem};")
        };
        if !parent.exists() || !code(&parent).iter().any(|(_, line)| declares(line)) {
            orphans.push(path.display().to_string());
        }
    }
    assert!(orphans.is_empty(), "no mod line leads to {orphans:#?}");
}

#[test]
fn no_file_outgrows_its_reader() {
    let long: Vec<_> = sources(&root())
        .into_iter()
        .map(|path| (fs::read_to_string(&path).expect("readable").lines().count(), path))
        .filter(|(lines, _)| *lines > LINES)
        .collect();
    assert!(long.is_empty(), "over {LINES} lines: {long:#?}");
}
