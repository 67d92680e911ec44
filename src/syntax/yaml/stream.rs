//! The documents of a manifest file.

use super::parse_at;
use crate::quote;
use crate::syntax::{Node, SyntaxError};

/// Reads every document of a stream; one that cannot be read does not hide the others.
///
/// The stream is cut as Kubernetes' tools cut it: at lines that begin with `---`, after which only a comment may follow.
/// Documents without content are left out. All places refer to `text`.
#[must_use]
pub fn parse_documents(text: &str) -> Vec<Result<Node, SyntaxError>> {
    parse_documents_from(text, 0)
}

/// As [`parse_documents`], beginning at a byte of `text`.
pub(crate) fn parse_documents_from(text: &str, from: usize) -> Vec<Result<Node, SyntaxError>> {
    let mut documents = Vec::new();
    let mut start = from;
    let mut line_start = from;
    for line in text[from..].split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            documents.extend(document(text, start, line_start));
            start = line_start + line.len();
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                let message = format!("invalid Yaml document separator: {}", quote::excerpt(rest));
                documents.push(Err(SyntaxError::new(message, line_start)));
            }
        }
        line_start += line.len();
    }
    documents.extend(document(text, start, text.len()));
    documents
}

fn document(text: &str, start: usize, end: usize) -> Option<Result<Node, SyntaxError>> {
    match parse_at(&text[start..end], start) {
        Ok(node) if node.is_null() => None,
        result => Some(result),
    }
}
