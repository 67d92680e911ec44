//! JSON and YAML read as the Go controllers read them, with the place of every value.

mod access;
pub mod json;
mod text_map;
pub mod yaml;

use std::fmt;

pub use text_map::TextMap;

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
    pub(crate) fn new(message: impl Into<String>, offset: usize) -> Self {
        Self { message: message.into(), offset }
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
/// An offset past the end stands for the end, one inside a character for that character.
#[must_use]
pub fn line_column(text: &str, offset: usize) -> (u32, u32) {
    let offset = text.floor_char_boundary(offset);
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
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
    }
}
