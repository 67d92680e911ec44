//! The message of a refused write, as `kubectl` prints it, and the same as data.

use std::collections::BTreeSet;

use super::words::{how_many, place, requests, who};
use crate::finding::{Affected, Finding, Remedy};
use crate::object::ObjectKey;
use crate::quote;
use crate::rules;

/// How wide the first column is.
const LABELS: usize = 9;
/// The longest warning that the API server passes on whole.
const WARNING_LENGTH: usize = 120;
/// How many remedies are told; more would hide the likeliest.
const REMEDIES: usize = 3;

/// What one finding says, for `status.details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCause {
    /// The path of the field; with the object in front where it is not the one that is written.
    pub field: String,
    /// The code.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// Writes down why a change is refused: what breaks, where, which field says so, what it should say, and for whom.
///
/// Several lines. It follows `admission webhook "…" denied the request: ` in a terminal, so the first one is the verdict.
#[must_use]
pub fn message(changed: &ObjectKey, findings: &[Finding]) -> String {
    let findings = ordered(changed, findings);
    let mut lines = vec![headline(changed, &findings)];
    for finding in &findings {
        lines.push(String::new());
        lines.extend(paragraph(finding));
    }
    lines.push(String::new());
    lines.extend(closing(changed, &findings));
    let printable: Vec<String> = lines.iter().map(|line| quote::printable(line).trim_end().to_owned()).collect();
    printable.join("\n")
}

/// The findings as causes, worst first.
#[must_use]
pub fn causes(changed: &ObjectKey, findings: &[Finding]) -> Vec<StatusCause> {
    let cause = |finding: &Finding| {
        let path = finding.site.path.to_string();
        let is_own = finding.site.object == *changed;
        let field = if is_own { path } else { format!("{} {path}", finding.site.object) };
        StatusCause {
            field: quote::printable(field.trim()),
            code: finding.code.to_string(),
            message: quote::printable(&finding.message),
        }
    };
    ordered(changed, findings).iter().map(cause).collect()
}

/// A finding as one line for the person who writes: at most 120 characters, the code first.
#[must_use]
pub fn warning(finding: &Finding) -> String {
    let hop = finding.hop.map(|hop| format!(" {hop}")).unwrap_or_default();
    quote::shortened(&quote::printable(&format!("{}{hop}: {}", finding.code, finding.message)), WARNING_LENGTH)
}

/// Worst first, each turned to the object that is written.
fn ordered(changed: &ObjectKey, findings: &[Finding]) -> Vec<Finding> {
    let mut findings = findings.to_vec();
    for finding in &mut findings {
        finding.focus(changed);
    }
    findings.sort_by_key(|finding| (finding.reason != rules::CONTROLLER_ERROR, finding.rank()));
    findings
}

fn headline(changed: &ObjectKey, findings: &[Finding]) -> String {
    let object = format!("{} {}", changed.kind, quote::name(&changed.qualified_name()));
    let mut affected = Affected::default();
    let mut refused = BTreeSet::new();
    for finding in findings {
        if finding.reason == rules::CONTROLLER_ERROR {
            refused.insert(finding.site.object.clone());
        }
        affected.merge(finding.affected.clone());
    }
    let cut: Vec<&str> = affected.requests.iter().copied().filter(|kind| *kind != "readiness").collect();
    let what = match (refused.first(), cut.as_slice()) {
        (Some(config), _) => {
            let config = format!("{} {}", config.kind, quote::name(&config.qualified_name()));
            format!("would leave {config} so that its controller refuses it")
        }
        (None, []) => format!("would keep {} from becoming Ready", how_many(&affected)),
        (None, kinds) => format!("would cut {} requests to {}", kinds.join(" and "), how_many(&affected)),
    };
    format!("this change of {object} {what}.")
}

fn paragraph(finding: &Finding) -> Vec<String> {
    let name = rules::rule(finding.code).map(|rule| format!(" {}", rule.name)).unwrap_or_default();
    let mut lines = vec![format!("{}{name}: {}.", finding.code, finding.message)];
    let hop = finding.hop.map(|hop| format!("{hop}; ")).unwrap_or_default();
    lines.push(labelled("seen", &format!("{hop}{}", finding.symptom)));
    let said = std::iter::once((&finding.site, &finding.says));
    let said = said.chain(finding.related.iter().map(|(site, says)| (site, says)));
    lines.extend(said.enumerate().map(|(index, (site, says))| {
        labelled(if index == 0 { "because" } else { "" }, &format!("{}: {says}", place(site)))
    }));
    let affected = &finding.affected;
    if !affected.namespaces.is_empty() {
        lines.push(labelled("hits", &format!("{} [{}]", who(affected), requests(affected))));
    }
    let remedies = finding.remedies.iter().take(REMEDIES).map(Remedy::text).enumerate();
    lines.extend(remedies.map(|(index, text)| labelled(if index == 0 { "to fix" } else { "or" }, &text)));
    lines.push(labelled("more", &format!("plumbline explain {}", finding.code)));
    lines
}

fn labelled(label: &str, text: &str) -> String {
    format!("  {label:<LABELS$} {text}")
}

/// How to go on: nothing has been changed, and in which order a change of several objects is safe.
fn closing(changed: &ObjectKey, findings: &[Finding]) -> Vec<String> {
    let mut remedied = findings.iter().flat_map(|finding| finding.remedies.iter().map(|remedy| &remedy.object));
    let mut lines = vec!["Nothing has been changed.".to_owned()];
    if remedied.any(|object| object != changed) {
        lines[0].push_str(
            " Where this belongs to a change of several objects: first add what is new (Gateways, Services, hosts), then the \
             configuration that names it; remove the old last.",
        );
    }
    lines
}
