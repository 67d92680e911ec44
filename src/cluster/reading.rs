//! What the API server sends, up to the model.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::RequestError;
use crate::model::Object;
use crate::object::{Kind, ObjectKey};

/// An object as it was at some revision of the store.
///
/// Resource versions are compared as numbers: Kubernetes says since 1.35 what has always been so, and one that is no number
/// is taken for newer than any other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) key: ObjectKey,
    pub(super) revision: Option<u64>,
    /// The object, or why it cannot be read.
    pub(super) object: Result<Object, Arc<str>>,
}

/// One page of a collection.
#[derive(Debug)]
pub(super) struct Page {
    /// The revision that the whole collection is of.
    pub(super) revision: Option<u64>,
    /// The resource version as it was sent: where a watch goes on.
    pub(super) resource_version: String,
    /// Where the next page is; empty for the last one.
    pub(super) next: String,
    pub(super) readings: Vec<Reading>,
}

impl Reading {
    /// Reads an object of this kind; `None` for one without a name, which no API server sends.
    pub(super) fn parse(kind: Kind, json: &[u8]) -> Option<Self> {
        let (key, object) = match Object::from_json(kind, json) {
            Ok((key, object)) => (key, Ok(object)),
            // The other objects are not to suffer from one that the API server took and we cannot read.
            Err(error) => {
                let Bare { metadata } = serde_json::from_slice(json).ok()?;
                if metadata.name.is_empty() {
                    return None;
                }
                (ObjectKey::new(kind, metadata.namespace, metadata.name), Err(error.to_string().into()))
            }
        };
        let revision = match &object {
            Ok(object) => revision(&object.meta().resource_version),
            Err(_) => {
                serde_json::from_slice(json).ok().and_then(|Bare { metadata }| revision(&metadata.resource_version))
            }
        };
        Some(Self { key, revision, object })
    }
}

impl Page {
    /// Reads a list of objects of this kind.
    pub(super) fn parse(kind: Kind, json: &[u8]) -> Result<Self, RequestError> {
        let list: List<'_> =
            serde_json::from_slice(json).map_err(|error| RequestError::Unreadable(error.to_string()))?;
        let items = list.items.unwrap_or_default();
        Ok(Self {
            revision: revision(&list.metadata.resource_version),
            resource_version: list.metadata.resource_version,
            next: list.metadata.next.unwrap_or_default(),
            readings: items.iter().filter_map(|item| Reading::parse(kind, item.get().as_bytes())).collect(),
        })
    }
}

/// The number of a resource version.
pub(super) fn revision(resource_version: &str) -> Option<u64> {
    resource_version.parse().ok()
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    metadata: ListMeta,
    // Go writes an empty list as null.
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Bare {
    metadata: BareMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BareMeta {
    name: String,
    namespace: String,
    resource_version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_what_can_be_read_and_names_what_cannot() {
        let json = br#"{"kind":"ServiceList","metadata":{"resourceVersion":"12","continue":"more"},"items":[
            {"metadata":{"name":"good","namespace":"a","resourceVersion":"7","managedFields":[{"manager":"x"}]}},
            {"metadata":{"name":"bad","namespace":"a","resourceVersion":"9"},"spec":{"ports":"none"}}]}"#;
        let page = Page::parse(Kind::Service, json).unwrap();
        assert_eq!((page.revision, page.next.as_str()), (Some(12), "more"));
        let [good, bad] = page.readings.as_slice() else { panic!("{page:?}") };
        assert_eq!((good.key.to_string().as_str(), good.revision), ("Service a/good", Some(7)));
        assert!(good.object.is_ok());
        assert_eq!((bad.key.to_string().as_str(), bad.revision), ("Service a/bad", Some(9)));
        let why = bad.object.as_ref().unwrap_err();
        assert!(why.starts_with("Service a/bad: "), "{why}");
    }

    #[test]
    fn an_empty_list_may_be_null() {
        let page = Page::parse(Kind::Pod, br#"{"metadata":{"resourceVersion":"1"},"items":null}"#).unwrap();
        assert!(page.readings.is_empty());
        assert!(Page::parse(Kind::Pod, b"<html>").is_err());
    }
}
