mod api;

use std::collections::BTreeSet;

use tokio::time::timeout;

use super::*;
use crate::gather;
use crate::object::ObjectKey;
use crate::view::{Lookup, PodQuery, View};
use api::{Api, list, service};

#[test]
fn whatever_is_watched_may_be_watched() {
    for (kind, name, extent) in extents(&ClusterOptions::default()) {
        let reach = match &extent {
            Extent::Named { namespace: Some(_), .. } => Reach::KnativeNamespace,
            _ => Reach::Cluster,
        };
        let granted = ACCESS.iter().any(|access| {
            (access.kind, access.reach) == (kind, reach)
                && ["list", "watch"].iter().all(|verb| access.verbs.contains(verb))
                && name.map_or(access.names.is_empty(), |name| access.names.contains(&name))
        });
        assert!(granted, "{kind} {extent:?}");
    }
}

#[test]
fn rights_are_granted_once_and_to_read_only() {
    let kinds: BTreeSet<_> = ACCESS.iter().map(|access| (access.kind, access.reach == Reach::Cluster)).collect();
    assert_eq!(kinds.len(), ACCESS.len());
    let verbs = ACCESS.iter().flat_map(|access| access.verbs);
    assert!(verbs.into_iter().all(|verb| ["get", "list", "watch"].contains(verb)));
}

const SERVICES: &str = "/api/v1/services?&limit=500";
const IN_NAMESPACE: &str = "/api/v1/namespaces/ns/services?&limit=500";
const ONE: &str = "/api/v1/namespaces/ns/services/x";
const ONE_LISTED: &str = "/api/v1/namespaces/ns/services?&fieldSelector=metadata.name%3Dx&limit=500";
const NOT_FOUND: &str = r#"{"kind":"Status","message":"gone","details":{"name":"x"}}"#;

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::Service, "ns", name)
}

fn reader(api: &Api) -> Reader {
    Reader::new(Requests::new(api.client(), Duration::from_secs(2)), Arc::new(Store::new()))
}

fn names(store: &Store) -> Vec<String> {
    let snapshot = gather::read(store.snapshot());
    snapshot.objects_of(Kind::Service).map(|(key, _)| key.name.to_string()).collect()
}

async fn until(condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), poll).await.unwrap();
}

fn watch(api: &Api) -> (Arc<Reader>, Arc<Health>, JoinSet<()>) {
    let reader = Arc::new(reader(api));
    let health = Arc::new(Health::new(Kind::Service, None, channel::Sender::new(())));
    let watch = Watch { kind: Kind::Service, extent: Extent::All, reader: reader.clone(), health: health.clone() };
    let mut task = JoinSet::new();
    task.spawn(watch.run());
    (reader, health, task)
}

#[tokio::test]
async fn a_watch_follows_a_list_of_all_pages() {
    let api = Api::default();
    api.answer(SERVICES, 200, &list(10, "more", &[service("a", 1)]));
    api.answer("/api/v1/services?&limit=500&continue=more", 200, &list(10, "", &[service("b", 2)]));
    api.stream("resourceVersion=10", &[("ADDED", service("c", 11)), ("DELETED", service("a", 12))]);

    let (reader, health, _task) = watch(&api);

    until(|| names(&reader.store) == ["b", "c"]).await;
    assert!(health.status().synced && health.status().broken.is_none());
}

#[tokio::test]
async fn a_watch_that_has_lost_its_place_lists_again() {
    let api = Api::default();
    api.answer(SERVICES, 200, &list(10, "", &[service("a", 1)]));
    api.stream("resourceVersion=10", &[("ERROR", r#"{"kind":"Status","code":410}"#.to_owned())]);
    api.answer(SERVICES, 200, &list(20, "", &[service("b", 15)]));
    api.stream("resourceVersion=20", &[("BOOKMARK", service("", 21))]);

    let (reader, health, _task) = watch(&api);

    until(|| names(&reader.store) == ["b"] && health.status().broken.is_none()).await;
    assert_eq!(health.status().errors, 1);
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_where_it_was() {
    let api = Api::default();
    api.answer(SERVICES, 200, &list(10, "", &[]));
    api.stream_that_ends("resourceVersion=10", &[("ADDED", service("a", 11)), ("BOOKMARK", service("", 14))]);
    api.stream("resourceVersion=14", &[("ADDED", service("b", 15))]);

    let (reader, _health, _task) = watch(&api);

    until(|| names(&reader.store) == ["a", "b"]).await;
    assert_eq!(api.asked().iter().filter(|path| path.starts_with(SERVICES)).count(), 1);
}

#[tokio::test]
async fn what_is_gone_is_removed_and_what_is_back_is_kept() {
    let api = Api::default();
    let reader = reader(&api);
    let need = Need::Object(key("x"));
    let read = async || {
        reader.read(&need, Freshness::Consistent).await.unwrap();
        names(&reader.store)
    };
    api.answer(ONE, 200, &service("x", 5));
    assert_eq!(read().await, ["x"]);
    // Deleted and created again between the two requests.
    api.answer(ONE, 404, NOT_FOUND);
    api.answer(ONE_LISTED, 200, &list(9, "", &[service("x", 8)]));
    assert_eq!(read().await, ["x"]);
    api.answer(ONE, 404, NOT_FOUND);
    api.answer(ONE_LISTED, 200, &list(11, "", &[]));
    assert!(read().await.is_empty());
    // A watch that lags behind reports what was, and cannot bring it back.
    let late = reading::Reading::parse(Kind::Service, service("x", 8).as_bytes()).unwrap();
    reader.store.upsert(vec![late]);
    assert!(names(&reader.store).is_empty());
}

#[tokio::test]
async fn a_recent_list_is_never_older_than_the_last_one() {
    let api = Api::default();
    let reader = reader(&api);
    let need = Need::Services("ns".into());
    let read = async |freshness| reader.read(&need, freshness).await.unwrap();
    api.answer(IN_NAMESPACE, 200, &list(7, "", &[service("a", 1)]));
    read(Freshness::Recent).await;
    let recent = "/api/v1/namespaces/ns/services?&limit=500&resourceVersion=7&resourceVersionMatch=NotOlderThan";
    api.answer(recent, 200, &list(8, "", &[service("a", 1)]));
    read(Freshness::Recent).await;
    // An API server that lags behind for seconds says so, and is asked to do its best.
    api.answer(&recent.replace("=7", "=8"), 504, r#"{"message":"Too large resource version: 8, current: 6"}"#);
    api.answer(IN_NAMESPACE, 200, &list(9, "", &[service("b", 9)]));
    read(Freshness::Recent).await;
    assert_eq!(names(&reader.store), ["b"]);
}

#[tokio::test]
async fn a_name_that_nothing_can_have_is_never_part_of_a_path() {
    let api = Api::default();
    let reader = reader(&api);
    for (namespace, name) in [("ns", "../secrets/x"), ("ns/../../x", "x"), ("ns", "x?watch=1"), ("", "x"), ("ns", "")] {
        let need = Need::Object(ObjectKey::new(Kind::Service, namespace, name));
        reader.read(&need, Freshness::Consistent).await.unwrap();
    }
    reader.read(&Need::Services("ns/x".into()), Freshness::Consistent).await.unwrap();
    let query = PodQuery { namespace: "ns".into(), selector: [("app".into(), "x,y&limit=1".into())].into() };
    reader.read(&Need::Pods(query.clone()), Freshness::Consistent).await.unwrap();
    assert!(api.asked().is_empty());
    let snapshot = gather::read(reader.store.snapshot());
    assert_eq!(View::of(&snapshot).pods("ns", &query.selector), Lookup::Present(Vec::new()));
}

#[tokio::test]
async fn no_answer_is_an_error_that_says_what_happened() {
    let api = Api::default();
    let reader = reader(&api);
    let need = Need::Object(key("x"));
    let failure = async || reader.read(&need, Freshness::Consistent).await.unwrap_err().to_string();
    api.answer(ONE, 500, r#"{"kind":"Status","message":"etcdserver: request timed out"}"#);
    assert_eq!(
        failure().await,
        "Service ns/x could not be read: the API server answers 500: etcdserver: request timed out"
    );
    api.answer(ONE, 401, "{}");
    assert_eq!(
        failure().await,
        "Service ns/x could not be read: the API server does not accept our credentials (401): renew the token or certificate"
    );
    assert_eq!(reader.requests.counts().failed, 2);
    // Nothing is scripted, so the connection fails, and so does the second attempt.
    assert!(failure().await.starts_with("Service ns/x could not be read: the API server cannot be reached: "));
    assert_eq!(api.asked().iter().filter(|path| *path == ONE).count(), 4);
    // A connection that is lost once is no failure.
    api.lose(ONE);
    api.answer(ONE, 200, &service("x", 1));
    reader.read(&need, Freshness::Consistent).await.unwrap();
    assert_eq!(names(&reader.store), ["x"]);
}
