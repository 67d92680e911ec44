//! `docs/gitops.md`, whose tables and quotations are what the tools did and said here.

use std::env;
use std::fs;
use std::path::Path;

use super::story::Task;
use super::tool::Outcome;
use super::{ARGO, Candidate, FLUX, FOLDER, HELM, KUSTOMIZATION};

/// Set, it makes the test write the page instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

/// In the order of the page.
const CANDIDATES: [&Candidate; 5] = [&FOLDER, &KUSTOMIZATION, &HELM, &ARGO, &FLUX];

#[test]
fn the_page_says_what_the_tools_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gitops.md");
    let stands = fs::read_to_string(&path).unwrap();

    let page = [("outcomes", table()), ("needs", needs()), ("denials", quotations())]
        .iter()
        .fold(stands.clone(), |page, (region, text)| replace(&page, region, text));

    if env::var_os(UPDATE).is_some() {
        fs::write(&path, page).unwrap();
        return;
    }
    let news: Vec<_> = page.lines().filter(|line| !stands.lines().any(|known| known == *line)).collect();
    assert!(stands == page, "docs/gitops.md is stale: run make docs-gitops; it lacks\n{}", news.join("\n"));
}

/// One row for each task, and one column for each tool.
fn table() -> String {
    let header = CANDIDATES.map(|candidate| candidate.name).join(" | ");
    let mut lines = vec![format!("| | {header} |"), format!("|{}", "---|".repeat(CANDIDATES.len() + 1))];
    for (index, (task, _)) in FOLDER.outcomes().iter().enumerate() {
        let cells = CANDIDATES.map(|candidate| {
            let (same, outcome) = &candidate.outcomes()[index];
            assert_eq!(same, task);
            cell(outcome)
        });
        lines.push(format!("| {} | {} |", described(*task), cells.join(" | ")));
    }
    lines.join("\n")
}

/// What makes an order for each tool, and what it is good for.
fn needs() -> String {
    let mut lines = vec!["| | an order is made of | without it | with it |".to_owned(), "|---|---|---|---|".to_owned()];
    for candidate in CANDIDATES {
        let Candidate { name, order, .. } = candidate;
        let [without, with] = [Task::FirstStepAtOnce, Task::MoveByPlan].map(|task| cell(candidate.outcome(task)));
        lines.push(format!("| {name} | {order} | {without} | {with} |"));
    }
    lines.join("\n")
}

fn cell(outcome: &Outcome) -> String {
    if *outcome == Outcome::AT_ONCE { outcome.to_string() } else { format!("**{outcome}**") }
}

fn described(task: Task) -> &'static str {
    match task {
        Task::Install => "first install, everything in one set",
        Task::MoveAtOnce => "the migration as one set",
        Task::TakeBackRefused => "that commit reverted",
        Task::MoveDeclared => "the migration as one set, a [transition](transitions.md) declared on every object",
        Task::RevertDeclared => "that commit reverted, declared in the same way",
        Task::FirstStepAtOnce => "the plan's first commit as one set",
        Task::MoveByPlan => "the plan: two commits, each in its order",
        Task::RevertAtOnce => "the migration reverted as one set",
        Task::RevertByPlan => "the plan backwards: two commits, each in its order",
        Task::HealHarmless => "drift of a Gateway that cuts nothing",
        Task::HealConfigMap => "drift of a ConfigMap that cut requests",
        Task::HealGateway => "drift of a Gateway that cut requests",
    }
}

/// What each tool prints of the migration as one set, as far as the sentence that says what is wrong.
fn quotations() -> String {
    let quoted = CANDIDATES.map(|candidate| {
        let refused = candidate.outcome(Task::MoveAtOnce);
        let Outcome::Never { said } = refused else { panic!("{}: {refused:?}", candidate.name) };
        format!("{}:\n\n```text\n{}\n```", candidate.name, beginning(said))
    });
    quoted.join("\n\n")
}

/// The first line and the one that holds the first denial; what is left out is marked.
fn beginning(said: &str) -> String {
    let mut lines = said.lines().skip_while(|line| line.contains("] \"Warning:"));
    let first = lines.next().unwrap();
    let is_denial = |line: &&str| line.contains("denied the request");
    let denial = if is_denial(&first) { None } else { lines.find(is_denial) };
    let shortened = [Some(first), denial].into_iter().flatten().map(without_file_names);
    shortened.collect::<Vec<_>>().join("\n…\n")
}

/// Argo CD hands each object to kubectl in a file of a random name.
fn without_file_names(line: &str) -> String {
    let Some((before, rest)) = line.split_once("\"/") else { return line.to_owned() };
    let Some((_, after)) = rest.split_once('"') else { return line.to_owned() };
    format!("{before}\"FILE\"{after}")
}

/// Puts `text` between the two comments that mark a region.
fn replace(page: &str, region: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {region} -->\n"), format!("\n<!-- end of {region} -->"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {begin:?} in docs/gitops.md"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end:?} in docs/gitops.md"));
    format!("{before}{begin}{text}{end}{after}")
}
