//! The chart's values are described once, in `values.yaml`: its README and its schema follow.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::fs;

use plumbline::syntax::{Node, line_column, yaml};
use serde_json::Value;

use super::rendering::CHART;
use crate::yaml::json;

const BEGIN: &str = "<!-- values: begin -->\n";
const END: &str = "<!-- values: end -->\n";
const REGENERATE: &str = "PLUMBLINE_WRITE_DOCS";

#[test]
fn the_readme_lists_every_value() {
    let path = format!("{CHART}/README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let table = table(&Described::all());
    let expected = format!("{before}{BEGIN}\n{table}\n{END}{after}");

    if env::var_os(REGENERATE).is_some() {
        return fs::write(&path, &expected).unwrap();
    }
    assert!(
        expected == readme,
        "charts/plumbline/README.md is stale; mend it with {REGENERATE}=1 cargo test --test api_server chart::values"
    );
}

#[test]
fn the_schema_knows_exactly_the_values_there_are() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let described: BTreeSet<_> = Described::all().into_iter().map(|value| value.path).collect();

    let mut known = BTreeSet::new();
    collect_properties(&schema, "", &described, &mut known);

    // Helm's own, for charts that depend on this one.
    assert!(known.remove("global"));
    assert_eq!(known, described);
}

#[test]
fn the_chart_installs_the_version_of_this_crate() {
    let chart = json(&yaml::parse(&read("Chart.yaml")).unwrap());

    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

/// A value with the comment that documents it.
struct Described {
    path: String,
    default: Value,
    text: String,
}

impl Described {
    /// Every value, in the order of the file.
    ///
    /// # Panics
    /// If one is described by no comment, neither itself nor as a part of one that is.
    fn all() -> Vec<Self> {
        let text = read("values.yaml");
        let mut found = Vec::new();
        collect_described(&yaml::parse(&text).unwrap(), &text, "", &mut found);
        found.sort_by_key(|(line, _)| *line);
        found.into_iter().map(|(_, value)| value).collect()
    }
}

fn collect_described(node: &Node, text: &str, parent: &str, found: &mut Vec<(u32, Described)>) {
    let entries =
        node.as_mapping().unwrap_or_else(|| panic!("values.yaml: {parent} lacks a comment that begins with --"));
    for entry in entries {
        let path = join(parent, &entry.key);
        let (line, _) = line_column(text, entry.key_span.start);
        let above = text.lines().nth(line as usize - 2).unwrap_or_default();
        match above.trim().strip_prefix("# -- ") {
            Some(comment) => {
                let value = Described { path, default: json(&entry.value), text: comment.to_owned() };
                found.push((line, value));
            }
            None => collect_described(&entry.value, text, &path, found),
        }
    }
}

fn collect_properties(schema: &Value, parent: &str, described: &BTreeSet<String>, known: &mut BTreeSet<String>) {
    let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("the schema knows no part of {parent}"));
    assert_eq!(schema["additionalProperties"], false, "{parent:?} takes keys that are no values");
    for (key, schema) in properties {
        let path = join(parent, key);
        let is_group = described.iter().any(|value| value.starts_with(&format!("{path}.")));
        if is_group {
            collect_properties(schema, &path, described, known);
        } else {
            known.insert(path);
        }
    }
}

fn table(values: &[Described]) -> String {
    let mut table = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    for Described { path, default, text } in values {
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let default = if default.is_empty() { "empty".to_owned() } else { format!("`{default}`") };
        writeln!(table, "| `{path}` | {default} | {text} |").unwrap();
    }
    table
}

fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

fn read(file: &str) -> String {
    fs::read_to_string(format!("{CHART}/{file}")).unwrap()
}
