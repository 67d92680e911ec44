//! The write that makes one small cluster another.

use std::collections::BTreeSet;

use plumbline::engine::{Actor, Change};
use plumbline::object::ObjectKey;

use crate::cluster::{Cluster, read};

/// The one write that makes a cluster another; `None` when they are the same.
///
/// # Panics
///
/// When more than one object differs.
pub(crate) fn change(before: &Cluster, after: &Cluster) -> Option<Change> {
    let keys: BTreeSet<&ObjectKey> = before.objects.keys().chain(after.objects.keys()).collect();
    let different: Vec<_> =
        keys.into_iter().filter(|key| before.objects.get(*key) != after.objects.get(*key)).collect();
    assert!(different.len() <= 1, "one write changes one object, not {different:?}");
    let key = (*different.first()?).clone();
    let object = |cluster: &Cluster| cluster.objects.get(&key).map(|manifest| read(manifest).1);
    Some(Change { before: object(before), after: object(after), actor: Actor::Anybody, key })
}
