use plumbline::model::Meta;
use plumbline::model::config_map::ConfigMap;
use plumbline::model::go_struct::{Mistake, Refusal};
use plumbline::model::go_template::GoTemplate;
use plumbline::model::inference_service::DeploymentMode;
use plumbline::model::kserve_config::KserveConfig;
use plumbline::model::version::{Release, Versions};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::json::{PIECES, values};
use crate::original::{Answer, Original};
use crate::texts::{damaged, of_corpus};
use crate::{on_generated, same};

/// The release of the original.
const VERSIONS: Versions = Versions { kserve: Some(Release::new(0, 15)), knative: None };

fn parse(key: &str, text: &str) -> Result<KserveConfig, Refusal> {
    let data = std::iter::once((key.to_owned(), text.into())).collect();
    KserveConfig::parse(&ConfigMap { meta: Meta::default(), data }, VERSIONS)
}

fn ask(go: &Original, what: &str, text: &str) -> Answer {
    go.ask(&json!({"what": what, "text": text}))
}

/// Objects with fields of `data.ingress`, most of them of the right type, named in any case.
fn ingress_texts() -> impl Strategy<Value = String> {
    let strings = [
        "ingressGateway",
        "INGRESSGATEWAY",
        "localGateway",
        "localGatewayService",
        "localgatewayſervice",
        "urlScheme",
        "knativeLocalGatewayService",
        "\u{212a}nativeLocalGatewayService",
        "ingressDomain",
        "ingressClassName",
        "domainTemplate",
        "pathTemplate",
        "kserveIngressGateway",
        "ingressService",
        "unheard-of",
    ];
    let texts = [
        "\"\"",
        "\"a/b\"",
        "\" a/b \"",
        "\"a/b/c\"",
        "\"A/b\"",
        "\"a/b.c\"",
        "\"knative-serving/knative-local-gateway\"",
        "\"x.org\"",
        "\"/{{ .Name }}\"",
        "\"/{{ .Name }/\"",
        "\"http\"",
        "null",
        "\"\\u0061/b\"",
    ];
    let truths = ["enableGatewayApi", "ENABLEGATEWAYAPI", "disableIstioVirtualHost", "disableIngressCreation"];
    let entry = prop_oneof![
        8 => (select(strings.to_vec()), select(texts.to_vec()).prop_map(str::to_owned)),
        3 => (select(truths.to_vec()), select(&["true", "false", "null"][..]).prop_map(str::to_owned)),
        1 => (
            Just("additionalIngressDomains"),
            select(&["[]", "[\"a.org\"]", "[\"a.org\", null]", "null", "[1]"][..]).prop_map(str::to_owned),
        ),
        1 => (select(strings.into_iter().chain(truths).collect::<Vec<_>>()), values()),
    ];
    let gateway = prop::option::weighted(0.9, Just("\"ingressGateway\": \"a/b\"".to_owned()));
    (gateway, vec(entry, 0..6)).prop_map(|(gateway, entries)| {
        let entries = entries.into_iter().map(|(key, value)| format!("\"{key}\": {value}"));
        format!("{{{}}}", gateway.into_iter().chain(entries).collect::<Vec<_>>().join(",\n  "))
    })
}

/// What KServe's struct says that ours keeps.
fn as_original(config: &KserveConfig) -> Value {
    json!({
        "ingressGateway": config.ingress_gateway.value,
        "localGateway": config.local_gateway.value,
        "localGatewayService": config.local_gateway_service.value,
        "knativeLocalGatewayService": config.knative_local_gateway_service.value,
        "ingressDomain": config.ingress_domain.value,
        "urlScheme": config.url_scheme.value,
        "hasPathTemplate": config.path_template.is_some(),
        "additionalIngressDomains": config.additional_domains.value,
        "disableIstioVirtualHost": config.disable_virtual_host.value,
    })
}

fn of_original(config: &Value) -> Value {
    let text = |field: &str| config[field].as_str().unwrap_or_default().to_owned();
    json!({
        "ingressGateway": text("ingressGateway"),
        "localGateway": text("localGateway"),
        "localGatewayService": text("localGatewayService"),
        "knativeLocalGatewayService": text("knativeLocalGatewayService"),
        "ingressDomain": text("ingressDomain"),
        "urlScheme": text("urlScheme"),
        "hasPathTemplate": !text("pathTemplate").is_empty(),
        "additionalIngressDomains": config["additionalIngressDomains"].as_array().cloned().unwrap_or_default(),
        "disableIstioVirtualHost": config["disableIstioVirtualHost"].as_bool().unwrap_or_default(),
    })
}

#[test]
fn ingress_is_read_as_kserve_reads_it() {
    let go = Original::start("kserve");
    let check = |text: &String| {
        let original = ask(&go, "ingress", text);
        match parse("ingress", text) {
            Ok(config) if !original.is_refusal() => same(&as_original(&config), &of_original(&original.value)),
            Err(_) if original.is_refusal() => Ok(()),
            // Only Go can tell of every template; ours lets through what it does not know.
            Ok(_) if original.error.as_ref().is_some_and(|error| error.contains("unable to parse pathTemplate")) => {
                Ok(())
            }
            ours => Err(format!("plumbline: {ours:?}\nGo: {original:?}")),
        }
    };
    for text in of_corpus("ingress") {
        check(&text).unwrap();
    }
    on_generated(&damaged(ingress_texts(), PIECES), check);
}

#[test]
fn deploy_is_read_as_kserve_reads_it() {
    let go = Original::start("kserve");
    let check = |text: &String| {
        let original = ask(&go, "deploy", text);
        // KServe keeps the mode as it is written, and asks for a known one.
        let mode = original.value["defaultDeploymentMode"].as_str().and_then(DeploymentMode::parse);
        match parse("deploy", text) {
            Ok(config) if !original.is_refusal() => same(&config.default_mode, &mode),
            Err(_) if original.is_refusal() => Ok(()),
            ours => Err(format!("plumbline: {ours:?}\nGo: {original:?}")),
        }
    };
    for text in of_corpus("deploy") {
        // The corpus has modes of newer releases too.
        check(&text).unwrap();
    }
    let keys = select(&["defaultDeploymentMode", "DEFAULTDEPLOYMENTMODE", "other"][..]);
    let modes = ["Serverless", "RawDeployment", "ModelMesh", "Knative", "Standard", "serverless", ""];
    let modes = prop_oneof![4 => select(modes.to_vec()).prop_map(|mode| format!("{mode:?}")), 1 => values()];
    let texts = vec((keys, modes), 0..3).prop_map(|entries| {
        let entries: Vec<_> = entries.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", entries.join(","))
    });
    on_generated(&damaged(texts, PIECES), check);
}

/// Of these keys only the outermost form is checked: whatever ours refuses, KServe must.
#[test]
fn components_are_refused_only_where_kserve_refuses_them() {
    let go = Original::start("kserve");
    for key in ["explainers", "inferenceService"] {
        let check = |text: &String| match parse(key, text) {
            Err(refusal) if !ask(&go, key, text).is_refusal() => Err(format!("plumbline alone refuses: {refusal:?}")),
            Ok(_) if matches!(text.trim(), "{}") && ask(&go, key, text).is_refusal() => {
                Err("Go alone refuses".to_owned())
            }
            _ => Ok(()),
        };
        on_generated(&damaged(values(), PIECES), check);
    }
}

/// Our reader of templates knows less than Go's: what it refuses Go must refuse, and what it fills in Go must fill in so.
#[test]
fn templates_are_filled_in_as_go_fills_them_in() {
    let go = Original::start("kserve");
    let pieces = [
        "{{ .Name }}",
        "{{.Namespace}}",
        "{{ ",
        " }}",
        "{{- ",
        " -}}",
        "}",
        "/",
        "//",
        "%2F",
        "%",
        ".Name",
        ".Model",
        "Name",
        "\"}}\"",
        "`",
        "\"",
        "\\",
        "'",
        "| html",
        "if ",
        "{{ end }}",
        "{{ else }}",
        "with ",
        "(",
        ")",
        "$",
        "$x := ",
        " ",
        "/* c */",
        "eq ",
        "printf \"%s\" ",
        "1",
        "é",
        "\n",
        "_",
    ];
    let texts = vec(select(pieces.to_vec()), 0..8).prop_map(|pieces| pieces.concat());
    on_generated(&texts, |text| {
        let original = ask(&go, "template", text);
        let fields = [("Name", "model"), ("Namespace", "models")];
        match GoTemplate::parse(text) {
            Err(message) if !original.is_refusal() => Err(format!("plumbline alone refuses: {message}")),
            Ok(template) if original.is_refusal() => {
                // Then ours must not claim to know the path.
                let rendered = template.render(&fields);
                if rendered.is_none() { Ok(()) } else { Err(format!("plumbline: {rendered:?}\nGo: {original:?}")) }
            }
            Ok(template) => match template.render(&fields) {
                Some(rendered) => same(&json!({"rendered": rendered}), &original.value),
                None => Ok(()),
            },
            Err(_) => Ok(()),
        }
    });
}

/// What is checked on generated cases must meet refusals of every kind, or it checks little.
#[test]
fn the_generated_cases_meet_every_kind_of_refusal() {
    let seen = std::cell::RefCell::new(std::collections::BTreeMap::new());
    on_generated(&damaged(ingress_texts(), PIECES), |text| {
        let mistake = parse("ingress", text).err().map(|refusal| refusal.mistake);
        *seen.borrow_mut().entry(mistake).or_insert(0) += 1;
        Ok(())
    });
    let wanted = [
        None,
        Some(Mistake::KserveJson),
        Some(Mistake::KserveType),
        Some(Mistake::KserveRequired),
        Some(Mistake::KserveIngressGatewayName),
        Some(Mistake::KservePathTemplate),
    ];
    for kind in wanted {
        assert!(seen.borrow().get(&kind).is_some_and(|count| *count >= 10), "{kind:?} is rare: {seen:?}");
    }
}
