//! A finding as a compiler prints it: the file, the line, the value underlined.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::words::{place, who};
use crate::finding::{Finding, Remedy, Severity};
use crate::quote;

/// How many remedies are told.
const REMEDIES: usize = 3;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The file's name.
    pub file: String,
    /// The whole text of it.
    pub text: String,
    /// The bytes to underline.
    pub span: Range<usize>,
    /// What to write beside them; empty for nothing.
    pub label: String,
}

impl Excerpt {
    /// The bytes to underline, inside the text and on the boundaries of characters: the first line alone of a value of many.
    fn underlined(&self) -> Range<usize> {
        let start = self.text.floor_char_boundary(self.span.start.min(self.text.len()));
        let end = self.text.floor_char_boundary(self.span.end.min(self.text.len())).max(start);
        let first_line = self.text[start..end].find('\n').map_or(end, |newline| start + newline);
        start..if first_line > start { first_line } else { end }
    }

    /// What to write beside the underlined text: nothing that it says itself.
    fn beside(&self, label: &str) -> Option<String> {
        let plain = |text: &str| text.replace(['"', '\'', '[', ']', ',', ' ', '-'], "");
        let own = plain(&self.text[self.underlined()]);
        let says = plain(label);
        (!says.is_empty() && !own.contains(&says)).then(|| quote::printable(label))
    }
}

/// Renders a finding: `primary` is where its own field stands, `related` where others do.
///
/// What stands in no file is told by name.
#[must_use]
pub fn render(finding: &Finding, primary: Option<&Excerpt>, related: &[Excerpt], color: bool) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(quote::printable(&finding.message)).id(finding.code.to_string());
    let group = match primary {
        Some(excerpt) => underline(Group::with_title(title), excerpt, related, &finding.says),
        None => Group::with_title(title).element(Origin::path(place(&finding.site))),
    };
    let mut notes = Vec::new();
    if let Some(hop) = finding.hop {
        notes.push(format!("at hop {hop}: {}", finding.symptom));
    }
    // Without an excerpt the evidence would be lost; with one, what stands in other objects would be.
    let shown = |label: &str| related.iter().any(|excerpt| excerpt.label == label);
    for (site, says) in finding.related.iter().filter(|(_, says)| !shown(says)) {
        notes.push(format!("{}: {says}", place(site)));
    }
    if !finding.affected.namespaces.is_empty() {
        notes.push(format!("affected: {}", who(&finding.affected)));
    }
    let group =
        notes.into_iter().fold(group, |group, note| group.element(Level::NOTE.message(quote::printable(&note))));
    let remedies = finding.remedies.iter().take(REMEDIES).map(Remedy::text);
    let group = remedies.fold(group, |group, text| group.element(Level::HELP.message(quote::printable(&text))));
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = renderer.render(&[group]);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Underlines the field and, in the same file, those that took part; other files follow.
fn underline<'a>(group: Group<'a>, primary: &'a Excerpt, related: &'a [Excerpt], says: &str) -> Group<'a> {
    let label = if primary.label.is_empty() { says } else { &primary.label };
    let snippet = Snippet::source(primary.text.as_str())
        .path(primary.file.as_str())
        .annotation(AnnotationKind::Primary.span(primary.underlined()).label(primary.beside(label)));
    let here = related.iter().filter(|excerpt| excerpt.file == primary.file);
    let snippet = here.fold(snippet, |snippet, excerpt| snippet.annotation(context(excerpt)));
    let mut group = group.element(snippet);
    let mut told: Vec<&str> = vec![&primary.file];
    for excerpt in related {
        if told.contains(&excerpt.file.as_str()) {
            continue;
        }
        told.push(&excerpt.file);
        let there = related.iter().filter(|other| other.file == excerpt.file);
        let snippet = Snippet::source(excerpt.text.as_str()).path(excerpt.file.as_str());
        group = group.element(there.fold(snippet, |snippet, excerpt| snippet.annotation(context(excerpt))));
    }
    group
}

fn context(excerpt: &Excerpt) -> annotate_snippets::Annotation<'_> {
    AnnotationKind::Context.span(excerpt.underlined()).label(excerpt.beside(&excerpt.label))
}
