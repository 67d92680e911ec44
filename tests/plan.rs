//! What holds for every plan between two small clusters.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]
#![allow(
    clippy::match_bool,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "tables, not interfaces"
)]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "properties/layout.rs"]
mod layout;
#[path = "plan/replay.rs"]
mod replay;

use std::collections::BTreeSet;

use cluster::{Cluster, read};
use layout::{Layout, layout, settings};
use plumbline::engine::{Actor, Change, Verdict, judge};
use plumbline::object::ObjectKey;
use plumbline::plan::{Outcome, Plan, Target, Version, Wanted, plan};
use plumbline::report::plan::{json, text};
use proptest::prelude::*;
use proptest::sample::Index;
use replay::{Replay, reached};

/// A layout, and one that differs from it in several choices.
fn layouts() -> impl Strategy<Value = (Layout, Layout)> {
    let changes = prop::collection::vec((any::<Index>(), any::<Index>()), 1..6);
    (layout(), changes).prop_map(|(before, changes)| {
        let after = changes.into_iter().fold(before.clone(), |layout, (place, value)| layout.changed(place, value));
        (before, after)
    })
}

fn targets(before: &Cluster, after: &Cluster) -> Vec<Target> {
    let keys: BTreeSet<&ObjectKey> = before.objects.keys().chain(after.objects.keys()).collect();
    let version = |cluster: &Cluster, key: &ObjectKey| {
        cluster.objects.get(key).map(|manifest| Version::read(key, manifest.clone()).expect("a well-formed object"))
    };
    let target =
        |key: &ObjectKey| Target { key: key.clone(), before: version(before, key), after: version(after, key) };
    keys.into_iter().map(target).collect()
}

fn planned(before: &Cluster, after: &Cluster) -> Plan {
    plan(&before.snapshot(), &Wanted { targets: targets(before, after) }, &settings())
}

/// Fewer cases than usual: each is a search. `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 8, failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_safe_plan_is_admitted_step_by_step_and_cuts_nothing((before, after) in layouts()) {
        let (before, after) = (before.cluster(), after.cluster());
        let plan = planned(&before, &after);
        prop_assume!(plan.is_safe());
        let mut replay = Replay::of(&before);
        let worked = reached(&before, &settings());
        for step in plan.steps() {
            let (snapshot, change) = replay.write(step);
            let judgement = judge(&snapshot, &change, &settings());
            prop_assert_eq!(judgement.verdict, Verdict::Allow, "{}: {:?}", step.key, judgement.findings);
            let broken = replay::broken(&replay.cluster, &settings());
            let cut: Vec<_> = worked.intersection(&broken).collect();
            prop_assert!(cut.is_empty(), "{} cuts {cut:?}", step.key);
        }
        for (key, manifest) in &after.objects {
            prop_assert_eq!(&read(&replay.cluster.objects[key]).1, &read(manifest).1, "{}", key);
        }
    }

    #[test]
    fn the_writes_of_a_wave_may_be_made_backwards((before, after) in layouts()) {
        let (before, after) = (before.cluster(), after.cluster());
        let plan = planned(&before, &after);
        prop_assume!(plan.is_safe());
        let mut replay = Replay::of(&before);
        for wave in &plan.waves {
            for step in wave.steps.iter().rev() {
                let (snapshot, change) = replay.write(step);
                let judgement = judge(&snapshot, &change, &settings());
                prop_assert_eq!(judgement.verdict, Verdict::Allow, "{}: {:?}", step.key, judgement.findings);
            }
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_in_which_objects_are_read((before, after) in layouts()) {
        let (before, after) = (before.cluster(), after.cluster());
        let mut targets = targets(&before, &after);
        let snapshot = before.snapshot();
        let one = plan(&snapshot, &Wanted { targets: targets.clone() }, &settings());
        targets.reverse();
        let other = plan(&snapshot, &Wanted { targets }, &settings());
        prop_assert_eq!(json::render(&one), json::render(&other));
        prop_assert_eq!(text::render(&one), text::render(&other));
    }

    #[test]
    fn every_plan_reaches_what_is_wanted((before, after) in layouts()) {
        let (before, after) = (before.cluster(), after.cluster());
        let plan = planned(&before, &after);
        let mut replay = Replay::of(&before);
        let mut denied = 0;
        for step in plan.steps() {
            let (snapshot, change) = replay.write(step);
            denied += usize::from(judge(&snapshot, &change, &settings()).verdict == Verdict::Deny);
        }
        prop_assert_eq!(denied == 0, plan.steps().all(plumbline::plan::Step::is_admitted));
        match &plan.outcome {
            Outcome::Safe => prop_assert_eq!(denied, 0),
            Outcome::Cuts => {
                prop_assert!(denied > 0 || plan.waves.iter().any(|wave| !wave.cut.is_empty()), "nothing is cut");
            }
            Outcome::Unsound(findings) => prop_assert!(!findings.is_empty()),
        }
        for (key, manifest) in &after.objects {
            prop_assert_eq!(&read(&replay.cluster.objects[key]).1, &read(manifest).1, "{}", key);
        }
    }

    #[test]
    fn a_broken_cluster_is_mended_by_admitted_writes(broken in layout()) {
        let (broken, sound) = (broken.cluster(), Layout::sound().cluster());
        let plan = planned(&broken, &sound);
        prop_assert!(plan.is_safe(), "{}", text::render(&plan));
    }

    #[test]
    fn an_admitted_sequence_breaks_nothing(
        (start, _) in layouts(),
        writes in prop::collection::vec((any::<Index>(), any::<Index>()), 1..8),
    ) {
        let mut layout = start;
        for (place, value) in writes {
            let next = layout.changed(place, value);
            let (before, after) = (layout.cluster(), next.cluster());
            let mut differ = targets(&before, &after);
            differ.retain(|target| target.before != target.after);
            let Some(target) = differ.pop() else { continue };
            let object = |version: Option<Version>| version.map(|version| version.object);
            let (key, was) = (target.key, object(target.before));
            let change = Change { key, before: was, after: object(target.after), actor: Actor::Anybody };
            if judge(&before.snapshot(), &change, &settings()).verdict == Verdict::Allow {
                let worked = reached(&before, &settings());
                let broken = replay::broken(&after, &settings());
                let cut: Vec<_> = worked.intersection(&broken).collect();
                prop_assert!(cut.is_empty(), "{} cuts {cut:?}", change.key);
                layout = next;
            }
        }
    }
}
