//! Proves what the live source promises against a real API server: reviews see what was written before they began.

mod compaction;
mod review;
mod writer;

use std::collections::BTreeSet;
use std::time::Duration;

use plumbline::cluster::Cluster;
use plumbline::gather::GatherError;
use plumbline::object::Kind;
use plumbline::view::{Lookup, View};
use serde_json::json;

use crate::control_plane::{ControlPlane, User};
use review::{access_role, connect, host_of, look, look_lightly, options, start, why};
use writer::{Writer, gateway, service, service_path};

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_once_synced() {
    let control_plane = ControlPlane::shared();
    control_plane.install_upstream_crds();
    let writer = Writer::new(control_plane, "synced").await;
    writer.apply("/apis/networking.istio.io/v1/namespaces/synced/gateways/gw", gateway("gw", "a.example.com")).await;
    writer.apply(&service_path("synced", "svc"), service("svc", 80)).await;
    writer
        .apply(
            "/apis/serving.kserve.io/v1beta1/namespaces/synced/inferenceservices/iris",
            json!({
                "apiVersion": "serving.kserve.io/v1beta1",
                "kind": "InferenceService",
                "metadata": {"name": "iris"},
                "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}},
            }),
        )
        .await;
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inferenceservice-config"}, "data": {"ingress": "{}"},
    });
    writer.apply("/api/v1/namespaces/synced/configmaps/inferenceservice-config", config).await;

    let cluster = start(control_plane, User::Admin, "synced").await;

    assert!(cluster.synced() && cluster.unsynced().is_empty() && cluster.staleness().is_none());
    let snapshot = plumbline::gather::Source::snapshot(&cluster).read().unwrap();
    let view = View::of(&snapshot);
    assert_eq!(host_of(&view.gateway("synced", "gw")).as_deref(), Some("a.example.com"));
    assert!(matches!(view.service("synced", "svc"), Lookup::Present(_)));
    assert!(view.population().has_name("iris"));
    assert!(view.namespaces().iter().any(|(name, _)| &**name == "synced"));
    assert!(view.namespaces_of_config_map("inferenceservice-config").contains("synced"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_sees_every_write_that_came_before_it() {
    let control_plane = ControlPlane::shared();
    control_plane.install_upstream_crds();
    let writer = Writer::new(control_plane, "ryw").await;
    let cluster = start(control_plane, User::Admin, "ryw").await;
    let selector = [("app".into(), "gw".into())].into();

    for round in 0..100_u16 {
        // Named objects of two kinds, alternately, a Service that nothing names, and a pod.
        if round % 2 == 0 {
            let host = format!("h{round}.example.com");
            let path = "/apis/networking.istio.io/v1/namespaces/ryw/gateways/gw";
            writer.apply(path, gateway("gw", &host)).await;
            let seen = look(&cluster, |view| host_of(&view.gateway("ryw", "gw"))).await.unwrap();
            assert_eq!(seen, Some(host), "round {round}");
        } else {
            writer.apply(&service_path("ryw", "named"), service("named", round)).await;
            let seen = look(&cluster, |view| view.service("ryw", "named")).await.unwrap().present().unwrap();
            assert_eq!(seen.ports[0].port, round, "round {round}");
        }
        if round % 10 == 0 {
            let name = format!("unnamed-{round}");
            writer.apply(&service_path("ryw", &name), service(&name, 80)).await;
            let names = look(&cluster, |view| {
                let services = view.services_in("ryw").present().unwrap_or_default();
                services.iter().map(|service| service.key.name.to_string()).collect::<BTreeSet<_>>()
            });
            assert!(names.await.unwrap().contains(&name), "round {round}");

            writer.apply_pod("ryw", &format!("pod-{round}"), &format!("v{round}")).await;
            let versions = look(&cluster, |view| {
                let pods = view.pods("ryw", &selector).present().unwrap_or_default();
                pods.iter().map(|pods| pods.labels["version"].to_string()).collect::<BTreeSet<_>>()
            });
            assert!(versions.await.unwrap().contains(&format!("v{round}")), "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn named_objects_are_fresh_for_an_answer_that_is_not_grave_too() {
    let control_plane = ControlPlane::shared();
    control_plane.install_upstream_crds();
    let writer = Writer::new(control_plane, "light").await;
    let cluster = start(control_plane, User::Admin, "light").await;

    for round in 1..=100_u16 {
        writer.apply(&service_path("light", "named"), service("named", round)).await;
        let look = look_lightly(&cluster, |view| {
            view.services_in("light");
            view.service("light", "named")
        });
        let seen = look.await.unwrap().present().unwrap();
        assert_eq!(seen.ports[0].port, round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_is_seen_and_so_is_what_comes_after_it() {
    let control_plane = ControlPlane::shared();
    control_plane.install_upstream_crds();
    let writer = Writer::new(control_plane, "deleted").await;
    let cluster = start(control_plane, User::Admin, "deleted").await;
    let path = "/apis/networking.istio.io/v1/namespaces/deleted/gateways/gw";

    for round in 0..20 {
        let host = format!("h{round}.example.com");
        writer.apply(path, gateway("gw", &host)).await;
        assert_eq!(look(&cluster, |view| host_of(&view.gateway("deleted", "gw"))).await.unwrap(), Some(host));
        writer.delete(path).await;
        assert_eq!(look(&cluster, |view| view.gateway("deleted", "gw")).await.unwrap(), Lookup::Absent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_are_grouped_and_workloads_stand_in_for_none() {
    let control_plane = ControlPlane::shared();
    let writer = Writer::new(control_plane, "pods").await;
    let cluster = start(control_plane, User::Admin, "pods").await;
    let selector = [("app".into(), "gw".into())].into();
    let found = async || {
        let pods = look(&cluster, |view| view.pods("pods", &selector)).await.unwrap().present().unwrap();
        pods.iter().map(|pods| pods.example.to_string()).collect::<Vec<_>>()
    };
    assert!(found().await.is_empty());

    writer
        .apply(
            "/apis/apps/v1/namespaces/pods/deployments/gw",
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "gw"},
                "spec": {
                    "selector": {"matchLabels": {"app": "gw"}},
                    "template": {
                        "metadata": {"labels": {"app": "gw"}},
                        "spec": {"containers": [{"name": "proxy", "image": "proxy"}]},
                    },
                },
            }),
        )
        .await;
    assert_eq!(found().await, ["Deployment pods/gw"]);

    writer.apply_pod("pods", "a", "one").await;
    writer.apply_pod("pods", "b", "one").await;
    writer.apply_pod("pods", "c", "two").await;
    assert_eq!(found().await, ["Pod pods/a", "Pod pods/c"]);

    writer.end_pod("pods", "c").await;
    assert_eq!(found().await, ["Pod pods/a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_named_and_makes_unknown() {
    let control_plane = ControlPlane::shared();
    control_plane.install_upstream_crds();
    let connection = connect(control_plane, User::Restricted).await;
    let cluster = Cluster::start(connection.client, &options("forbidden"));
    let everywhere = |plural| format!("forbidden: grant \"list\" and \"watch\" on {plural} in every namespace");
    let told = async || {
        while cluster.watches().iter().any(|watch| watch.broken.is_none()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told()).await.unwrap();

    // A refusal is an answer: it holds up nobody, and what it hides is unknown.
    let gateways = cluster.watches().into_iter().find(|watch| watch.kind == Kind::IstioGateway).unwrap();
    assert_eq!(gateways.broken.map(|(_, why)| why), Some(everywhere("gateways.networking.istio.io")));
    let labels = [("app".into(), "gw".into())].into();
    let seen = look(&cluster, |view| {
        [
            why(&view.service("istio-system", "gw")),
            why(&view.config_map("forbidden", "config-istio")),
            why(&view.services_in("istio-system")),
            why(&view.pods("istio-system", &labels)),
            view.gateways_unread().map(|why| why.to_string()),
            view.population_unread().map(|why| why.to_string()),
        ]
    });
    let expected = [
        "forbidden: grant \"get\" on services in namespace istio-system".to_owned(),
        "forbidden: grant \"get\" on configmaps in namespace forbidden".to_owned(),
        everywhere("services"),
        "forbidden: grant \"list\" on pods in namespace istio-system".to_owned(),
        everywhere("gateways.networking.istio.io"),
        everywhere("inferenceservices.serving.kserve.io"),
    ];
    assert_eq!(seen.await.unwrap(), expected.map(Some));
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_that_come_later_are_found_and_the_declared_rights_suffice() {
    let control_plane = ControlPlane::start();
    let writer = Writer::new(&control_plane, "late").await;
    let role = access_role("late", User::Restricted);
    control_plane.apply(&role, &["--server-side"]).expect_success();
    let cluster = start(&control_plane, User::Restricted, "late").await;
    let gateway_of = |view: &View<'_>| (view.gateway("late", "gw"), view.gateways_unread());

    let (named, wide) = look(&cluster, gateway_of).await.unwrap();
    let reason = "the kind is not installed: install Istio's custom resource definitions";
    assert_eq!((why(&named).as_deref(), wide.as_deref()), (Some(reason), Some(reason)));
    let missing: Vec<_> = cluster.watches().iter().filter(|watch| !watch.installed).map(|watch| watch.kind).collect();
    assert_eq!(missing, [Kind::IstioGateway, Kind::KnativeServing, Kind::InferenceService]);
    let serving = |view: &View<'_>| (view.knative_servings().len(), view.population_unread());
    assert_eq!(look(&cluster, serving).await.unwrap(), (0, None));

    control_plane.install_upstream_crds();
    writer.apply("/apis/networking.istio.io/v1/namespaces/late/gateways/gw", gateway("gw", "late.example.com")).await;
    // Named objects at once, the wide questions as soon as the watch has found the kind.
    let (named, _) = look(&cluster, gateway_of).await.unwrap();
    assert_eq!(host_of(&named).as_deref(), Some("late.example.com"));
    let all_installed = async || {
        while cluster.watches().iter().any(|watch| !watch.installed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_installed()).await.unwrap();

    // Whatever a verdict can rest on, with no right but the declared ones.
    let selector = [("app".into(), "gw".into())].into();
    let unknown = look(&cluster, |view| {
        let (named, wide) = gateway_of(view);
        let objects = [
            (Kind::ConfigMap, "inferenceservice-config"),
            (Kind::ConfigMap, "config-istio"),
            (Kind::ConfigMap, "config-domain"),
            (Kind::ConfigMap, "config-network"),
            (Kind::Deployment, "gw"),
            (Kind::GatewayApiGateway, "gw"),
            (Kind::KnativeServing, "knative-serving"),
        ];
        let objects =
            objects.map(|(kind, name)| why(&view.object(&plumbline::object::ObjectKey::new(kind, "late", name))));
        view.is_namespace_terminating("late");
        let others = [
            why(&named),
            wide.map(|why| why.to_string()),
            why(&view.service("late", "gw")),
            why(&view.services_in("late")),
            why(&view.pods("late", &selector)),
            view.population_unread().map(|why| why.to_string()),
        ];
        objects.into_iter().chain(others).flatten().collect::<Vec<_>>()
    });
    assert!(unknown.await.unwrap().is_empty());
    assert!(cluster.synced() && cluster.staleness().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_api_server_is_found_again() {
    let control_plane = ControlPlane::start();
    control_plane.install_upstream_crds();
    let writer = Writer::new(&control_plane, "restart").await;
    let cluster = start(&control_plane, User::Admin, "restart").await;
    writer.apply(&service_path("restart", "svc"), service("svc", 1)).await;
    let port = async || {
        look(&cluster, |view| view.service("restart", "svc").present().map(|service| service.ports[0].port)).await
    };
    assert_eq!(port().await, Ok(Some(1)));

    control_plane.stop_api_server();
    // Nothing may be said from what was known before.
    assert!(matches!(port().await, Err(GatherError::Read(_))));
    let broken = async || {
        while cluster.staleness().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), broken()).await.unwrap();
    assert!(cluster.synced());

    control_plane.restart_api_server();
    let writer = Writer::new(&control_plane, "again").await;
    writer.apply(&service_path("restart", "svc"), service("svc", 2)).await;
    assert_eq!(port().await, Ok(Some(2)));
    let whole = async || {
        while cluster.staleness().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), whole()).await.unwrap();
    // The watches go on where they were, and see what was written since.
    let found = async || loop {
        let snapshot = plumbline::gather::Source::snapshot(&cluster);
        if View::of(&snapshot.read().unwrap()).namespaces().iter().any(|(name, _)| &**name == "again") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    tokio::time::timeout(Duration::from_secs(30), found()).await.unwrap();
}
