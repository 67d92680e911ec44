//! The part of an `admission.k8s.io/v1` AdmissionReview that is read, borrowed from the body it arrived in.
//!
//! `object` and `oldObject` stay raw JSON: most of a review is fields no model reads, and building a tree of them costs
//! more than the rest of the verdict.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::diagnosis;
use crate::object::Kind;

/// The one version of the review API that is answered.
pub(super) const API_VERSION: &str = "admission.k8s.io/v1";
/// The kind of the review API.
pub(super) const KIND: &str = "AdmissionReview";

/// What the API server asks: one operation on one object by one user.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// Identifies this call; the answer repeats it.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// The kind of `object` as it was converted for this webhook.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub kind: GroupVersionKind<'a>,
    /// The resource of `object` as it was converted for this webhook.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub resource: GroupVersionResource<'a>,
    /// The subresource, such as `status`; empty for the object itself.
    #[serde(borrow, default)]
    pub sub_resource: Text<'a>,
    /// The object's name; empty when the API server generates it.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// The object's namespace; empty for cluster-scoped kinds.
    #[serde(borrow, default)]
    pub namespace: Text<'a>,
    /// The operation.
    pub operation: Operation,
    /// Who asks.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub user_info: UserInfo<'a>,
    /// The object as it would be; absent on DELETE.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// The object as it is; absent on CREATE.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    /// Whether nothing will be persisted.
    #[serde(default, deserialize_with = "nullable")]
    pub dry_run: bool,
}

/// What is done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// A new object.
    Create,
    /// A new state of an object.
    Update,
    /// The end of an object.
    Delete,
    /// A call of a connecting subresource, such as a pod's `exec`.
    Connect,
}

/// Names a kind in one version of an API group.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct GroupVersionKind<'a> {
    /// The API group; empty for the core group.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// The version.
    #[serde(borrow, default)]
    pub version: Text<'a>,
    /// The kind.
    #[serde(borrow, default)]
    pub kind: Text<'a>,
}

/// Names a resource in one version of an API group.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct GroupVersionResource<'a> {
    /// The API group; empty for the core group.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// The version.
    #[serde(borrow, default)]
    pub version: Text<'a>,
    /// The plural name.
    #[serde(borrow, default)]
    pub resource: Text<'a>,
}

/// Who asks, as the API server authenticated them.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct UserInfo<'a> {
    /// The user's name; `system:serviceaccount:NAMESPACE:NAME` for service accounts.
    #[serde(borrow, default)]
    pub username: Text<'a>,
    /// The groups the user is in.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub groups: Vec<Text<'a>>,
    /// What tells users of one name apart.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// What the authenticator says besides.
    #[serde(borrow, default, deserialize_with = "nullable_lists")]
    pub extra: BTreeMap<Text<'a>, Vec<Text<'a>>>,
}

/// Why a body is not a review that can be judged: the field, and what it should hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(super) String);

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
}

impl<'a> Request<'a> {
    /// Reads the request of a review.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        // serde takes the elements of an array for the fields of a struct, which nobody means.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Malformed(diagnosis::explain(body, &"not a JSON object")));
        }
        // One pass without a tree; only a body that fails is looked at again, to name the field.
        let review: Review<'a> =
            serde_json::from_slice(body).map_err(|error| Malformed(diagnosis::explain(body, &error)))?;
        if &*review.api_version != API_VERSION {
            return Err(unexpected(
                "apiVersion",
                API_VERSION,
                &review.api_version,
                "; list v1 in the webhook's admissionReviewVersions",
            ));
        }
        if &*review.kind != KIND {
            return Err(unexpected("kind", KIND, &review.kind, ""));
        }
        let Some(request) = review.request else {
            return Err(missing("request", "the request under review"));
        };
        request.complete()?;
        Ok(request)
    }

    /// The kind under review, where it is one that plumbline knows.
    #[must_use]
    pub fn known_kind(&self) -> Option<Kind> {
        Kind::from_group_kind(&self.kind.group, &self.kind.kind)
    }

    /// Checks what the answer, or any verdict, needs.
    fn complete(&self) -> Result<(), Malformed> {
        if self.uid.is_empty() {
            return Err(missing("request.uid", "the text that the answer has to repeat"));
        }
        if self.kind.kind.is_empty() || self.kind.version.is_empty() {
            return Err(missing("request.kind", "the group, version and kind of the object"));
        }
        if self.object.is_none() && matches!(self.operation, Operation::Create | Operation::Update) {
            return Err(missing("request.object", "the object as it would be, on CREATE and UPDATE"));
        }
        for (field, value) in [("request.object", self.object), ("request.oldObject", self.old_object)] {
            if value.is_some_and(|value| !value.get().starts_with('{')) {
                return Err(Malformed(format!("{field}: expected a JSON object")));
            }
        }
        Ok(())
    }
}

fn missing(field: &str, expected: &str) -> Malformed {
    Malformed(format!("{field} is missing: expected {expected}"))
}

fn unexpected(field: &str, expected: &str, found: &str, remedy: &str) -> Malformed {
    if found.is_empty() {
        return Malformed(format!("{field} is missing: expected {expected:?}{remedy}"));
    }
    let found: String = found.chars().take(80).collect();
    Malformed(format!("{field}: expected {expected:?}, found {found:?}{remedy}"))
}

impl Operation {
    /// The operation as the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

impl fmt::Display for GroupVersionKind<'_> {
    /// Writes `Kind.group`, as `kubectl` does, and `Kind` alone in the core group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

/// Text of a review: borrowed where JSON needed no unescaping; empty where absent or null, as Go reads it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;

        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(Borrowing)
    }
}

fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn nullable_lists<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Text<'a>, Vec<Text<'a>>>, D::Error> {
    let lists: Option<BTreeMap<Text<'a>, Option<Vec<Text<'a>>>>> = Option::deserialize(deserializer)?;
    Ok(lists.unwrap_or_default().into_iter().map(|(key, list)| (key, list.unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests;
