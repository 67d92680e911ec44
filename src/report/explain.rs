//! A rule's documentation: for the terminal, and as a page.

use std::fmt::Write as _;

use crate::rules::{Family, RULES, Rule, Status};

/// The widest first column of a table in a terminal.
const COLUMN: usize = 34;

/// The documentation of a rule for a terminal.
#[must_use]
pub fn render(rule: &Rule) -> String {
    let (lead, rest) = body(rule);
    let mut text = format!("{}  {}\n\n{lead}\n\n", rule.code, rule.name);
    for (label, value) in facts(rule) {
        writeln!(text, "  {label:<9} {value}").ok();
    }
    text.push('\n');
    let mut in_example = false;
    for line in captioned(rule, &rest) {
        if line.starts_with("```") {
            in_example = !in_example;
        } else if in_example {
            writeln!(text, "    {line}").ok();
        } else if let Some(title) = line.strip_prefix("## ") {
            writeln!(text, "{}", title.to_uppercase()).ok();
        } else if line.starts_with('|') {
            text.push_str(&row(&line));
        } else {
            writeln!(text, "{line}").ok();
        }
    }
    text
}

/// A row of a Markdown table for a terminal; nothing for the rule below its head.
fn row(line: &str) -> String {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    match cells.as_slice() {
        [first, ..] if first.starts_with("---") => String::new(),
        [first, rest @ ..] => format!("  {first:<COLUMN$} {}\n", rest.join("  ")),
        [] => String::new(),
    }
}

/// The page of a rule, as Markdown.
#[must_use]
pub fn page(rule: &Rule) -> String {
    let (lead, rest) = body(rule);
    let mut text = format!("# {} {}\n\n{lead}\n\n| | |\n|---|---|\n", rule.code, rule.name);
    for (label, value) in facts(rule) {
        writeln!(text, "| {label} | {value} |").ok();
    }
    for reads in rule.reads {
        let fields: Vec<String> = reads.fields.iter().map(|field| format!("`{field}`")).collect();
        writeln!(text, "| reads of {} | {} |", reads.kind, fields.join(", ")).ok();
    }
    text.push('\n');
    for line in captioned(rule, &rest) {
        writeln!(text, "{}", if line.starts_with("```yaml") { "```yaml" } else { &line }).ok();
    }
    text
}

/// The lines of the documentation, with a caption above each example that no sentence introduces.
fn captioned(rule: &Rule, docs: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in docs.lines() {
        let caption = match line {
            "```yaml bad" => Some(format!("This gives {}:", rule.code)),
            "```yaml good" => Some(format!("This does not give {}:", rule.code)),
            _ => None,
        };
        let is_introduced = lines.iter().rev().find(|line| !line.is_empty()).is_some_and(|line| line.ends_with(':'));
        if let Some(caption) = caption.filter(|_| !is_introduced) {
            lines.extend([caption, String::new()]);
        }
        lines.push(line.to_owned());
    }
    lines
}

/// The page that lists all rules, as Markdown.
#[must_use]
pub fn index() -> String {
    let mut text = String::from(
        "# Codes\n\nWhat plumbline finds, by code. A code keeps its meaning and is never used for anything else.\n\n\
         Each page has two examples. They are changes to the cluster in [stock-cluster.yaml](stock-cluster.yaml): the last \
         document is the change that is judged, those before it are in the cluster already. The first example is a change that \
         gives the code; the second one nearly does.\n",
    );
    let mut family: Option<Family> = None;
    for rule in RULES {
        if family != Some(rule.family()) {
            family = Some(rule.family());
            let summary = rule.family().summary();
            write!(
                text,
                "\n## PL{}xx: {summary}\n\n| code | name | what is wrong |\n|---|---|---|\n",
                rule.code.0 / 100
            )
            .ok();
        }
        writeln!(text, "| [{0}]({0}.md) | {1} | {2} |", rule.code, rule.name, rule.summary).ok();
    }
    text
}

fn facts(rule: &Rule) -> Vec<(&'static str, String)> {
    let mut facts = vec![("severity", rule.severity.to_string()), ("family", rule.family().summary().to_owned())];
    if !rule.hops.is_empty() {
        let hops: Vec<&str> = rule.hops.iter().map(|hop| hop.label()).collect();
        facts.push(("found at", hops.join(", ")));
    }
    if rule.status != Status::Stable {
        facts.push(("status", rule.status.to_string()));
    }
    facts
}

/// The doc comment, without the space that follows its slashes: its first paragraph, and the rest.
fn body(rule: &Rule) -> (String, String) {
    let lines: Vec<&str> = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let docs = lines.join("\n");
    let (lead, rest) = docs.trim().split_once("\n\n").unwrap_or((docs.trim(), ""));
    (lead.to_owned(), rest.to_owned())
}
