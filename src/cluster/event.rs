//! The lines of a watch.

use std::borrow::Cow;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::reading::{Reading, revision};
use super::request::{RequestError, refusal};
use crate::object::Kind;

/// What a watch reports.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// An object was created or changed.
    Written(Reading),
    /// An object was deleted, at the revision of the reading.
    Deleted(Reading),
    /// Nothing happened up to this revision.
    Bookmark(Option<u64>),
    /// The watch cannot go on.
    Failed(RequestError),
}

impl Event {
    /// Reads one line.
    pub(super) fn parse(kind: Kind, line: &[u8]) -> Result<Self, RequestError> {
        let unreadable = |error: serde_json::Error| RequestError::Unreadable(format!("a watch event: {error}"));
        let Line { r#type, object } = serde_json::from_slice(line).map_err(unreadable)?;
        let json = object.get().as_bytes();
        let reading = || {
            Reading::parse(kind, json)
                .ok_or_else(|| RequestError::Unreadable("a watch event without a name".to_owned()))
        };
        match &*r#type {
            "ADDED" | "MODIFIED" => Ok(Self::Written(reading()?)),
            "DELETED" => Ok(Self::Deleted(reading()?)),
            "BOOKMARK" => {
                let Bookmark { metadata } = serde_json::from_slice(json).map_err(unreadable)?;
                Ok(Self::Bookmark(revision(&metadata.resource_version)))
            }
            "ERROR" => {
                let Failure { code } = serde_json::from_slice(json).unwrap_or_default();
                let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Ok(Self::Failed(refusal(code, json)))
            }
            other => Err(RequestError::Unreadable(format!("a watch event of type {other:?}"))),
        }
    }
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds bytes and returns the lines that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(&mut self.rest);
            line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            if !line.is_empty() {
                lines.push(line);
            }
        }
        self.rest.extend_from_slice(bytes);
        lines
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BookmarkMeta {
    resource_version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    code: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Event {
        Event::parse(Kind::Service, line.as_bytes()).unwrap()
    }

    #[test]
    fn events_are_read() {
        let object = r#"{"metadata":{"name":"x","namespace":"a","resourceVersion":"7"}}"#;
        let Event::Written(written) = parse(&format!(r#"{{"type":"ADDED","object":{object}}}"#)) else { panic!() };
        assert_eq!((&*written.key.name, written.revision), ("x", Some(7)));
        let Event::Deleted(deleted) = parse(&format!(r#"{{"type":"DELETED","object":{object}}}"#)) else { panic!() };
        assert_eq!(deleted, written);
        let bookmark = r#"{"type":"BOOKMARK","object":{"kind":"Service","metadata":{"resourceVersion":"9"}}}"#;
        assert_eq!(parse(bookmark), Event::Bookmark(Some(9)));
        let expired = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#;
        assert_eq!(parse(expired), Event::Failed(RequestError::Expired));
        assert!(Event::parse(Kind::Service, b"{\"type\":").is_err());
    }

    #[test]
    fn lines_may_come_in_pieces() {
        let mut lines = Lines::default();
        assert!(lines.push(b"ab").is_empty());
        assert_eq!(lines.push(b"c\nd\n\ne"), [b"abc".to_vec(), b"d".to_vec()]);
        assert_eq!(lines.push(b"\n"), [b"e".to_vec()]);
    }
}
