//! Intermediate versions of objects: what holds the old and the new together for a while.

use super::JudgeSettings;
use super::place::{Place, Purpose};
use super::space::Space;
use crate::view::Snapshot;

/// The places with intermediate versions among their choices.
pub(super) fn places(
    snapshot: &Snapshot,
    space: &Space<'_>,
    settings: &JudgeSettings,
    purpose: Purpose,
) -> Vec<Place> {
    let _ = (snapshot, settings, purpose);
    space.places.clone()
}
