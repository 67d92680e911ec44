//! Changes whose consequences surprise, found by running upstream's code over thousands of edits.

use plumbline::engine::JudgeSettings;
use plumbline::model::version::Release;
use plumbline::object::Kind::{ConfigMap, IstioGateway, KnativeServing, Service};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::distributions::{KSERVE, LOCAL, ingress};
use crate::{assert_admitted, assert_refused, judged, stock};

const ISTIO: &str = "knative-serving/config-istio";
const DOMAIN: &str = "knative-serving/config-domain";
const ENTRY: &str = "istio-system/istio-ingressgateway";

fn settings() -> JudgeSettings {
    let mut settings = JudgeSettings::default();
    settings.facts.versions.knative = Some(Release::new(1, 21));
    settings
}

fn set(cluster: &Cluster, field: &str, value: impl Into<Value>) -> Cluster {
    ingress(cluster, KSERVE, |ingress| ingress[field] = value.into())
}

fn local_gateways(cluster: &Cluster, list: &str) -> Cluster {
    cluster.clone().edited(ConfigMap, ISTIO, |manifest| manifest["data"]["local-gateways"] = list.into())
}

fn isvc(spec: &Value) -> Cluster {
    let manifest = json!({
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"name": "iris", "namespace": "models"}, "spec": spec,
    });
    stock().with(&manifest.to_string())
}

/// The default gateway, and one that does not exist for what a selector selects.
fn labelled(selector: &str) -> String {
    let entry = |name: &str| {
        format!(
            "- name: {name}\n  namespace: knative-serving\n  service: knative-local-gateway.istio-system.svc.cluster.local\n"
        )
    };
    format!("{}{}  labelSelector: {selector}\n", entry("knative-local-gateway"), entry("nope"))
}

#[test]
fn gateway_lists_select_by_labels_that_kserve_and_knative_add() {
    for selector in [
        "{matchLabels: {component: predictor}}",
        "{matchLabels: {serving.kserve.io/inferenceservice: iris}}",
        "{matchLabels: {serving.knative.dev/routeNamespace: models}}",
        "{matchLabels: {serving.knative.dev/service: iris-predictor}}",
        "{matchExpressions: [{key: tier, operator: DoesNotExist}]}",
    ] {
        let changed = local_gateways(&stock(), &labelled(selector));
        assert_refused(selector, &stock(), &changed, &settings(), "no-virtual-host at L7");
    }
    for selector in ["{matchLabels: {component: transformer}}", "{matchLabels: {tier: gold}}"] {
        assert_admitted(selector, &stock(), &local_gateways(&stock(), &labelled(selector)), &settings());
    }
    let component = isvc(&json!({"predictor": {"labels": {"tier": "gold"}}}));
    let gold = local_gateways(&component, &labelled("{matchLabels: {tier: gold}}"));
    assert_refused("a label of the predictor", &component, &gold, &settings(), "no-virtual-host at L7");
}

#[test]
fn transformers_and_explainers_are_backends_of_their_own() {
    let hosts = |cluster: &Cluster, hosts: &[&str]| {
        cluster.clone().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["servers"][0]["hosts"] = hosts.into())
    };
    let exact = ["iris.models.svc.cluster.local", "iris-predictor.models.svc.cluster.local"];
    assert_admitted("the two hosts of a predictor", &stock(), &hosts(&stock(), &exact), &settings());
    let transformer =
        isvc(&json!({"predictor": {}, "transformer": {"containers": [{"args": ["--predictor_host=x"]}]}}));
    assert_refused("a transformer", &transformer, &hosts(&transformer, &exact), &settings(), "no-virtual-host at L7");
    let with_front = [exact[0], "iris-transformer.models.svc.cluster.local"];
    assert_admitted("its transformer's host", &transformer, &hosts(&transformer, &with_front), &settings());
    let caller = isvc(&json!({"predictor": {}, "transformer": {"containers": [{}]}}));
    let full = hosts(&caller, &["*.svc.cluster.local"]);
    assert_refused("a transformer calls the short name", &caller, &full, &settings(), "no-virtual-host at L7");
    let explained = isvc(&json!({"predictor": {}, "explainer": {"containers": [{"args": ["--predictor_host=x"]}]}}));
    assert_refused("an explainer", &explained, &hosts(&explained, &exact), &settings(), "no-virtual-host at L7");
}

#[test]
fn public_names_that_end() {
    let domains =
        |cluster: &Cluster, data: Value| cluster.clone().edited(ConfigMap, DOMAIN, |manifest| manifest["data"] = data);
    let end = "no-external-entry at E1";
    assert_refused("the domain removed", &stock(), &domains(&stock(), json!({})), &settings(), end);
    assert_refused(
        "the cluster's own domain",
        &stock(),
        &domains(&stock(), json!({"svc.cluster.local": ""})),
        &settings(),
        end,
    );
    assert_refused("config-domain deleted", &stock(), &stock().without(ConfigMap, DOMAIN), &settings(), end);
    assert_refused("a domain without entry", &stock(), &domains(&stock(), json!({"other.org": ""})), &settings(), end);
    let two = json!({"example.com": "", "gold.org": "selector:\n  tier: gold\n"});
    assert_admitted("a domain for others", &stock(), &domains(&stock(), two), &settings());
    let below = json!({"apps.example.com": ""});
    assert_admitted("a domain below", &stock(), &domains(&stock(), below), &settings());
    let local = stock().edited(plumbline::object::Kind::InferenceService, "models/iris", |manifest| {
        manifest["metadata"]["labels"]["networking.knative.dev/visibility"] = "cluster-local".into();
    });
    assert_admitted("nobody public", &local, &domains(&local, json!({})), &settings());
    let extra = set(&stock(), "additionalIngressDomains", json!(["sub.example.com"]));
    let judgement = judged(&extra, &stock(), &settings());
    assert_eq!(judgement.verdict, plumbline::engine::Verdict::Allow, "a domain let go of on purpose");
}

#[test]
fn paths_that_kserve_cannot_make() {
    let with = |template: &str| set(&stock(), "pathTemplate", template);
    assert_admitted("a path", &with("/a/{{ .Name }}"), &with("/b/{{ .Namespace }}/{{ .Name }}"), &settings());
    let impossible = [
        "/a/{{ .Model }}",
        "a/{{ .Name }}",
        "/a/{{ Name }}",
        "//a/{{ .Name }}",
        "/a%/{{ .Name }}",
        "/{{ .Name | lower }}",
    ];
    for template in impossible {
        assert_refused(template, &with("/a/{{ .Name }}"), &with(template), &settings(), "controller-error");
    }
}

#[test]
fn services_that_change_their_kind() {
    let local = "istio-system/knative-local-gateway";
    let spec =
        |name: &str, edit: &dyn Fn(&mut Value)| stock().edited(Service, name, |manifest| edit(&mut manifest["spec"]));
    let kind = |name: &str, kind: &str| spec(name, &|spec| spec["type"] = kind.into());
    assert_admitted("NodePort", &stock(), &kind(local, "NodePort"), &settings());
    assert_admitted("LoadBalancer", &stock(), &kind(local, "LoadBalancer"), &settings());
    assert_refused("no load balancer", &stock(), &kind(ENTRY, "ClusterIP"), &settings(), "no-external-entry at E1");
    let judgement = judged(&stock(), &kind(ENTRY, "NodePort"), &settings());
    assert!(judgement.findings[0].remedies[0].text().ends_with("to LoadBalancer"), "{:?}", judgement.findings);
    let headless = spec(local, &|spec| spec["clusterIP"] = "None".into());
    assert_refused("headless", &stock(), &headless, &settings(), "no-listener at L3");
    let alias = |target: &str| spec(local, &|spec| *spec = json!({"type": "ExternalName", "externalName": target}));
    let entry = alias("istio-ingressgateway.istio-system.svc.cluster.local");
    assert_refused("an alias of other ports", &stock(), &entry, &settings(), "no-virtual-host at L4");
    let nothing = alias("nope.istio-system.svc.cluster.local");
    assert_refused("an alias of nothing", &stock(), &nothing, &settings(), "no-such-service at L2");
    assert_admitted("a name of somebody else", &stock(), &alias("gateway.example.net"), &settings());
}

#[test]
fn destinations_in_other_spellings() {
    let host = "knative-local-gateway.istio-system.svc.cluster.local";
    let refused = "upstream-no-such-service at L5";
    for destination in [
        &host.to_uppercase(),
        &format!("{host}."),
        "knative-local-gateway.istio-system",
        "gw.istio-system.cluster.local",
    ] {
        let changed = set(&stock(), "knativeLocalGatewayService", destination);
        assert_refused(destination, &stock(), &changed, &settings(), refused);
    }
    let dotted = set(&set(&stock(), "knativeLocalGatewayService", host), "localGatewayService", format!("{host}."));
    let before = set(&stock(), "knativeLocalGatewayService", host);
    assert_admitted("DNS takes a trailing dot", &before, &dotted, &settings());
}

#[test]
fn an_empty_list_means_what_the_release_says() {
    let empty = local_gateways(&stock(), "[]");
    assert_admitted("1.21", &stock(), &empty, &settings());
    let mut newer = settings();
    newer.facts.versions.knative = Some(Release::new(1, 22));
    assert_refused("1.22", &stock(), &empty, &newer, "no-virtual-host at L7");
    let mut unknown = settings();
    unknown.facts.versions.knative = None;
    let judgement = judged(&stock(), &empty, &unknown);
    assert_eq!(judgement.verdict, plumbline::engine::Verdict::Allow);
    assert!(!judgement.warnings.is_empty(), "the other meaning is told");
}

#[test]
fn an_operators_list_moves_the_shipped_service() {
    let serving = |list: &str| {
        let manifest = json!({
            "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
            "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
            "spec": {"config": {"domain": {"example.com": ""}, "istio": {"local-gateways": list}}},
        });
        manifest.to_string()
    };
    let entry = |namespace: &str, name: &str| {
        format!(
            "- name: {name}\n  namespace: {namespace}\n  service: knative-local-gateway.istio-system.svc.cluster.local\n"
        )
    };
    let before = stock().with(&serving(&entry("knative-serving", "knative-local-gateway")));
    let typo = before.clone().with(&serving(&entry("knative-serving", "knative-local-gatewy")));
    assert_refused("a typo", &before, &typo, &settings(), "no-virtual-host at L7");
    // The Service that the operator would move stays behind, owned by nobody.
    let plain = stock().with(&serving("").replace(r#","istio":{"local-gateways":""}"#, ""));
    assert_admitted("the documented entry on a running cluster", &plain, &before, &settings());
    let deleted = before.clone().without(KnativeServing, "knative-serving/knative-serving");
    assert_refused("the KnativeServing deleted", &before, &deleted, &settings(), "no-listener at L3");
}

#[test]
fn a_verdict_rests_on_siblings_only_where_a_write_moves_something() {
    let reformatted = stock().edited(ConfigMap, KSERVE, |manifest| {
        let text = manifest["data"]["ingress"].as_str().expect("text");
        manifest["data"]["ingress"] = format!("\n\n{text}").into();
    });
    for (what, changed) in [
        ("a field that no request goes by", set(&stock(), "ingressClassName", "other")),
        ("the same on other lines", reformatted),
    ] {
        assert!(judged(&stock(), &changed, &settings()).needs.is_empty(), "{what}");
    }
    for (what, changed) in [
        ("another name of the same Gateway", set(&stock(), "localGateway", LOCAL_BY_HOST)),
        ("another Gateway for public hosts", set(&stock(), "ingressGateway", LOCAL)),
        ("another mode", set(&stock(), "disableIstioVirtualHost", true)),
        ("a domain", stock().edited(ConfigMap, DOMAIN, |manifest| manifest["data"]["apps.example.com"] = "".into())),
        ("an explicit default", local_gateways(&stock(), SHIPPED_LIST)),
    ] {
        assert!(!judged(&stock(), &changed, &settings()).needs.is_empty(), "{what}");
    }
}

const LOCAL_BY_HOST: &str = "knative-local-gateway.knative-serving.svc.cluster.local";
const SHIPPED_LIST: &str = "[{name: knative-local-gateway, namespace: knative-serving, service: knative-local-gateway.istio-system.svc.cluster.local}]";

/// The code of the first finding of a refused change of the local Gateway, and its message.
fn refused(edit: impl FnOnce(&mut Value)) -> (String, String) {
    let changed = stock().edited(IstioGateway, LOCAL, edit);
    let judgement = judged(&stock(), &changed, &settings());
    let finding = judgement.findings.first().expect("refused");
    (finding.code.to_string(), finding.message.clone())
}

#[test]
fn servers_of_one_gateway_that_want_the_same_port() {
    let (code, message) = refused(|manifest| {
        let tcp = json!({"port": {"number": 8081, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]});
        manifest["spec"]["servers"].as_array_mut().expect("servers").insert(0, tcp);
    });
    assert_eq!(code, "PL112", "{message}");
    assert!(message.contains("istiod drops server 1") && message.contains("its server 0 holds port 8081"), "{message}");
    let (code, message) = refused(|manifest| {
        let other =
            json!({"port": {"number": 8081, "name": "b", "protocol": "HTTP"}, "hosts": ["*"], "bind": "0.0.0.0"});
        manifest["spec"]["servers"].as_array_mut().expect("servers").push(other);
    });
    assert_eq!(code, "PL112", "{message}");
    assert!(message.starts_with("Envoy refuses port 8081"), "{message}");
}

#[test]
fn a_lost_port_is_mended_with_the_one_that_the_pods_declare() {
    // A gateway's number 80 is the pods' 8080 by way of its Service alone, whose port leads to a name that no container has.
    let changed = stock().edited(Service, ENTRY, |manifest| {
        let ports = manifest["spec"]["ports"].as_array_mut().expect("ports");
        let http = ports.iter_mut().find(|port| port["port"] == 80).expect("port 80");
        http["targetPort"] = "web".into();
    });
    let judgement = judged(&stock(), &changed, &settings());
    let finding = judgement.findings.first().expect("refused");
    assert_eq!(finding.code.to_string(), "PL204", "{}", finding.message);
    assert!(finding.remedies[0].text().ends_with("to 8080"), "{}", finding.remedies[0].text());
}

#[test]
fn a_gateway_that_is_only_added_moves_nobody() {
    const KEY: &str = "local-gateway.knative-serving";
    let host = "knative-local-gateway.istio-system.svc.cluster.local";
    let second = stock().objects.values().find(|object| object["metadata"]["name"] == "knative-local-gateway").cloned();
    let mut second = second.expect("the local Gateway");
    second["metadata"]["name"] = "second".into();
    let old_keys =
        |keys: Value| stock().with(&second.to_string()).edited(ConfigMap, ISTIO, |manifest| manifest["data"] = keys);
    let one = old_keys(json!({format!("{KEY}.knative-local-gateway"): host}));
    let both = old_keys(json!({format!("{KEY}.knative-local-gateway"): host, format!("{KEY}.second"): host}));
    let other = old_keys(json!({format!("{KEY}.second"): host}));
    let moves = |before: &Cluster, after: &Cluster| {
        let judgement = judged(before, after, &settings());
        assert!(judgement.findings.is_empty(), "{:?}", judgement.findings);
        judgement.warnings.iter().any(|warning| warning.code.to_string() == "PL504")
    };
    assert!(!moves(&one, &both));
    assert!(moves(&both, &other));
    assert!(moves(&one, &other));
}

#[test]
fn the_operator_undoes_an_edit_that_empties_what_it_ships() {
    let serving = json!({
        "apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
        "spec": {"ingress": {"istio": {"enabled": true}}},
    });
    let cluster = stock().with(&serving.to_string());
    let edited = |cluster: &Cluster, selector: Value| {
        cluster.clone().edited(IstioGateway, LOCAL, |manifest| manifest["spec"]["selector"] = selector)
    };
    let undone = |before: &Cluster, after: &Cluster| {
        let judgement = judged(before, after, &settings());
        judgement.warnings.iter().any(|warning| warning.code.to_string() == "PL501")
    };
    let emptied = edited(&cluster, json!({}));
    assert!(undone(&cluster, &emptied), "no selector is not what the operator ships");
    assert!(!undone(&emptied, &cluster), "back to what it ships");
}
