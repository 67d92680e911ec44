//! JSON and YAML read as the Go controllers read them, with the place of every value.

mod access;
pub mod json;
mod text_map;
pub mod yaml;

use std::fmt;

pub use text_map::TextMap;

use crate::quote;

/// How deeply values may nest in each other.
///
/// Go allows 10,000 levels; no configuration comes near either number, and a tree this deep is walked, compared and
/// dropped well within a thread's stack.
pub const MAX_DEPTH: usize = 512;

/// A byte range of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A value and the bytes it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What was read.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// A value of JSON's data model, which is YAML's too once read by `sigs.k8s.io/yaml`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number: from JSON as written, from YAML in the form in which Go writes it as JSON.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// An object's entries in the order in which Go's decoder meets them: from JSON as written, duplicates included;
    /// from YAML sorted by key, with the last of equal keys alone, which is what `sigs.k8s.io/yaml` hands on.
    Mapping(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, unescaped.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// Why a text is not the document it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The reason, close to the words the Go library uses.
    pub message: String,
    /// The byte at which reading stopped.
    pub offset: usize,
}

impl SyntaxError {
    /// Escapes and shortens what a message repeats of the text, the parsers' own messages included.
    pub(crate) fn new(message: impl AsRef<str>, offset: usize) -> Self {
        Self { message: quote::message(message.as_ref()), offset }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// Counts the line and the column, both from 1 and the column in characters, at which a byte of `text` stands.
///
/// An offset past the end stands for the end, one inside a character for that character. Reads the text up to there;
/// for many places in one text make [`Lines`] once.
#[must_use]
pub fn line_column(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    place(line, &before[line_start..])
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// Finds the lines of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let behind_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(newline, _)| newline + 1);
        Self { starts: std::iter::once(0).chain(behind_newlines).collect() }
    }

    /// As [`line_column`], for the text these are the lines of.
    #[must_use]
    pub fn line_column(&self, text: &str, offset: usize) -> (u32, u32) {
        let before = &text[..text.floor_char_boundary(offset)];
        let line = self.whole_lines_before(before.len());
        let line_start = self.starts.get(line).copied().unwrap_or_default();
        place(line, before.get(line_start..).unwrap_or_default())
    }

    /// The line alone, for which a long line need not be read.
    #[must_use]
    pub fn line(&self, offset: usize) -> u32 {
        place(self.whole_lines_before(offset), "").0
    }

    fn whole_lines_before(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

/// Line and column of what comes after so many whole lines and this much of one.
fn place(lines: usize, before: &str) -> (u32, u32) {
    let saturate = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    (saturate(lines + 1), saturate(before.chars().count() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "a: é\n  ß: x\r\n";
        assert_eq!(line_column(text, 0), (1, 1));
        assert_eq!(line_column(text, text.find('ß').unwrap()), (2, 3));
        assert_eq!(line_column(text, text.find('x').unwrap()), (2, 6));
        assert_eq!(line_column(text, text.len()), (3, 1));
        assert_eq!(line_column(text, usize::MAX), (3, 1));
        assert_eq!(line_column(text, text.find('é').unwrap() + 1), (1, 4), "inside a character");
        let lines = Lines::new(text);
        for offset in 0..text.len() + 2 {
            assert_eq!(lines.line_column(text, offset), line_column(text, offset), "{offset}");
            assert_eq!(lines.line(offset), line_column(text, offset).0, "{offset}");
        }
        assert_eq!(Lines::new("").line_column("", 0), (1, 1));
    }
}
