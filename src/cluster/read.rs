//! Reads what a verdict rests on, live, and writes it into the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kube::core::params::{ListParams, VersionMatch};

use super::reading::{Page, Reading};
use super::request::{RequestError, Requests, collection, missing_right};
use super::served::Served;
use super::store::{Extent, Store};
use crate::gather::{Described, Freshness, ReadError};
use crate::model::names::{is_dns_label, is_dns_subdomain};
use crate::object::{Kind, ObjectKey};
use crate::view::Need;

/// How many objects a page of a list holds, as in client-go.
const PAGE: u32 = 500;
/// Why Gateways are unknown on a cluster without Istio.
pub(super) const NOT_INSTALLED: &str = "the kind is not installed: install Istio's custom resource definitions";

/// Reads and stores.
pub(super) struct Reader {
    pub(super) requests: Requests,
    pub(super) store: Arc<Store>,
    served: Served,
    /// The newest revision that a list of each kind was of.
    newest: Mutex<BTreeMap<Kind, u64>>,
}

/// What to list.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) kind: Kind,
    /// `None` for all.
    pub(super) namespace: Option<Arc<str>>,
    pub(super) labels: Option<String>,
    pub(super) fields: Option<String>,
    pub(super) freshness: Freshness,
}

/// The revision of a list that was read to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub(super) revision: Option<u64>,
    pub(super) resource_version: String,
}

impl Reader {
    pub(super) fn new(requests: Requests, store: Arc<Store>) -> Self {
        Self { requests, store, served: Served::default(), newest: Mutex::default() }
    }

    /// Reads one need and stores the answer.
    pub(super) async fn read(&self, need: &Need, freshness: Freshness) -> Result<(), ReadError> {
        let outcome = match need {
            Need::Object(key) => self.object(key).await,
            Need::Services(namespace) => self.services(namespace, freshness).await,
            Need::Pods(query) => self.pods(query, freshness).await,
        };
        outcome.map_err(|error| ReadError { what: Described(need).to_string(), why: error.to_string() })
    }

    async fn object(&self, key: &ObjectKey) -> Result<(), RequestError> {
        // InferenceServices are asked for all at once, and the watch has them. A name that no object can have comes from a
        // reference that somebody wrote, and must not become part of a path.
        if key.kind == Kind::InferenceService || !is_possible(key) {
            return Ok(());
        }
        let namespace = Some(&*key.namespace);
        let get =
            |version| async move { self.requests.get(&collection(key.kind, version, namespace), &key.name).await };
        match self.served.find(key.kind, get).await {
            Ok(json) => match Reading::parse(key.kind, &json) {
                Some(reading) if reading.key == *key => self.store.upsert(vec![reading]),
                _ => return Err(RequestError::Unreadable(format!("it is not {key}"))),
            },
            Err(RequestError::NotFound) => return self.gone(key).await,
            Err(RequestError::NotInstalled) if key.kind == Kind::IstioGateway => {
                self.store.set_unread_object(key.clone(), NOT_INSTALLED.into());
            }
            Err(RequestError::NotInstalled) => self.store.remove(key, None),
            Err(RequestError::Forbidden) => {
                self.store.set_unread_object(key.clone(), missing_right("\"get\"", key.kind, namespace));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Removes an object that is not there.
    ///
    /// "Not found" comes without a revision, so where the store has the object (it was deleted a moment ago, or has been
    /// created again since) a list tells which of the two is newer.
    async fn gone(&self, key: &ObjectKey) -> Result<(), RequestError> {
        if !self.store.has(key) {
            self.store.confirm_absent(key);
            return Ok(());
        }
        let namespace = key.kind.is_namespaced().then(|| key.namespace.clone());
        let selection = Selection {
            namespace: namespace.clone(),
            fields: Some(format!("metadata.name={}", key.name)),
            ..Selection::all(key.kind)
        };
        match self.replace(selection, &Extent::Named { namespace, name: key.name.clone() }).await {
            Err(RequestError::Forbidden | RequestError::NotInstalled) => {
                self.store.remove(key, None);
                Ok(())
            }
            result => result,
        }
    }

    async fn services(&self, namespace: &Arc<str>, freshness: Freshness) -> Result<(), RequestError> {
        if !is_dns_label(namespace) {
            return Ok(());
        }
        let selection = Selection { namespace: Some(namespace.clone()), freshness, ..Selection::all(Kind::Service) };
        match self.replace(selection, &Extent::Namespace(namespace.clone())).await {
            Err(RequestError::Forbidden) => {
                let why = missing_right("\"list\"", Kind::Service, Some(namespace));
                self.store.set_unread(Kind::Service, namespace, Some(why));
                Ok(())
            }
            result => result,
        }
    }

    /// Reads a small collection and puts it in the place of what the store has of it.
    async fn replace(&self, selection: Selection, extent: &Extent) -> Result<(), RequestError> {
        let kind = selection.kind;
        let mut held = BTreeSet::new();
        let listed = self
            .list(&selection, |page| {
                held.extend(page.readings.iter().map(|reading| reading.key.clone()));
                self.store.upsert(page.readings);
            })
            .await?;
        self.store.retain(kind, extent, listed.revision, &held);
        Ok(())
    }

    /// Reads a list page by page.
    pub(super) async fn list(&self, selection: &Selection, mut each: impl FnMut(Page)) -> Result<Listed, RequestError> {
        let kind = selection.kind;
        let newest = self.newest(kind).filter(|_| selection.freshness == Freshness::Recent);
        let mut params = ListParams {
            label_selector: selection.labels.clone(),
            field_selector: selection.fields.clone(),
            limit: Some(PAGE),
            version_match: newest.map(|_| VersionMatch::NotOlderThan),
            resource_version: newest.map(|revision| revision.to_string()),
            ..ListParams::default()
        };
        loop {
            let page = |version| {
                let path = collection(kind, version, selection.namespace.as_deref());
                let params = &params;
                async move { self.requests.list(&path, params).await }
            };
            let page = match self.served.find(kind, page).await {
                // An API server that lags behind another one for seconds, or whose store was restored from a backup.
                Err(RequestError::Refused { code: 504, .. }) if params.version_match.is_some() => {
                    self.newest.lock().unwrap_or_else(PoisonError::into_inner).remove(&kind);
                    (params.version_match, params.resource_version) = (None, None);
                    continue;
                }
                result => Page::parse(kind, &result?)?,
            };
            let listed = Listed { revision: page.revision, resource_version: page.resource_version.clone() };
            let next = page.next.clone();
            each(page);
            if next.is_empty() {
                self.saw(kind, listed.revision);
                return Ok(listed);
            }
            // The token says which revision the rest is of.
            (params.version_match, params.resource_version) = (None, None);
            params.continue_token = Some(next);
        }
    }

    fn newest(&self, kind: Kind) -> Option<u64> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).copied()
    }

    fn saw(&self, kind: Kind, revision: Option<u64>) {
        let Some(revision) = revision else { return };
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newest.entry(kind).or_default();
        *known = revision.max(*known);
    }

    /// The version under which the API server serves a kind, as far as is known.
    pub(super) fn served(&self) -> &Served {
        &self.served
    }
}

impl Selection {
    /// All objects of a kind, as of now.
    pub(super) fn all(kind: Kind) -> Self {
        Self { kind, namespace: None, labels: None, fields: None, freshness: Freshness::Consistent }
    }
}

fn is_possible(key: &ObjectKey) -> bool {
    is_dns_subdomain(&key.name) && (!key.kind.is_namespaced() || is_dns_label(&key.namespace))
}
