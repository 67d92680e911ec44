//! How requests go: of one InferenceService that stands for all.

use std::sync::Arc;

use crate::engine::{JudgeSettings, walks_of};
use crate::object::ObjectKey;
use crate::view::{Snapshot, View};
use crate::walk::{End, RequestKind, Step, Walk};

/// One kind of request of one InferenceService, and the way it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The InferenceService, `namespace/name`.
    pub subject: String,
    /// The kind of request.
    pub kind: RequestKind,
    /// The Services and Gateways on the way.
    pub through: Vec<ObjectKey>,
    /// Where it ends, where it does not arrive.
    pub ends: Option<String>,
}

/// The namespace and the name of an InferenceService.
pub(super) type Subject = (Arc<str>, Arc<str>);

/// The InferenceService that stands for all, where all of its requests arrive.
pub(super) fn subject(snapshot: &Snapshot, settings: &JudgeSettings) -> Option<Subject> {
    first(snapshot).filter(|subject| is_whole(snapshot, settings, subject))
}

fn first(snapshot: &Snapshot) -> Option<Subject> {
    let population = snapshot.population().shapes();
    let named = population
        .flat_map(|(_, namespaces)| namespaces)
        .filter_map(|(namespace, names)| Some((namespace.clone(), names.keys().next()?.clone())));
    named.min()
}

/// Whether no request of an InferenceService is broken.
pub(super) fn is_whole(snapshot: &Snapshot, settings: &JudgeSettings, (namespace, name): &Subject) -> bool {
    let (_, traced) = walks_of(&View::of(snapshot), settings, namespace, name);
    traced.iter().all(|traced| traced.walk.end.broken().is_none())
}

/// The ways that local and external requests take.
pub(super) fn routes(snapshot: &Snapshot, settings: &JudgeSettings) -> Vec<Route> {
    let view = View::of(snapshot);
    let pinned = || settings.namespaces.first().map(|namespace| (namespace.clone(), "model".into()));
    let (namespace, name) = first(snapshot).or_else(pinned).unwrap_or_else(|| ("default".into(), "model".into()));
    let (_, traced) = walks_of(&view, settings, &namespace, &name);
    let told = traced.into_iter().filter(|traced| {
        matches!(traced.walk.request.kind, RequestKind::Local | RequestKind::External)
            && !matches!(traced.walk.end, End::NotMade)
    });
    told.map(|traced| Route {
        subject: format!("{namespace}/{name}"),
        kind: traced.walk.request.kind.clone(),
        through: through(&traced.walk),
        ends: match &traced.walk.end {
            End::Reached | End::NotMade => None,
            End::Broken(broken) => {
                let why = traced.finding.map(|finding| finding.message).unwrap_or_default();
                Some(format!("broken at {}: {why}", broken.hop))
            }
            End::Unknown { hop, why } => Some(format!("unknown from {hop} on: {why}")),
        },
    })
    .collect()
}

/// The Services and Gateways that a walk passed.
fn through(walk: &Walk) -> Vec<ObjectKey> {
    let objects = walk.passed.iter().filter_map(|passed| match &passed.step {
        Step::Service { service, .. } => Some(service.clone()),
        Step::Route { gateway, .. } => Some(gateway.clone()),
        Step::Name { .. } | Step::Listener { .. } | Step::Forward { .. } | Step::Backend { .. } => None,
    });
    let mut through: Vec<ObjectKey> = objects.collect();
    through.dedup();
    through
}
