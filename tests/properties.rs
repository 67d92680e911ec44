//! What holds for every small cluster and every change of it.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]
#![allow(
    clippy::match_bool,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "tables, not interfaces"
)]

#[path = "support/brute_force.rs"]
mod brute_force;
#[path = "support/change.rs"]
mod change;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "properties/layout.rs"]
mod layout;
#[path = "support/sequences.rs"]
mod sequences;
#[path = "properties/under_change.rs"]
mod under_change;

use std::collections::{BTreeMap, BTreeSet};

use cluster::read;
use layout::{Layout, layout, settings};
use plumbline::engine::{Actor, Change, Judgement, Verdict, judge, walks_of};
use plumbline::exception::{Moment, Policy, Weighed, weigh};
use plumbline::object::ObjectKey;
use plumbline::rehearsal::{Conditions, rehearse};
use plumbline::view::{Snapshot, View};
use plumbline::walk::{End, RequestKind};
use proptest::prelude::*;
use proptest::sample::Index;

/// A layout, and one that differs from it in one object.
fn layouts() -> impl Strategy<Value = (Layout, Layout)> {
    (layout(), any::<Index>(), any::<Index>()).prop_map(|(before, place, value)| {
        let after = before.changed(place, value);
        (before, after)
    })
}

/// Every request of every InferenceService: where it ends, walked one by one.
fn ends(view: &View<'_>, snapshot: &Snapshot) -> BTreeMap<(String, RequestKind), End> {
    let mut ends = BTreeMap::new();
    for (_, namespaces) in snapshot.population().shapes() {
        for (namespace, names) in namespaces {
            for name in names.keys() {
                let (_, walks) = walks_of(view, &settings(), namespace, name);
                let walks = walks.into_iter().map(|traced| traced.walk);
                ends.extend(walks.map(|walk| ((format!("{namespace}/{name}"), walk.request.kind), walk.end)));
            }
        }
    }
    ends
}

/// The requests that a judgement says turn, by InferenceService.
fn turned(judgement: &Judgement) -> BTreeSet<(String, RequestKind, bool)> {
    let mut requests = BTreeSet::new();
    for turned in &judgement.turned {
        for (namespace, (count, names)) in turned.affected.namespaces.iter() {
            assert_eq!(*count, names.len(), "few enough to name them all");
            requests
                .extend(names.iter().map(|name| (format!("{namespace}/{name}"), turned.kind.clone(), turned.reached)));
        }
    }
    requests
}

/// What a write declares on its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declares {
    Nothing,
    Open,
    Over,
    Nonsense,
}

impl Declares {
    fn annotations(self) -> serde_json::Value {
        let declared = |until: &str| serde_json::json!({"plumbline.dev/transition": "move", "plumbline.dev/transition-until": until});
        match self {
            Self::Nothing => serde_json::json!({}),
            Self::Open => declared("2026-06-01T12:30:00Z"),
            Self::Over => declared("2026-06-01T11:30:00Z"),
            Self::Nonsense => declared("for a while"),
        }
    }
}

const NOW: &str = "2026-06-01T12:00:00Z";

/// A layout, and writes that each make one choice otherwise.
fn sequences() -> impl Strategy<Value = (Layout, Vec<(Index, Index, Declares)>)> {
    let declares = prop_oneof![
        4 => Just(Declares::Nothing),
        2 => Just(Declares::Open),
        1 => Just(Declares::Over),
        1 => Just(Declares::Nonsense),
    ];
    (layout(), prop::collection::vec((any::<Index>(), any::<Index>(), declares), 1..6))
}

/// The requests that nobody may cut: those of clients, and those of KServe itself.
fn is_guarded(kind: &RequestKind) -> bool {
    matches!(kind, RequestKind::Local | RequestKind::External)
}

/// The cluster before, and the write that makes the one after of it; `None` when they are the same.
fn sides(before: &Layout, after: &Layout) -> (Snapshot, Option<Change>) {
    let before = before.cluster();
    (before.snapshot(), change::change(&before, &after.cluster()))
}

/// A quarter of the usual number of cases, each of which walks two clusters many times; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_write_that_changes_nothing_is_admitted(layout in layout(), place in any::<Index>()) {
        let cluster = layout.cluster();
        let snapshot = cluster.snapshot();
        let keys: Vec<_> = cluster.objects.keys().collect();
        let key = (*place.get(&keys)).clone();
        let object = Some(read(&cluster.objects[&key]).1);
        let change = Change { before: object.clone(), after: object, actor: Actor::default(), key };
        let judgement = judge(&snapshot, &change, &settings());
        prop_assert_eq!(judgement.verdict, Verdict::Allow);
        prop_assert!(judgement.findings.is_empty() && judgement.turned.is_empty());
    }

    #[test]
    fn a_verdict_that_rests_on_nothing_holds_in_every_cluster(before in layout(), elsewhere in layout()) {
        let (snapshot, Some(change)) = sides(&before, &before.reclassed()) else { return Ok(()) };
        let judgement = judge(&snapshot, &change, &settings());
        prop_assert!(judgement.needs.is_empty() || !judgement.warnings.is_empty(), "{:?}", judgement.needs);
        let mut other = elsewhere.cluster().snapshot();
        let own = change.before.clone().expect("the ConfigMap was there");
        other.insert(change.key.clone(), own);
        let judgement = judge(&other, &change, &settings());
        prop_assert_eq!(judgement.verdict, Verdict::Allow, "{:?}", judgement.findings);
        prop_assert!(judgement.turned.is_empty());
    }

    #[test]
    fn the_order_in_which_objects_are_read_does_not_matter((before, after) in layouts()) {
        let (snapshot, Some(change)) = sides(&before, &after) else { return Ok(()) };
        let mut reversed = Snapshot::default();
        for manifest in before.cluster().objects.values().rev() {
            let (key, object) = read(manifest);
            reversed.insert(key, object);
        }
        let (one, other) = (judge(&snapshot, &change, &settings()), judge(&reversed, &change, &settings()));
        prop_assert_eq!(&one.findings, &other.findings);
        prop_assert_eq!(one.verdict, other.verdict);
        prop_assert_eq!(one.warnings, other.warnings);
    }

    #[test]
    fn an_admitted_change_is_admitted_again((before, after) in layouts()) {
        let (snapshot, Some(change)) = sides(&before, &after) else { return Ok(()) };
        prop_assume!(judge(&snapshot, &change, &settings()).verdict == Verdict::Allow);
        // The object as stored, written over what it was: a client that repeats its request.
        let again = judge(&after.cluster().snapshot(), &Change { before: change.after.clone(), ..change }, &settings());
        prop_assert_eq!(again.verdict, Verdict::Allow);
        prop_assert!(again.findings.is_empty() && again.turned.is_empty());
    }

    #[test]
    fn what_was_broken_may_be_undone((before, after) in layouts()) {
        let (snapshot, Some(change)) = sides(&before, &after) else { return Ok(()) };
        let forth = judge(&snapshot, &change, &settings());
        prop_assume!(forth.verdict == Verdict::Deny);
        let lost: BTreeSet<_> = forth.turned.iter().map(|turned| turned.reached).collect();
        // One that only breaks is undone by one that only mends.
        prop_assume!(!lost.contains(&true));
        let (broken, Some(back)) = sides(&after, &before) else { return Ok(()) };
        let judgement = judge(&broken, &back, &settings());
        prop_assert_eq!(judgement.verdict, Verdict::Allow, "{:?}", judgement.findings);
    }

    #[test]
    fn a_denial_names_a_request_that_is_cut((before, after) in layouts()) {
        let (snapshot, Some(change)) = sides(&before, &after) else { return Ok(()) };
        let judgement = judge(&snapshot, &change, &settings());
        let refused = judgement.findings.iter().any(|finding| finding.reason == "controller-error");
        prop_assume!(judgement.verdict == Verdict::Deny && !refused);
        let was = ends(&View::of(&snapshot), &snapshot);
        let view = View::of(&snapshot).with(change.key.clone(), change.after.clone());
        let is = ends(&view, &snapshot);
        let cut = |request: &(String, RequestKind)| was[request].is_reached() && is[request].broken().is_some();
        prop_assert!(was.keys().any(cut), "{:?}", judgement.findings);
    }

    #[test]
    fn walking_together_is_walking_one_by_one((before, after) in layouts()) {
        let (snapshot, Some(change)) = sides(&before, &after) else { return Ok(()) };
        let judgement = judge(&snapshot, &change, &settings());
        let was = ends(&View::of(&snapshot), &snapshot);
        let view = View::of(&snapshot).with(change.key.clone(), change.after.clone());
        let is = ends(&view, &snapshot);
        let mut expected = BTreeSet::new();
        for ((service, kind), end) in &is {
            let reached = was[&(service.clone(), kind.clone())].is_reached();
            if reached != end.is_reached() && !matches!(end, End::Unknown { .. } | End::NotMade) {
                expected.insert((service.clone(), kind.clone(), end.is_reached()));
            }
        }
        prop_assert_eq!(turned(&judgement), expected);
    }

    #[test]
    fn an_admitted_sequence_cuts_nothing_unless_a_transition_is_declared((first, writes) in sequences()) {
        let now = Moment::parse(NOW).expect("a time");
        let (mut layout, mut cluster) = (first.clone(), first.cluster());
        for (place, value, declares) in writes {
            let next = layout.changed(place, value);
            let Some(change) = change::change(&layout.cluster(), &next.cluster()) else { continue };
            // What earlier writes declared on other objects stays on them, and must not matter.
            let mut after = cluster.clone();
            let mut manifest = next.cluster().objects[&change.key].clone();
            let mut annotations = manifest["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
            annotations.extend(declares.annotations().as_object().cloned().unwrap_or_default());
            manifest["metadata"]["annotations"] = annotations.into();
            after.objects.insert(change.key.clone(), manifest);
            let snapshot = cluster.snapshot();
            let Some(change) = change::change(&cluster, &after) else { continue };
            let judgement = judge(&snapshot, &change, &settings());
            let Weighed::Settled(ruling) = weigh(judgement, &change, &Policy::default(), now) else {
                panic!("nobody is asked for a right")
            };
            if ruling.judgement.verdict == Verdict::Deny {
                continue;
            }
            let was = ends(&View::of(&snapshot), &snapshot);
            let is = ends(&View::of(&after.snapshot()), &after.snapshot());
            let cut = |(_, kind): &&(String, RequestKind)| is_guarded(kind);
            let cut: Vec<_> = was.keys().filter(cut).filter(|one| was[one].is_reached() && is[one].broken().is_some()).collect();
            prop_assert!(cut.is_empty() || declares == Declares::Open && ruling.is_exception(), "{:?}: {:?}", declares, cut);
            // And an exception is made only where something is cut.
            prop_assert!(!ruling.is_exception() || declares == Declares::Open && !ruling.covered.is_empty());
            (layout, cluster) = (next, after);
        }
    }

    #[test]
    fn a_rehearsal_says_what_each_write_will_be_told((first, writes) in sequences()) {
        let now = Moment::parse(NOW).expect("a time");
        let mut layout = first.clone();
        let mut objects: Vec<(ObjectKey, _)> = Vec::new();
        for (place, value, _) in writes {
            let next = layout.changed(place, value);
            let Some(change) = change::change(&layout.cluster(), &next.cluster()) else { continue };
            // kubectl sends an object once.
            objects.retain(|(key, _)| *key != change.key);
            objects.extend(change.after.map(|after| (change.key, after)));
            layout = next;
        }
        let snapshot = first.cluster().snapshot();
        let (settings, policy, permissions) = (settings(), Policy::default(), BTreeMap::new());
        let conditions = Conditions { settings: &settings, policy: &policy, now, permissions: &permissions };
        let rehearsal = rehearse(&snapshot, &objects, &conditions);
        let mut cluster = snapshot.clone();
        for ((key, object), step) in objects.iter().zip(&rehearsal.steps) {
            let before = cluster.object(key).present();
            let change = Change { key: key.clone(), before, after: Some(object.clone()), actor: Actor::Anybody };
            let judgement = judge(&cluster, &change, &settings);
            prop_assert_eq!(judgement.verdict, step.ruling.judgement.verdict, "{}", key);
            prop_assert_eq!(&judgement.findings, &step.ruling.judgement.findings);
            if judgement.verdict == Verdict::Allow {
                cluster.insert(key.clone(), object.clone());
            }
        }
    }
}
