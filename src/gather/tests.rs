use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::sleep;

use super::*;
use crate::model::Object;
use crate::object::ObjectKey;
use crate::view::{Lookup, PodQuery};

/// A cluster of `ConfigMap`s and the order in which they are read.
#[derive(Default)]
struct Remote {
    snapshot: RwLock<Snapshot>,
    objects: BTreeMap<&'static str, &'static str>,
    reads: Mutex<Vec<(String, Freshness)>>,
    pause: Duration,
    broken: bool,
}

impl Source for Remote {
    fn snapshot(&self) -> &RwLock<Snapshot> {
        &self.snapshot
    }

    fn is_live(&self) -> bool {
        true
    }

    fn read<'a>(&'a self, needs: &'a [Need], freshness: Freshness) -> BoxFuture<'a, Result<(), ReadError>> {
        async move {
            sleep(self.pause).await;
            if self.broken {
                return Err(ReadError { what: "it".to_owned(), why: "connection refused".to_owned() });
            }
            for need in needs {
                self.reads.lock().unwrap().push((Described(need).to_string(), freshness));
                let Need::Object(key) = need else { continue };
                match self.objects.get(&*key.name) {
                    Some(next) => write(&self.snapshot).insert(key.clone(), config_map(&key.name, next)),
                    None => write(&self.snapshot).remove(key),
                }
            }
            Ok(())
        }
        .boxed()
    }
}

impl Remote {
    fn reads(&self) -> Vec<(String, Freshness)> {
        self.reads.lock().unwrap().clone()
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::ConfigMap, "ns", name)
}

fn config_map(name: &str, next: &str) -> Object {
    let json = format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"ns","annotations":{{"plumbline.dev/next":"{next}"}}}}}}"#
    );
    Object::from_json(Kind::ConfigMap, json.as_bytes()).unwrap().1
}

/// Follows `ConfigMap`s that name one another, as a walk follows references; returns the way.
fn follow(snapshot: &Snapshot, first: &str) -> (Vec<String>, BTreeSet<Need>) {
    let (mut way, mut needs, mut name) = (Vec::new(), BTreeSet::new(), first.to_owned());
    loop {
        needs.insert(Need::Object(key(&name)));
        let Lookup::Present(object) = snapshot.object(&key(&name)) else { return (way, needs) };
        way.push(name);
        name = object.meta().annotations["plumbline.dev/next"].to_string();
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn text(error: &GatherError) -> String {
    error.to_string()
}

#[tokio::test]
async fn what_an_answer_leads_to_is_read_as_well() {
    let remote = Remote { objects: [("a", "b"), ("b", "c"), ("c", "end")].into(), ..Remote::default() };

    let way = settle(&remote, |snapshot| follow(snapshot, "a"), |_| false, soon()).await;

    assert_eq!(way.unwrap(), ["a", "b", "c"]);
    let read: Vec<_> = remote.reads().into_iter().map(|(what, _)| what).collect();
    assert_eq!(read, ["ConfigMap ns/a", "ConfigMap ns/b", "ConfigMap ns/c", "ConfigMap ns/end"]);
}

#[tokio::test]
async fn a_judgement_stands_where_everything_is_found_as_it_was_known() {
    let remote = Remote { objects: [("a", "b"), ("b", "end")].into(), ..Remote::default() };
    for (name, next) in [("a", "b"), ("b", "end")] {
        write(&remote.snapshot).insert(key(name), config_map(name, next));
    }

    let mut judgements = 0;
    let judge = |snapshot: &Snapshot| {
        judgements += 1;
        follow(snapshot, "a")
    };
    let way = settle(&remote, judge, |_| false, soon()).await;

    assert_eq!(way.unwrap(), ["a", "b"]);
    assert_eq!((judgements, remote.reads().len()), (1, 3));
}

#[tokio::test]
async fn what_is_known_already_is_read_anew_in_one_round() {
    let remote = Remote { objects: [("a", "b"), ("b", "end")].into(), ..Remote::default() };
    write(&remote.snapshot).insert(key("a"), config_map("a", "old"));
    write(&remote.snapshot).insert(key("old"), config_map("old", "end"));

    let mut judgements = 0;
    let judge = |snapshot: &Snapshot| {
        judgements += 1;
        follow(snapshot, "a")
    };
    let way = settle(&remote, judge, |_| true, soon()).await;

    assert_eq!(way.unwrap(), ["a", "b"]);
    assert_eq!(judgements, 3);
}

#[tokio::test]
async fn nothing_is_read_for_a_judgement_that_rests_on_nothing() {
    let remote = Remote::default();
    let answer = settle(&remote, |_| (7, BTreeSet::new()), |_| true, soon()).await;
    assert_eq!(answer, Ok(7));
    assert!(remote.reads().is_empty());
}

#[tokio::test]
async fn only_a_grave_answer_waits_for_consistent_collections() {
    let pods = Need::Pods(PodQuery { namespace: "ns".into(), selector: [("app".into(), "gw".into())].into() });
    let services = Need::Services("ns".into());
    let service = Need::Object(ObjectKey::new(Kind::Service, "ns", "gw"));
    let needs: BTreeSet<_> = [pods, services, service].into();
    let read_for = async |grave: bool| {
        let remote = Remote::default();
        settle(&remote, |_| ((), needs.clone()), |()| grave, soon()).await.unwrap();
        remote.reads()
    };
    let recent = [
        ("Service ns/gw".to_owned(), Freshness::Recent),
        ("the Services in namespace ns".to_owned(), Freshness::Recent),
        ("the pods with app=gw in namespace ns".to_owned(), Freshness::Recent),
    ];
    assert_eq!(read_for(false).await, recent);
    // The object itself was read consistently in the first round.
    let again = [
        ("the Services in namespace ns".to_owned(), Freshness::Consistent),
        ("the pods with app=gw in namespace ns".to_owned(), Freshness::Consistent),
    ];
    assert_eq!(read_for(true).await, [&recent[..], &again[..]].concat());
}

#[tokio::test]
async fn an_answer_that_keeps_asking_is_given_up() {
    // A cluster in which every read finds something new.
    let names = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"];
    let remote = Remote { objects: names.map(|name| (name, "end")).into(), ..Remote::default() };
    let mut asked = 0;
    let judge = |_: &Snapshot| {
        asked += 1;
        ((), BTreeSet::from([Need::Object(key(&format!("c{asked}")))]))
    };
    let error = settle(&remote, judge, |()| false, soon()).await.unwrap_err();
    assert_eq!(
        text(&error),
        "after 8 rounds of reading the verdict still rests on ConfigMap ns/c9: please report this as a bug"
    );
}

#[tokio::test]
async fn the_deadline_is_an_error_that_names_what_was_missing() {
    let remote = Remote { pause: Duration::from_mins(1), ..Remote::default() };
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = settle(&remote, |snapshot| follow(snapshot, "a"), |_| false, deadline).await.unwrap_err();
    assert_eq!(
        text(&error),
        "the deadline passed while reading ConfigMap ns/a: the API server answers too slowly, or timeoutSeconds of the \
         webhook is too low"
    );
    assert!(Instant::now() < deadline + Duration::from_secs(10));
}

#[tokio::test]
async fn a_failed_read_is_an_error_and_no_verdict() {
    let remote = Remote { broken: true, ..Remote::default() };
    write(&remote.snapshot).insert(key("a"), config_map("a", "end"));
    let error = settle(&remote, |snapshot| follow(snapshot, "a"), |_| false, soon()).await.unwrap_err();
    assert_eq!(text(&error), "it could not be read: connection refused");
}

#[tokio::test]
async fn objects_that_do_not_change_are_judged_once_and_see_what_is_admitted() {
    let fixed = Fixed::new(Snapshot::default());
    fixed.admit(vec![(key("a"), Some(config_map("a", "b"))), (key("b"), Some(config_map("b", "end")))]);
    let way = async || settle(&fixed, |snapshot| follow(snapshot, "a"), |_| true, soon()).await.unwrap();
    assert_eq!(way().await, ["a", "b"]);
    fixed.admit(vec![(key("b"), None)]);
    assert_eq!(way().await, ["a"]);
}

#[tokio::test]
async fn a_review_can_move_between_threads() {
    let remote: Arc<dyn Source> = Arc::new(Fixed::default());
    let review = async move { settle(&*remote, |_| (Box::new(1), BTreeSet::new()), |_| true, soon()).await };
    assert_eq!(tokio::spawn(review).await.unwrap(), Ok(Box::new(1)));
}
