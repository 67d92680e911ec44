//! net-istio's probe (12.2): which gateway keeps a new service from becoming Ready.

use plumbline::model::version::Release;
use plumbline::object::Kind::{ConfigMap, IstioGateway, Service};
use plumbline::walk::RequestKind::Readiness;
use serde_json::json;

use crate::cluster::Cluster;
use crate::outcome::outcome;
use crate::{compare, pilot, settings};

const CUSTOM: &str = "istio-system/custom-local-gateway";

/// Knative on the custom Gateway, whose Service carries the labels that the Gateway selects pods by.
fn custom(hosts: &[&str], labels: serde_json::Value) -> Cluster {
    let list = "- name: custom-local-gateway\n  namespace: istio-system\n  service: custom-local-gateway.istio-system.svc.cluster.local\n";
    pilot()
        .edited(ConfigMap, "knative-serving/config-istio", |manifest| manifest["data"]["local-gateways"] = list.into())
        .edited(IstioGateway, CUSTOM, |manifest| manifest["spec"]["servers"][0]["hosts"] = hosts.into())
        .edited(Service, CUSTOM, |manifest| manifest["metadata"]["labels"] = labels)
}

#[test]
fn gateways_are_probed_with_the_shortest_host() {
    let labelled = || json!({"istio": "custom-local-gateway"});
    let full_only = ["*.online-serving.svc.cluster.local"];
    let other_port = custom(&full_only, labelled()).edited(IstioGateway, CUSTOM, |manifest| {
        manifest["spec"]["servers"][0]["port"]["number"] = 8080.into();
    });
    let redirecting = custom(&full_only, labelled()).edited(IstioGateway, CUSTOM, |manifest| {
        manifest["spec"]["servers"][0]["tls"] = json!({"httpsRedirect": true});
    });
    let unselective = custom(&full_only, labelled()).edited(IstioGateway, CUSTOM, |manifest| {
        manifest["spec"]["selector"] = json!({});
    });
    let shipped = |hosts: &[&str]| {
        pilot().edited(IstioGateway, "knative-serving/knative-local-gateway", |manifest| {
            manifest["spec"]["servers"][0]["hosts"] = hosts.into();
        })
    };
    let external = |hosts: &[&str]| {
        pilot()
            .edited(IstioGateway, "knative-serving/knative-ingress-gateway", |manifest| {
                manifest["spec"]["servers"][0]["hosts"] = hosts.into();
            })
            .edited(Service, "istio-system/istio-ingressgateway", |manifest| {
                manifest["metadata"]["labels"] = json!({"istio": "ingressgateway"});
            })
    };
    let rows = [
        ("stock", pilot(), "reached"),
        ("public, Knative's host covered", external(&["*.online-serving.example.com"]), "reached"),
        ("public, only KServe's host covered", external(&["iris.online-serving.example.com"]), "R probe not covered"),
        ("stock: the local Gateway is not probed", shipped(&full_only), "reached"),
        (
            "the Gateway is missing",
            pilot().without(IstioGateway, "knative-serving/knative-local-gateway"),
            "R no such gateway",
        ),
        (
            "the external Gateway is missing",
            pilot().without(IstioGateway, "knative-serving/knative-ingress-gateway"),
            "R no such gateway",
        ),
        ("probed, the short form covered", custom(&["*.online-serving"], labelled()), "reached"),
        ("probed, the short form not covered", custom(&full_only, labelled()), "R probe not covered"),
        ("a Service without labels", custom(&full_only, json!({})), "reached"),
        ("labels of no Gateway", custom(&full_only, json!({"istio": "other"})), "reached"),
        ("no Service port of the server's number", other_port, "reached"),
        ("a redirect", redirecting, "reached"),
        ("a Gateway without selector", unselective, "reached"),
    ];
    let settings = settings(Release::new(1, 22));
    compare(rows.map(|(row, cluster, expected)| {
        (row.to_owned(), expected.to_owned(), outcome(&cluster, &settings, "online-serving/iris", &Readiness))
    }));
}
