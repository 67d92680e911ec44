//! JSON and YAML read as the Go controllers read them, with the place of every value.

use std::fmt;

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
    /// A number, as written (normalised to JSON's form).
    Number(String),
    /// A string, unescaped.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// An object's entries in the order written, duplicates included.
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

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}
pub mod json;
pub mod yaml;
/// t
pub fn line_column(_t: &str, _o: usize) -> (u32, u32) {
    (1, 1)
}
impl Node {
    /// t
    pub fn fields<'a>(&'a self, _n: &'static str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        [].iter()
    }
}
impl From<&Node> for serde_json::Value {
    fn from(_: &Node) -> Self {
        Self::Null
    }
}
