//! The message of a refused write, as `kubectl` prints it, and the same as data.

use std::collections::BTreeSet;

use super::words::{counted, how_many, listed, place, requests, who};
use crate::exception::{Remark, TRANSITION, TRANSITION_UNTIL, is_about_exceptions, is_beyond_exceptions};
use crate::finding::{Affected, Finding};
use crate::model::config_map::INFERENCE_SERVICE_CONFIG;
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
/// Several lines. It follows `admission webhook "…" denied the request: ` in a terminal, so the first one is the verdict; it
/// names the object that is written, and fields without an object are that one's.
#[must_use]
pub fn message(changed: &ObjectKey, findings: &[Finding]) -> String {
    message_with(changed, findings, &[])
}

/// The same, with why what is declared on the object does not let the change through.
#[must_use]
pub fn message_with(changed: &ObjectKey, findings: &[Finding], remarks: &[Remark]) -> String {
    let findings = ordered(changed, findings);
    let mut lines = vec![headline(changed, &findings)];
    let mut told =
        Told { own: format!(" of {}", object(changed)), remedies: BTreeSet::new(), evidence: BTreeSet::new() };
    for finding in &findings {
        lines.push(String::new());
        lines.extend(told.paragraph(finding));
    }
    lines.push(String::new());
    lines.extend(remarks.iter().map(|remark| format!("{}: {}.", remark.code, remark.text)));
    lines.extend(closing(changed, &findings, remarks));
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
    quote::line(&format!("{}{hop}: {}", finding.code, finding.message), WARNING_LENGTH)
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

fn object(key: &ObjectKey) -> String {
    format!("{} {}", key.kind, quote::name(&key.qualified_name()))
}

fn headline(changed: &ObjectKey, findings: &[Finding]) -> String {
    let refused = findings.iter().find(|finding| finding.reason == rules::CONTROLLER_ERROR);
    let written = object(changed);
    let Some(refused) = refused else {
        return format!("this change of {written} {}.", consequence_of(findings.iter()));
    };
    let config = &refused.site.object;
    let (reader, config_name) = (reader(config), object(config));
    match refused.code.0 {
        // What KServe reads and then cannot carry out.
        7 | 8 => format!("this change of {written} would make KServe write objects that the cluster refuses."),
        20 => format!("this change of {written} would leave {reader} without {config_name}."),
        _ if config == changed => format!("{reader} would refuse {written} as this change leaves it."),
        _ => format!("this change of {written} would lead to a {config_name} that {reader} refuses."),
    }
}

/// The controller that reads a ConfigMap.
fn reader(config: &ObjectKey) -> &'static str {
    if &*config.name == INFERENCE_SERVICE_CONFIG { "KServe" } else { "net-istio" }
}

/// What findings do together, as the end of a sentence about the change.
pub(super) fn consequence_of<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let mut affected = Affected::default();
    for finding in findings {
        affected.merge(finding.affected.clone());
    }
    consequence(&affected)
}

fn consequence(affected: &Affected) -> String {
    match requests(affected).as_slice() {
        _ if affected.namespaces.is_empty() => "is refused".to_owned(),
        [] => format!(
            "would keep new and changed InferenceServices in {} from becoming Ready",
            counted(affected.namespaces.len(), "namespace")
        ),
        kinds => format!("would cut {} requests to {}", listed(kinds), how_many(affected)),
    }
}

/// What has been told already, so that a second finding of the same fault is short.
struct Told {
    /// How texts name the object that is written.
    own: String,
    remedies: BTreeSet<String>,
    evidence: BTreeSet<String>,
}

impl Told {
    fn paragraph(&mut self, finding: &Finding) -> Vec<String> {
        let name = rules::rule(finding.code).map(|rule| format!(" {}", rule.name)).unwrap_or_default();
        let hop = finding.hop.map(|hop| format!(" (hop {hop})")).unwrap_or_default();
        let mut lines = vec![
            format!("{}{name}: {}.", finding.code, self.shorten(&finding.message)),
            labelled("effect", &format!("{}{hop}", finding.symptom)),
        ];
        let said = std::iter::once((&finding.site, &finding.says));
        let said = said.chain(finding.related.iter().map(|(site, says)| (site, says)));
        let mut evidence: Vec<String> =
            said.map(|(site, says)| self.shorten(&format!("{}: {says}", place(site)))).collect();
        evidence.retain(|line| self.evidence.insert(line.clone()));
        lines.extend(labelled_each("because", "", &evidence));
        let affected = &finding.affected;
        if !affected.namespaces.is_empty() {
            // What a controller refuses stops it altogether, whichever requests were walked.
            let kinds = if finding.reason == rules::CONTROLLER_ERROR { Vec::new() } else { requests(affected) };
            let kinds = if kinds.is_empty() { String::new() } else { format!(" ({} requests)", listed(&kinds)) };
            lines.push(labelled("affects", &format!("{}{kinds}", who(affected))));
        }
        let remedies: Vec<String> =
            finding.remedies.iter().take(REMEDIES).map(|remedy| self.shorten(&remedy.text())).collect();
        let is_new = remedies.iter().filter(|text| self.remedies.insert((*text).clone())).count() > 0;
        lines.extend(if is_new {
            labelled_each("to fix", "or", &remedies)
        } else {
            vec![labelled("to fix", "as above")]
        });
        lines.push(labelled("more", &format!("plumbline explain {}", finding.code)));
        lines
    }

    /// Leaves out the name of the object that is written, wherever a field is said to be its own.
    fn shorten(&self, text: &str) -> String {
        text.replace(&self.own, "")
    }
}

fn labelled_each(first: &str, others: &str, lines: &[String]) -> Vec<String> {
    let label = |index: usize| if index == 0 { first } else { others };
    lines.iter().enumerate().map(|(index, line)| labelled(label(index), line)).collect()
}

fn labelled(label: &str, text: &str) -> String {
    format!("  {label:<LABELS$} {text}")
}

/// How to go on: nothing has been changed, and how a change of several objects is made.
fn closing(changed: &ObjectKey, findings: &[Finding], remarks: &[Remark]) -> Vec<String> {
    let unchanged = "Nothing has been changed.".to_owned();
    let mut objects = findings.iter().flat_map(|finding| finding.remedies.iter().map(|remedy| &remedy.object));
    let is_a_step = objects.any(|object| object != changed) && !findings.iter().any(is_beyond_exceptions);
    let mut codes = findings.iter().map(|finding| finding.code).chain(remarks.iter().map(|remark| remark.code));
    let declares = codes.any(is_about_exceptions);
    if !is_a_step || declares {
        return vec![unchanged];
    }
    vec![
        format!("{unchanged} If this is one step of a larger change, `plumbline plan` finds a safe order;"),
        format!("where there is none, annotate the object with {TRANSITION}: <name> and"),
        format!("{TRANSITION_UNTIL}: <time, RFC 3339> to be let through until then."),
    ]
}
