use proptest::prelude::*;

use super::*;
use crate::model::Object;

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::Service, "ns", name)
}

fn reading(name: &str, revision: u64) -> Reading {
    let json = format!(r#"{{"metadata":{{"name":"{name}","namespace":"ns","resourceVersion":"{revision}"}}}}"#);
    Reading::parse(Kind::Service, json.as_bytes()).unwrap()
}

fn inference_service(name: &str) -> Reading {
    let json = format!(r#"{{"metadata":{{"name":"{name}","namespace":"ns","resourceVersion":"1"}}}}"#);
    Reading::parse(Kind::InferenceService, json.as_bytes()).unwrap()
}

fn stored(store: &Store, name: &str) -> Lookup<u64> {
    let object = gather::read(store.snapshot()).object(&key(name));
    object.map(|object| object.meta().resource_version.parse().unwrap())
}

/// The answer to a list of a namespace's Services.
fn list(store: &Store, extent: &Extent, at: u64, readings: Vec<Reading>) {
    let held = readings.iter().map(|reading| reading.key.clone()).collect();
    store.upsert(readings);
    store.retain(Kind::Service, extent, Some(at), &held);
}

/// What can be learned of one Service, by whichever way.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Got(u64),
    Reported(u64),
    ReportedGone(u64),
    Listed { at: u64, revision: Option<u64>, everywhere: bool },
    ListedByName { at: u64, revision: Option<u64> },
}

/// A life of a Service: at each revision from 1 on it is written or deleted.
fn answers(life: &[bool]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut current = None;
    for (index, written) in life.iter().enumerate() {
        let at = index as u64 + 1;
        if *written {
            current = Some(at);
            answers.extend([Answer::Got(at), Answer::Reported(at)]);
        } else if current.take().is_some() {
            answers.push(Answer::ReportedGone(at));
        }
        let revision = current;
        answers.extend([true, false].map(|everywhere| Answer::Listed { at, revision, everywhere }));
        answers.push(Answer::ListedByName { at, revision });
    }
    answers
}

fn apply(store: &Store, answer: Answer) {
    let readings = |revision: Option<u64>| revision.map(|revision| reading("x", revision)).into_iter().collect();
    match answer {
        Answer::Got(revision) | Answer::Reported(revision) => store.upsert(vec![reading("x", revision)]),
        Answer::ReportedGone(at) => store.remove(&key("x"), Some(at)),
        Answer::Listed { at, revision, everywhere: true } => list(store, &Extent::All, at, readings(revision)),
        Answer::Listed { at, revision, everywhere: false } => {
            list(store, &Extent::Namespace("ns".into()), at, readings(revision));
        }
        Answer::ListedByName { at, revision } => {
            let extent = Extent::Named { namespace: Some("ns".into()), name: "x".into() };
            list(store, &extent, at, readings(revision));
        }
    }
}

fn age(answer: Answer) -> u64 {
    match answer {
        Answer::Got(at)
        | Answer::Reported(at)
        | Answer::ReportedGone(at)
        | Answer::Listed { at, .. }
        | Answer::ListedByName { at, .. } => at,
    }
}

proptest! {
    /// Whatever order answers arrive in, what is stored is what the newest of them says.
    #[test]
    fn the_newest_answer_wins(
        (life, order) in prop::collection::vec(any::<bool>(), 1..6).prop_flat_map(|life| {
            let answers = answers(&life);
            let count = answers.len();
            (Just(life), prop::sample::subsequence(answers, 1..=count).prop_shuffle())
        })
    ) {
        let store = Store::new();
        for answer in &order {
            apply(&store, *answer);
        }
        let newest = order.iter().map(|answer| age(*answer)).max().unwrap();
        let past = &life[..usize::try_from(newest).unwrap()];
        let last = |written: bool| past.iter().rposition(|happened| *happened == written);
        let expected = match (last(true), last(false)) {
            (Some(written), gone) if gone.is_none_or(|gone| gone < written) => Lookup::Present(written as u64 + 1),
            _ => Lookup::Absent,
        };
        prop_assert_eq!(stored(&store, "x"), expected);
    }
}

#[test]
fn a_list_keeps_what_was_written_after_it() {
    let store = Store::new();
    list(&store, &Extent::All, 5, vec![reading("old", 2), reading("kept", 3)]);
    store.upsert(vec![reading("new", 8)]);
    list(&store, &Extent::Namespace("ns".into()), 7, vec![reading("kept", 3)]);
    assert_eq!(stored(&store, "old"), Lookup::Absent);
    assert_eq!(stored(&store, "kept"), Lookup::Present(3));
    assert_eq!(stored(&store, "new"), Lookup::Present(8));
}

#[test]
fn what_could_not_be_read_is_taken_back_as_soon_as_it_can() {
    let store = Store::new();
    list(&store, &Extent::All, 5, vec![reading("x", 2)]);
    store.set_unread_object(key("x"), "forbidden".into());
    assert_eq!(stored(&store, "x"), Lookup::Unknown("forbidden".into()));
    // The very version that the list had.
    store.upsert(vec![reading("x", 2)]);
    assert_eq!(stored(&store, "x"), Lookup::Present(2));

    store.set_unread_object(key("x"), "forbidden".into());
    store.confirm_absent(&key("x"));
    assert_eq!(stored(&store, "x"), Lookup::Absent);
}

#[test]
fn a_store_that_went_back_in_time_is_read_anew() {
    let store = Store::new();
    store.begin(Kind::Service, Some(100));
    list(&store, &Extent::All, 100, vec![reading("x", 90), reading("lost", 95)]);
    store.begin(Kind::Service, Some(50));
    list(&store, &Extent::All, 50, vec![reading("x", 40)]);
    assert_eq!(stored(&store, "x"), Lookup::Present(40));
    assert_eq!(stored(&store, "lost"), Lookup::Absent);
    store.upsert(vec![reading("x", 51)]);
    assert_eq!(stored(&store, "x"), Lookup::Present(51));
}

#[test]
fn the_population_follows_its_watch() {
    let store = Store::new();
    let count = || gather::read(store.snapshot()).population().len();
    store.upsert(vec![inference_service("a"), inference_service("b")]);
    assert_eq!(count(), 2);
    let held = [inference_service("b").key].into();
    store.retain(Kind::InferenceService, &Extent::All, Some(9), &held);
    assert_eq!(count(), 1);
    store.remove(&inference_service("b").key, Some(10));
    assert_eq!(count(), 0);
}

#[test]
fn only_changes_of_what_decides_are_counted() {
    let store = Store::new();
    let changes = store.changes();
    let count = || *changes.borrow();
    store.upsert(vec![reading("x", 1)]);
    assert_eq!(count(), 1);
    store.upsert(vec![reading("x", 2)]);
    assert_eq!((count(), stored(&store, "x")), (1, Lookup::Present(2)));
    store.remove(&key("x"), Some(3));
    assert_eq!(count(), 2);
    store.remove(&key("x"), Some(4));
    assert_eq!(count(), 2);
}

#[test]
fn an_answer_about_pods_that_was_overtaken_is_dropped() {
    let store = Store::new();
    let query = PodQuery { namespace: "ns".into(), selector: [("app".into(), "gw".into())].into() };
    let pods = |name: &str| {
        let json =
            format!(r#"{{"metadata":{{"name":"{name}","namespace":"ns","labels":{{"app":"gw","n":"{name}"}}}}}}"#);
        let Ok((_, Object::Pod(pod))) = Object::from_json(Kind::Pod, json.as_bytes()) else { panic!() };
        vec![pod.pods.clone()]
    };
    let answer = |at, freshness, name| {
        store.answer_pods(&query, Some(at), freshness, Lookup::Present(pods(name)));
        let snapshot = gather::read(store.snapshot());
        let found = crate::view::View::of(&snapshot).pods("ns", &query.selector).present().unwrap();
        found[0].example.name.to_string()
    };
    assert_eq!(answer(5, Freshness::Recent, "a"), "a");
    assert_eq!(answer(4, Freshness::Recent, "b"), "a");
    assert_eq!(answer(6, Freshness::Recent, "c"), "c");
    assert_eq!(answer(6, Freshness::Consistent, "d"), "d");
    assert_eq!(answer(6, Freshness::Recent, "e"), "d");
}
