//! Keeps part of the snapshot up to date: list once, then follow the changes.
//!
//! kube's own watcher does the same, but keeps the revision of its lists to itself, and that revision is what tells an object
//! that a late answer would bring back from one that is really there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use kube::client::Body;
use kube::core::params::WatchParams;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::event::{Event, Lines};
use super::health::Health;
use super::read::{NOT_INSTALLED, Reader, Selection};
use super::request::{RequestError, collection, missing_right};
use super::store::Extent;
use crate::object::Kind;

/// How long the API server keeps a watch open, in seconds.
const WATCH_SECONDS: u32 = 290;
/// The API server sends a bookmark every minute, so a watch that is silent for longer hangs on a dead connection.
const SILENCE: Duration = Duration::from_secs(75);
/// A watch that ends sooner than this was refused in all but name.
const SHORTEST: Duration = Duration::from_secs(1);
/// How often a kind that is not installed is looked for.
const RECHECK: Duration = Duration::from_secs(5);

/// One watch.
pub(super) struct Watch {
    pub(super) kind: Kind,
    pub(super) extent: Extent,
    pub(super) reader: Arc<Reader>,
    pub(super) health: Arc<Health>,
}

impl Watch {
    /// Lists and watches until it is dropped, whatever happens in between.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::default();
        let mut from = None;
        loop {
            let started = Instant::now();
            let outcome = match &mut from {
                None => self.list().await.map(|version| from = Some(version)),
                Some(version) => self.follow(version, &mut backoff).await.and_then(|()| {
                    let at_once = started.elapsed() < SHORTEST;
                    let ended = || RequestError::Unreachable("it ends every watch at once".to_owned());
                    if at_once { Err(ended()) } else { Ok(()) }
                }),
            };
            match outcome {
                Ok(()) => {}
                Err(RequestError::NotInstalled) => {
                    self.not_installed();
                    from = None;
                    sleep(RECHECK).await;
                }
                Err(error) => {
                    // Only where nobody has answered is our place in history sure to be as good as before.
                    if !matches!(error, RequestError::Unreachable(_) | RequestError::TooSlow(_)) {
                        from = None;
                    }
                    self.failed(&error);
                    sleep(backoff.next()).await;
                }
            }
        }
    }

    /// Reads everything and returns the resource version to go on from.
    async fn list(&self) -> Result<String, RequestError> {
        let store = &self.reader.store;
        let mut held = BTreeSet::new();
        let mut begun = false;
        let (namespace, fields) = self.reach();
        let selection = Selection { namespace, fields, ..Selection::all(self.kind) };
        let listed = self.reader.list(&selection, |page| {
            self.health.alive();
            if !begun && self.extent == Extent::All {
                store.begin(self.kind, page.revision);
                begun = true;
            }
            held.extend(page.readings.iter().map(|reading| reading.key.clone()));
            store.upsert(page.readings);
        });
        let listed = listed.await?;
        store.retain(self.kind, &self.extent, listed.revision, &held);
        Ok(listed.resource_version)
    }

    /// Applies changes until the API server ends the watch.
    async fn follow(&self, version: &mut String, backoff: &mut Backoff) -> Result<(), RequestError> {
        let mut body = self.open(version).await?;
        self.health.watching();
        let mut lines = Lines::default();
        loop {
            let frame = match timeout(SILENCE, body.frame()).await {
                Err(_) => return Err(RequestError::TooSlow(SILENCE)),
                Ok(None) => return Ok(()),
                Ok(Some(Err(error))) => return Err(RequestError::Unreachable(error.to_string())),
                Ok(Some(Ok(frame))) => frame,
            };
            self.health.alive();
            backoff.reset();
            let Ok(data) = frame.into_data() else { continue };
            for line in lines.push(&data) {
                self.apply(Event::parse(self.kind, &line)?, version)?;
            }
        }
    }

    async fn open(&self, version: &str) -> Result<Body, RequestError> {
        let (namespace, fields) = self.reach();
        let params = WatchParams { field_selector: fields, ..WatchParams::default() }.timeout(WATCH_SECONDS);
        let open = |served| {
            let path = collection(self.kind, served, namespace.as_deref());
            let params = &params;
            async move { self.reader.requests.watch(&path, params, version).await }
        };
        self.reader.served().find(self.kind, open).await
    }

    fn apply(&self, event: Event, version: &mut String) -> Result<(), RequestError> {
        let reading = match event {
            Event::Written(reading) => {
                let revision = reading.revision;
                self.reader.store.upsert(vec![reading]);
                revision
            }
            Event::Deleted(reading) => {
                self.reader.store.remove(&reading.key, reading.revision);
                reading.revision
            }
            Event::Bookmark(revision) => revision,
            Event::Failed(error) => return Err(error),
        };
        if let Some(revision) = reading {
            *version = revision.to_string();
        }
        Ok(())
    }

    fn not_installed(&self) {
        let store = &self.reader.store;
        store.forget(self.kind);
        // Other kinds that are missing have no objects, and that decides nothing.
        let why = (self.kind == Kind::IstioGateway).then(|| NOT_INSTALLED.into());
        store.set_unread(self.kind, "", why);
        self.health.not_installed();
    }

    fn failed(&self, error: &RequestError) {
        if *error != RequestError::Forbidden {
            self.health.failed(error.to_string());
            return;
        }
        let (namespace, _) = self.reach();
        let right = missing_right("\"list\" and \"watch\"", self.kind, namespace.as_deref());
        if self.extent == Extent::All {
            self.reader.store.set_unread(self.kind, "", Some(right.clone()));
        }
        self.health.forbidden(right.to_string());
    }

    /// The namespace and the field selector of the extent.
    fn reach(&self) -> (Option<Arc<str>>, Option<String>) {
        match &self.extent {
            Extent::All => (None, None),
            Extent::Namespace(namespace) => (Some(namespace.clone()), None),
            Extent::Named { namespace, name } => (namespace.clone(), Some(format!("metadata.name={name}"))),
        }
    }
}
