//! KServe's `data.ingress` as Go's decoder and KServe's checks read it (12.5), by release (2.2, 2.6).

use std::sync::Arc;

use plumbline::model::Meta;
use plumbline::model::config_map::ConfigMap;
use plumbline::model::go_struct::Refusal;
use plumbline::model::kserve_config::KserveConfig;
use plumbline::model::version::{Release, Versions};

use crate::compare;

fn parse(key: &str, text: &str, release: Release) -> Result<KserveConfig, Refusal> {
    let data = std::iter::once((key.to_owned(), Arc::from(text))).collect();
    let config_map = ConfigMap { meta: Meta::default(), data };
    KserveConfig::parse(&config_map, Versions { kserve: Some(release), ..Versions::default() })
}

/// `ok`, or a part of the refusal.
fn check(key: &str, release: Release, rows: &[(&str, &str)]) {
    compare(rows.iter().map(|(text, expected)| {
        let got = match parse(key, text, release) {
            Ok(_) => "ok".to_owned(),
            Err(refusal) if *expected != "ok" && refusal.message.contains(expected) => (*expected).to_owned(),
            Err(refusal) => refusal.message,
        };
        (format!("{key} of {release}: {text}"), (*expected).to_owned(), got)
    }));
}

const NEWEST: Release = Release::new(0, 20);

#[test]
fn what_go_refuses() {
    check(
        "ingress",
        NEWEST,
        &[
            (r#"{"ingressGateway":"a/b"}"#, "ok"),
            (r#"{"ingressGateway":"a/b",}"#, "invalid character"),
            ("null", "panic"),
            ("", "unexpected end"),
            ("{}", "ingressGateway is required"),
            ("[]", "cannot unmarshal array"),
            (r#""x""#, "cannot unmarshal string"),
            (r#"{"INGRESSGATEWAY":"a/b"}"#, "ok"),
            (r#"{"ingressGateway":null}"#, "ingressGateway is required"),
            (r#"{"ingressGateway":1}"#, "cannot unmarshal number"),
            (r#"{"ingressGateway":"a/b"} x"#, "after top-level value"),
            ("// x\n{}", "invalid character"),
            (r#"{"ingressGateway":"a/b","disableIstioVirtualHost":"true"}"#, "cannot unmarshal string"),
            (r#"{"ingressGateway":"a/b","additionalIngressDomains":"x"}"#, "cannot unmarshal string"),
            (r#"{"ingressGateway":"a/b","anything":1}"#, "ok"),
            (r#"{"ingressGateway":"a/b","enableLLMInferenceServiceTLS":"true"}"#, "cannot unmarshal string"),
            (r#"{"ingressGateway":"a/b","modelBasedRoutingMode":true}"#, "cannot unmarshal bool"),
        ],
    );
}

#[test]
fn what_kserve_refuses() {
    check(
        "ingress",
        NEWEST,
        &[
            (r#"{"ingressGateway":"a/b","enableGatewayApi":true}"#, "kserveIngressGateway is required"),
            (r#"{"ingressGateway":"a/b","enableGatewayApi":true,"kserveIngressGateway":"x"}"#, "<namespace>/<name>"),
            (r#"{"ingressGateway":"a/b","enableGatewayApi":true,"kserveIngressGateway":"a/b.c"}"#, "DNS labels"),
            (r#"{"ingressGateway":"a/b","enableGatewayApi":true,"kserveIngressGateway":"a/b"}"#, "ok"),
            (r#"{"ingressGateway":"a/b","kserveIngressGateway":"x"}"#, "ok"),
            (r#"{"ingressGateway":"a/b","pathTemplate":"/{{ .Name }}"}"#, "ingressDomain is required"),
            (r#"{"ingressGateway":"a/b","pathTemplate":"/{{ .Name }/","ingressDomain":"x.org"}"#, "pathTemplate"),
            (r#"{"ingressGateway":"a/b","pathTemplate":"/{{ .Name }}","ingressDomain":"x.org"}"#, "ok"),
        ],
    );
    check(
        "deploy",
        NEWEST,
        &[
            (r#"{"defaultDeploymentMode":"Knative"}"#, "ok"),
            (r#"{"defaultDeploymentMode":"Serverless"}"#, "ok"),
            (r#"{"defaultDeploymentMode":"RawDeployment"}"#, "ok"),
            (r#"{"defaultDeploymentMode":"knative"}"#, "deployment mode"),
            ("{}", "defaultDeploymentMode is required"),
        ],
    );
}

#[test]
fn releases_differ() {
    check("ingress", Release::new(0, 13), &[(r#"{"ingressGateway":"a/b"}"#, "ingressService is required")]);
    check("ingress", Release::new(0, 14), &[(r#"{"ingressGateway":"a/b","enableGatewayApi":"x"}"#, "ok")]);
    check("ingress", Release::new(0, 17), &[(r#"{"ingressGateway":"a/b","disableHTTPRouteTimeout":"x"}"#, "ok")]);
    check("deploy", Release::new(0, 15), &[(r#"{"defaultDeploymentMode":"Knative"}"#, "deployment mode")]);
    check("deploy", Release::new(0, 16), &[(r#"{"defaultDeploymentMode":"Standard"}"#, "ok")]);
    let destination = r#"{"ingressGateway":"a/b","localGatewayService":"old","knativeLocalGatewayService":"new"}"#;
    let at = |minor| {
        let config = parse("ingress", destination, Release::new(0, minor));
        config.map(|config| config.knative_local_gateway_service.value).map_err(|refusal| refusal.message)
    };
    assert_eq!(at(14).as_deref(), Ok("new"), "since 0.14");
    assert!(at(13).is_err(), "ingressService is required up to 0.13");
}

#[test]
fn values() {
    let read = |text: &str| parse("ingress", text, NEWEST).expect("it parses");
    let duplicate = read(r#"{"ingressGateway":"a/b","LocalGateway":"x/y","localGateway":" z/w "}"#);
    assert_eq!(duplicate.local_gateway.value, " z/w ", "the last of duplicates, spaces and all");
    let fallback = read(r#"{"ingressGateway":"a/b","localGatewayService":"s"}"#);
    assert_eq!(fallback.knative_local_gateway_service.value, "s");
    assert_eq!((fallback.ingress_domain.value.as_str(), fallback.url_scheme.value.as_str()), ("example.com", "http"));
    let null = read(r#"{"ingressGateway":"a/b","ingressGateway":null}"#);
    assert_eq!(null.ingress_gateway.value, "a/b", "null leaves a string as it is");
}

#[test]
fn objects_that_are_refused_when_written() {
    let refused = |field: &str, value: &str| {
        let mut ingress = serde_json::json!({
            "ingressGateway": "a/b", "localGateway": "a/b", "localGatewayService": "c.d.svc.cluster.local",
        });
        ingress[field] = value.into();
        ingress["ingressDomain"] = "example.org".into();
        !parse("ingress", &ingress.to_string(), NEWEST).expect("it parses").refused_objects().is_empty()
    };
    let rows = [
        ("localGatewayService", "c.d.svc.cluster.local.", false),
        ("localGatewayService", "c.d.svc.cluster.local:80", true),
        ("localGatewayService", "http://c.d", true),
        ("localGatewayService", "C.d.svc.cluster.local", true),
        ("localGatewayService", "", true),
        ("knativeLocalGatewayService", "C.d.svc.cluster.local", false),
        ("knativeLocalGatewayService", "c.d.svc.cluster.local.", false),
        ("knativeLocalGatewayService", "c", false),
        ("knativeLocalGatewayService", "d:80", true),
        ("knativeLocalGatewayService", "10.0.0.1", true),
        ("knativeLocalGatewayService", "d_e.f", true),
        ("pathTemplate", "/serving/{{ .Name }}", false),
        ("pathTemplate", "{{ .Name }}", true),
        ("pathTemplate", "/{{ .Model }}", true),
        ("pathTemplate", "/{{ if .Model }}{{ end }}", false),
    ];
    compare(rows.map(|(field, value, expected)| {
        (format!("{field} {value:?}"), expected.to_string(), refused(field, value).to_string())
    }));
}

#[test]
fn the_keys_without_which_kserve_does_nothing() {
    let rows = [
        ("{}", "ok"),
        (r#"{"art": {"image": "kserve/art-explainer"}}"#, "ok"),
        ("", "unexpected end of JSON input"),
        ("{,}", "unable to unmarshall"),
        ("[]", "cannot unmarshal array"),
        ("{} {}", "after top-level value"),
    ];
    check("explainers", NEWEST, &rows);
    check("inferenceService", NEWEST, &rows);
    check("explainers", NEWEST, &[("null", "ok")]);
    check("inferenceService", NEWEST, &[("null", "panic")]);
    check("inferenceService", Release::new(0, 14), &[("{,}", "ok")]);
    check("logger", NEWEST, &[("{,}", "ok")]);
}
