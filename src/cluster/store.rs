//! The snapshot that watches and live reads write into, in whatever order their answers arrive.
//!
//! Every answer is of some revision of the API server's store, and the newest one wins: a watch that lags behind cannot undo
//! what a live read has found, nor can a live read that was answered late bring back what a watch has seen deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::reading::{Reading, revision};
use crate::gather::{self, Freshness};
use crate::model::workload::Pods;
use crate::object::{Kind, ObjectKey};
use crate::view::{Lookup, PodQuery, Snapshot};

/// How long it is remembered that something was gone at a revision: longer than a read takes or a watch lags.
const MEMORY: Duration = Duration::from_mins(10);

/// A snapshot and what is known of the age of its parts.
#[derive(Debug)]
pub(super) struct Store {
    snapshot: RwLock<Snapshot>,
    /// Taken only while the snapshot is locked for writing, or alone.
    floors: Mutex<Floors>,
    changes: watch::Sender<u64>,
}

/// Some of the objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All there are.
    All,
    /// Those of a namespace.
    Namespace(Arc<str>),
    /// Those with a name, in one namespace or, without one, in any.
    Named { namespace: Option<Arc<str>>, name: Arc<str> },
}

/// The revisions at which things were known to be absent, each with the time it was noted.
#[derive(Debug, Default)]
struct Floors {
    objects: BTreeMap<ObjectKey, (u64, Instant)>,
    /// By kind and namespace; the empty namespace stands for all.
    collections: BTreeMap<(Kind, Arc<str>), (u64, Instant)>,
    /// The revision of each answer about pods, and when somebody last asked.
    pods: BTreeMap<PodQuery, (Option<u64>, Instant)>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            snapshot: RwLock::new(Snapshot::with_pod_answers()),
            floors: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn snapshot(&self) -> &RwLock<Snapshot> {
        &self.snapshot
    }

    /// Counts the changes of anything but pods.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether the snapshot has the object.
    pub(super) fn has(&self, key: &ObjectKey) -> bool {
        matches!(gather::read(&self.snapshot).object(key), Lookup::Present(_))
    }

    /// Writes objects that were read or reported, each unless something newer is known.
    pub(super) fn upsert(&self, readings: Vec<Reading>) {
        self.change(|snapshot, floors| {
            let mut changed = false;
            for reading in readings {
                changed |= floors.upsert(snapshot, reading);
            }
            changed
        });
    }

    /// Removes an object that was gone at a revision, unless a newer one is known.
    pub(super) fn remove(&self, key: &ObjectKey, at: Option<u64>) {
        self.change(|snapshot, floors| floors.remove(snapshot, key, at));
    }

    /// Notes that an object that is not known is not there either, rather than unreadable.
    pub(super) fn confirm_absent(&self, key: &ObjectKey) {
        self.change(|snapshot, _| {
            let unreadable = matches!(snapshot.object(key), Lookup::Unknown(_));
            if unreadable {
                snapshot.remove(key);
            }
            unreadable
        });
    }

    /// Begins to replace objects by a collection of this revision.
    ///
    /// A revision that is older than one seen before means that the API server's store was restored from a backup: nothing
    /// that is known can be compared with what comes.
    pub(super) fn begin(&self, kind: Kind, at: Option<u64>) {
        self.change(|snapshot, floors| {
            let seen = floors.collections.get(&(kind, "".into())).map(|(floor, _)| *floor);
            if at >= seen {
                return false;
            }
            tracing::warn!(%kind, "the API server's store has gone back in time: reading everything anew");
            for key in keys(snapshot, kind, &Extent::All) {
                snapshot.remove(&key);
            }
            floors.objects.retain(|key, _| key.kind != kind);
            floors.collections.retain(|(of, _), _| *of != kind);
            true
        });
    }

    /// Removes what a collection of this revision does not hold, and notes that the collection can be read.
    pub(super) fn retain(&self, kind: Kind, extent: &Extent, at: Option<u64>, held: &BTreeSet<ObjectKey>) {
        // A hundred thousand names are compared while reviews may go on reading.
        let mut left = keys(&gather::read(&self.snapshot), kind, extent);
        // One that was asked for by name is known to be gone even if it was never here.
        if let Extent::Named { namespace: Some(namespace), name } = extent {
            left = vec![ObjectKey::new(kind, namespace.clone(), name.clone())];
        }
        left.retain(|key| !held.contains(key));
        self.change(|snapshot, floors| {
            let mut changed = false;
            for key in &left {
                changed |= floors.remove(snapshot, key, at);
            }
            let namespace: Arc<str> = match extent {
                Extent::All => "".into(),
                Extent::Namespace(namespace) => namespace.clone(),
                Extent::Named { .. } => return changed,
            };
            if let Some(at) = at {
                let (floor, noted) =
                    floors.collections.entry((kind, namespace.clone())).or_insert((at, Instant::now()));
                (*floor, *noted) = ((*floor).max(at), Instant::now());
            }
            snapshot.set_unread(kind, &namespace, None);
            changed
        });
    }

    /// Notes that an object cannot be read.
    pub(super) fn set_unread_object(&self, key: ObjectKey, why: Arc<str>) {
        self.change(|snapshot, _| {
            let changed = !matches!(snapshot.object(&key), Lookup::Unknown(_));
            snapshot.set_unread_object(key, why);
            changed
        });
    }

    /// Notes that a kind cannot be read in a namespace, or (with an empty one) anywhere; `None` that nothing is in the way.
    pub(super) fn set_unread(&self, kind: Kind, namespace: &str, why: Option<Arc<str>>) {
        self.change(|snapshot, _| {
            snapshot.set_unread(kind, namespace, why);
            false
        });
    }

    /// Forgets all objects of a kind: it is not installed any more.
    pub(super) fn forget(&self, kind: Kind) {
        self.change(|snapshot, floors| {
            let keys = keys(snapshot, kind, &Extent::All);
            for key in &keys {
                snapshot.remove(key);
            }
            floors.objects.retain(|key, _| key.kind != kind);
            !keys.is_empty()
        });
    }

    /// Whether the last answer about pods was of templates, since no pod ran.
    pub(super) fn templates_stand_in(&self, query: &PodQuery) -> bool {
        let known = gather::read(&self.snapshot).pods(query);
        matches!(known, Lookup::Present(pods) if pods.iter().any(|pods| pods.example.kind != Kind::Pod))
    }

    /// Keeps an answer about pods, unless a newer one is known.
    pub(super) fn answer_pods(
        &self,
        query: &PodQuery,
        at: Option<u64>,
        freshness: Freshness,
        answer: Lookup<Vec<Pods>>,
    ) {
        self.change(|snapshot, floors| {
            let known = floors.pods.get(query).and_then(|(at, _)| *at);
            // Only a recent answer can have been overtaken while it was under way.
            let keep = freshness == Freshness::Consistent || is_newer(at, known);
            let at = if keep { at } else { known };
            floors.pods.insert(query.clone(), (at, Instant::now()));
            if keep {
                snapshot.answer_pods(query.clone(), answer);
            }
            false
        });
    }

    /// Drops what is remembered only for answers that are still under way, and answers that nobody has asked for lately.
    pub(super) fn prune(&self) {
        self.change(|snapshot, floors| {
            floors.objects.retain(|_, (_, noted)| noted.elapsed() < MEMORY);
            // A whole kind's revision also tells a store that went back in time.
            floors.collections.retain(|(_, namespace), (_, noted)| namespace.is_empty() || noted.elapsed() < MEMORY);
            floors.pods.retain(|query, (_, asked)| {
                let keep = asked.elapsed() < MEMORY;
                if !keep {
                    snapshot.forget_pods(query);
                }
                keep
            });
            false
        });
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot, &mut Floors) -> bool) {
        let changed = change(&mut gather::write(&self.snapshot), &mut self.floors());
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn floors(&self) -> MutexGuard<'_, Floors> {
        self.floors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Floors {
    fn upsert(&mut self, snapshot: &mut Snapshot, reading: Reading) -> bool {
        let Reading { key, revision: at, object } = reading;
        // The population comes from one watch alone, in order.
        if key.kind != Kind::InferenceService && !is_newer(at, self.floor(snapshot, &key)) {
            return false;
        }
        self.objects.remove(&key);
        match object {
            Ok(object) => {
                let changed = snapshot.object(&key) != Lookup::Present(object.clone());
                snapshot.insert(key, object);
                changed
            }
            Err(why) => {
                snapshot.set_unread_object(key, why);
                true
            }
        }
    }

    fn remove(&mut self, snapshot: &mut Snapshot, key: &ObjectKey, at: Option<u64>) -> bool {
        if key.kind == Kind::InferenceService {
            snapshot.remove(key);
            return true;
        }
        let known = snapshot.object(key);
        if let (Lookup::Present(object), Some(at)) = (&known, at)
            && revision(&object.meta().resource_version).is_some_and(|stored| stored > at)
        {
            return false;
        }
        snapshot.remove(key);
        if let Some(at) = at {
            let (floor, noted) = self.objects.entry(key.clone()).or_insert((at, Instant::now()));
            (*floor, *noted) = ((*floor).max(at), Instant::now());
        }
        !matches!(known, Lookup::Absent)
    }

    /// The revision up to which everything is known about an object.
    fn floor(&self, snapshot: &Snapshot, key: &ObjectKey) -> Option<u64> {
        let gone = self.objects.get(key).map(|(at, _)| *at);
        let collection = |namespace: Arc<str>| self.collections.get(&(key.kind, namespace)).map(|(at, _)| *at);
        match snapshot.object(key) {
            Lookup::Present(object) => revision(&object.meta().resource_version),
            Lookup::Absent => gone.max(collection("".into())).max(collection(key.namespace.clone())),
            Lookup::Unknown(_) => gone,
        }
    }
}

fn is_newer(at: Option<u64>, known: Option<u64>) -> bool {
    at.zip(known).is_none_or(|(at, known)| at > known)
}

/// The keys that the snapshot has of some of the objects of a kind.
fn keys(snapshot: &Snapshot, kind: Kind, extent: &Extent) -> Vec<ObjectKey> {
    if kind == Kind::InferenceService {
        let namespaces = snapshot.population().shapes().flat_map(|(_, namespaces)| namespaces);
        let keys = namespaces.flat_map(|(namespace, names)| {
            names.keys().map(move |name| ObjectKey::new(kind, namespace.clone(), name.clone()))
        });
        return keys.collect();
    }
    match extent {
        Extent::All => snapshot.objects_of(kind).map(|(key, _)| key).cloned().collect(),
        Extent::Namespace(namespace) => snapshot.objects_in(kind, namespace).map(|(key, _)| key).cloned().collect(),
        Extent::Named { namespace, name } => {
            let is_meant = |key: &&ObjectKey| {
                key.name == *name && namespace.as_ref().is_none_or(|namespace| key.namespace == *namespace)
            };
            snapshot.objects_of(kind).map(|(key, _)| key).filter(is_meant).cloned().collect()
        }
    }
}

#[cfg(test)]
mod tests;
