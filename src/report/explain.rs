//! A rule's documentation: for the terminal, and as a page.

use std::fmt::Write as _;

use crate::rules::{Family, RULES, Rule, Status};

/// The documentation of a rule for a terminal.
#[must_use]
pub fn render(rule: &Rule) -> String {
    let mut text = format!("{}  {}\n{}\n\n", rule.code, rule.name, rule.summary);
    for (label, value) in facts(rule) {
        writeln!(text, "  {label:<9} {value}").ok();
    }
    text.push('\n');
    let mut in_example = false;
    for line in body(rule).lines() {
        match line.strip_prefix("```") {
            Some(fence) => {
                in_example = !in_example;
                text.push_str(caption(fence).unwrap_or_default());
                if in_example && caption(fence).is_some() {
                    text.push_str("\n\n");
                }
            }
            None if in_example => writeln!(text, "    {line}").unwrap_or_default(),
            None => match line.strip_prefix("## ") {
                Some(title) => writeln!(text, "{}", title.to_uppercase()).unwrap_or_default(),
                None => writeln!(text, "{line}").unwrap_or_default(),
            },
        }
    }
    text
}

/// The page of a rule, as Markdown.
#[must_use]
pub fn page(rule: &Rule) -> String {
    let mut text = format!("# {} {}\n\n{}.\n\n", rule.code, rule.name, rule.summary);
    text.push_str("| | |\n|---|---|\n");
    for (label, value) in facts(rule) {
        writeln!(text, "| {label} | {value} |").ok();
    }
    for reads in rule.reads {
        let fields: Vec<String> = reads.fields.iter().map(|field| format!("`{field}`")).collect();
        writeln!(text, "| reads of {} | {} |", reads.kind, fields.join(", ")).ok();
    }
    text.push('\n');
    for line in body(rule).lines() {
        match line.strip_prefix("```").and_then(caption) {
            Some(caption) => writeln!(text, "{caption}\n\n```yaml").ok(),
            None => writeln!(text, "{line}").ok(),
        };
    }
    text
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

/// The doc comment, without the space that follows its slashes.
fn body(rule: &Rule) -> String {
    let lines: Vec<&str> = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// What is said above an example.
fn caption(fence: &str) -> Option<&'static str> {
    match fence {
        "yaml bad" => Some("This is found:"),
        "yaml good" => Some("This is fine:"),
        _ => None,
    }
}
