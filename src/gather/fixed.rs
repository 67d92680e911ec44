use std::sync::RwLock;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::{Freshness, ReadError, Source, write};
use crate::model::Object;
use crate::object::ObjectKey;
use crate::view::{Need, Snapshot};

/// Objects that change only when somebody says so, such as a directory of manifests: everything is fresh.
#[derive(Debug, Default)]
pub struct Fixed {
    snapshot: RwLock<Snapshot>,
}

impl Fixed {
    /// Serves from a snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self { snapshot: RwLock::new(snapshot) }
    }
}

impl Source for Fixed {
    fn snapshot(&self) -> &RwLock<Snapshot> {
        &self.snapshot
    }

    fn is_live(&self) -> bool {
        false
    }

    fn read<'a>(&'a self, _: &'a [Need], _: Freshness) -> BoxFuture<'a, Result<(), ReadError>> {
        ready(Ok(())).boxed()
    }

    fn admit(&self, writes: Vec<(ObjectKey, Option<Object>)>) {
        let mut snapshot = write(&self.snapshot);
        for (key, object) in writes {
            match object {
                Some(object) => snapshot.insert(key, object),
                None => snapshot.remove(&key),
            }
        }
    }
}
