//! From a field path to the bytes of a file.

use super::ManifestObject;
use crate::object::{FieldPath, Segment};
use crate::syntax::{Entry, Node, Span, TextMap, json, line_column, yaml};

/// Where a value stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The bytes of the value; empty for a `null` that is not written out.
    pub span: Span,
    /// The bytes of its key; `None` for list items and for documents.
    pub key_span: Option<Span>,
    /// The line at which the value begins, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// Whether this is the value asked for; else it is the nearest one around it.
    pub exact: bool,
}

impl ManifestObject {
    /// Finds the value that a path leads to, also through JSON or YAML inside a string.
    ///
    /// Inside a string, keys are matched as Go matches them: whatever their case, the last one that is not `null`
    /// first. Where a field is missing, or the place in the string cannot be told, the nearest value around it is
    /// returned.
    #[must_use]
    pub fn locate(&self, path: &FieldPath) -> Located {
        self.located(find(&self.text, &self.node, None, &path.0, Keys::Exact))
    }

    /// Finds a byte of the string that a path leads to, such as the one at which its JSON ends to be JSON.
    #[must_use]
    pub fn locate_in_text(&self, path: &FieldPath, offset: usize) -> Located {
        let mut found = find(&self.text, &self.node, None, &path.0, Keys::Exact);
        let place = string_at(&self.node, &path.0).and_then(|string| {
            let text = string.as_str()?;
            let width = text.get(offset..)?.chars().next().map_or(0, char::len_utf8);
            TextMap::new(&self.text, string).span(Span { start: offset, end: offset + width })
        });
        match place {
            Some(span) => found.span = span,
            None => found.exact = false,
        }
        self.located(found)
    }

    fn located(&self, Found { span, key_span, exact, .. }: Found) -> Located {
        let (line, column) = line_column(&self.text, span.start);
        Located { span, key_span, line, column, exact }
    }
}

/// How keys are matched: as in the API's own objects, or as in a document that Go decodes into a struct.
#[derive(Clone, Copy)]
enum Keys {
    Exact,
    Folded,
}

struct Found {
    span: Span,
    key_span: Option<Span>,
    exact: bool,
    /// How many segments of the path are left.
    left: usize,
}

fn find(source: &str, node: &Node, key_span: Option<Span>, path: &[Segment], keys: Keys) -> Found {
    let here = |exact| Found { span: node.span, key_span, exact, left: path.len() };
    let Some((segment, rest)) = path.split_first() else {
        return here(true);
    };
    match segment {
        Segment::Key(key) => candidates(node, key, keys)
            .into_iter()
            .map(|entry| find(source, &entry.value, Some(entry.key_span), rest, keys))
            // The first one that goes furthest.
            .reduce(|best, next| if next.left < best.left { next } else { best })
            .unwrap_or_else(|| here(false)),
        Segment::Index(index) => match node.as_sequence().and_then(|items| items.get(*index)) {
            Some(item) => find(source, item, None, rest, keys),
            None => here(false),
        },
        Segment::Text if rest.is_empty() => here(node.as_str().is_some()),
        Segment::Text => find_in_text(source, node, rest).unwrap_or_else(|| here(false)),
    }
}

/// Goes on inside the document that a string holds; `None` where that ends at once.
fn find_in_text(source: &str, node: &Node, path: &[Segment]) -> Option<Found> {
    let text = node.as_str()?;
    let document = json::parse(text).or_else(|_| yaml::parse(text)).ok()?;
    let found = find(text, &document, None, path, Keys::Folded);
    if found.left == path.len() {
        return None;
    }
    let map = TextMap::new(source, node);
    Some(Found {
        span: map.span(found.span)?,
        key_span: found.key_span.and_then(|key_span| map.span(key_span)),
        ..found
    })
}

/// The entries that a key may mean, the one that counts most first.
fn candidates<'n>(node: &'n Node, key: &'n str, keys: Keys) -> Vec<&'n Entry> {
    match keys {
        Keys::Exact => node.field(key).into_iter().collect(),
        Keys::Folded => {
            let (nulls, mut entries): (Vec<_>, Vec<_>) =
                node.fields(key).rev().partition(|entry| entry.value.is_null());
            entries.extend(nulls);
            entries
        }
    }
}

/// The string itself that a path without further documents leads to.
fn string_at<'n>(node: &'n Node, path: &[Segment]) -> Option<&'n Node> {
    path.iter().try_fold(node, |node, segment| match segment {
        Segment::Key(key) => node.field(key).map(|entry| &entry.value),
        Segment::Index(index) => node.as_sequence()?.get(*index),
        Segment::Text => Some(node),
    })
}
