//! What text may look like once it leaves for the API server, kubectl and the tools built on them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::quote;

/// Longest warning in characters; beyond it some clients cut.
const WARNING_LENGTH: usize = 120;
/// All warnings together in characters; beyond it the API server cuts every warning of the request to 256.
const WARNINGS_LENGTH: usize = 4096;
/// Room for the line that says how many warnings were left out.
const REST_LENGTH: usize = 32;
/// Longest name part of an annotation's key.
const KEY_LENGTH: usize = 63;
/// The longest text of a caller that a log line or a span repeats, in characters; no name of Kubernetes is longer.
const LONGEST: usize = 300;

/// Makes a message safe to print: line breaks stay, other control characters go.
///
/// Values of configuration are quoted in messages and may hold terminal sequences.
pub(super) fn message(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c == '\n' || !acts(c) { c } else { ' ' }).collect();
    mutable(&printable).into_owned()
}

/// Whether a character does something to a terminal or to the characters next to it instead of being shown.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A caller's text as logs and traces take it: JSON keeps what turns the text after it round.
pub(super) fn shown(text: &str) -> String {
    quote::line(text, LONGEST)
}

/// Joins the lines of a text with single spaces and drops control characters.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || acts(c)).filter(|word| !word.is_empty());
    mutable(&words.collect::<Vec<_>>().join(" ")).into_owned()
}

/// Cuts the warnings to what the API server passes on.
///
/// It drops a warning with a control character without a word, and one that repeats another (`recorder.AddWarning` in
/// apiserver's `pkg/endpoints/filters/warning.go`).
pub(super) fn warnings(warnings: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut lines: Vec<String> = warnings
        .iter()
        .map(|text| shortened(&one_line(text), WARNING_LENGTH))
        .filter(|line| !line.is_empty() && seen.insert(line.clone()))
        .collect();
    let length = |line: &String| line.chars().count();
    if lines.iter().map(length).sum::<usize>() <= WARNINGS_LENGTH {
        return lines;
    }
    let mut room = WARNINGS_LENGTH - REST_LENGTH;
    let kept = lines
        .iter()
        .take_while(|line| {
            let fits = length(line) <= room;
            room = room.saturating_sub(length(line));
            fits
        })
        .count();
    let rest = lines.len() - kept;
    lines.truncate(kept);
    lines.push(format!("… and {rest} more"));
    lines
}

/// Makes a key the name part of an annotation's key: letters, digits, `-`, `_` and `.`, at most 63 of them.
///
/// The API server drops an audit annotation whose key is anything else; nothing is left of a key without a letter or digit.
pub(super) fn annotation_key(key: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let outer = |c: char| !c.is_ascii_alphanumeric();
    let key: String = key.trim_matches(outer).chars().map(allowed).take(KEY_LENGTH).collect();
    key.trim_end_matches(outer).to_owned()
}

fn shortened(line: &str, length: usize) -> String {
    if line.chars().count() <= length {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(length - 1).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// Rewords "is immutable": Flux and `kubectl apply --force` answer these words by deleting the live object.
fn mutable(text: &str) -> Cow<'_, str> {
    const WORDS: &str = "is immutable";
    let lower = text.to_ascii_lowercase();
    if !lower.contains(WORDS) {
        return Cow::Borrowed(text);
    }
    let mut reworded = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, words) in lower.match_indices(WORDS) {
        reworded.push_str(&text[rest..at]);
        reworded.push_str("cannot be changed");
        rest = at + words.len();
    }
    reworded.push_str(&text[rest..]);
    Cow::Owned(reworded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_lines_and_lose_terminal_sequences() {
        assert_eq!(message("one\n\ttwo \u{1b}[31mred"), "one\n two  [31mred");
    }

    #[test]
    fn nothing_says_that_a_field_cannot_change_in_the_words_that_delete_objects() {
        assert_eq!(message("port is\timmutable"), "port cannot be changed");
        assert_eq!(message("spec İs Immutable, spec Is Immutable."), "spec İs Immutable, spec cannot be changed.");
        assert_eq!(warnings(&["PL1 x is\nimmutable".to_owned()]), ["PL1 x cannot be changed"]);
    }

    #[test]
    fn a_warning_is_one_short_line() {
        let long = format!("PL104 {}", "ü".repeat(200));
        let lines = warnings(&["  a\r\n\tb\u{7}c\u{85} ".into(), long, "\n".into(), "a b c".into()]);
        assert_eq!(lines.len(), 2, "the empty one and the one that repeats are gone: {lines:?}");
        assert_eq!(lines[0], "a b c");
        assert_eq!(lines[1].chars().count(), 120);
        assert!(lines[1].ends_with("üü…"));
    }

    #[test]
    fn exactly_120_characters_stay_whole() {
        let whole = "é".repeat(120);
        assert_eq!(warnings(std::slice::from_ref(&whole)), [whole]);
    }

    #[test]
    fn warnings_stay_below_the_limit_of_the_api_server() {
        let many: Vec<String> = (0..100).map(|n| format!("PL104 {n:03} {}", "x".repeat(100))).collect();
        let lines = warnings(&many);
        let total: usize = lines.iter().map(|line| line.chars().count()).sum();
        assert!(total <= 4096, "{total}");
        assert!(total > 3900, "as many as fit: {total}");
        assert_eq!(lines.last().unwrap(), &format!("… and {} more", 100 - (lines.len() - 1)));
        let fitting = &many[..37];
        assert_eq!(warnings(fitting), fitting, "37 of 110 characters fit");
    }

    #[test]
    fn annotation_keys_are_names() {
        assert_eq!(annotation_key("codes"), "codes");
        assert_eq!(annotation_key("/a b/ü.c-"), "a-b--.c");
        assert_eq!(annotation_key(&format!("{}-.x", "k".repeat(62))), "k".repeat(62));
        assert_eq!(annotation_key("//"), "");
    }
}
