//! What people read: the messages of denials, warnings, traces, reports and explanations.

use plumbline::engine::{JudgeSettings, walks_of};
use plumbline::finding::{Code, Finding, Severity};
use plumbline::object::{Kind, ObjectKey};
use plumbline::report::{denial, explain, json, snippet, trace};
use plumbline::rules::{RULES, rule};
use plumbline::view::View;

use crate::cluster::{Cluster, Document, documents};
use crate::examples::example;

/// The denial that a change gets.
fn denied(cluster: &Cluster, change: &Document) -> String {
    let judged = cluster.judge(change);
    let findings = &judged.judgement.findings;
    assert!(!findings.is_empty(), "{} is allowed", change.key);
    denial::message_with(&change.key, findings, &judged.remarks)
}

/// What is warned of where a change is admitted, as it is sent.
fn warned(cluster: &Cluster, change: &Document) -> String {
    let judged = cluster.judge(change);
    assert!(judged.judgement.findings.is_empty(), "{:#?}", judged.judgement.findings);
    let lines: Vec<String> =
        judged.warnings.iter().map(|warning| format!("{}: {}", warning.code, warning.text)).collect();
    assert!(lines.iter().all(|line| line.chars().all(|character| !character.is_control())), "{lines:?}");
    lines.join("\n")
}

fn document(text: &str) -> Document {
    documents(text).pop().expect("a document")
}

fn local_gateway(hosts: &str) -> Document {
    document(&format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: knative-local-gateway, namespace: \
         knative-serving}}\nspec:\n  selector: {{istio: ingressgateway}}\n  servers:\n  - port: {{number: 8081, name: http, \
         protocol: HTTP}}\n    hosts: {hosts}"
    ))
}

fn inference_service(namespace: &str, name: &str) -> Document {
    document(&format!(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {{name: {name}, namespace: \
         {namespace}}}\nspec: {{predictor: {{}}}}"
    ))
}

#[test]
fn the_denial_of_each_rule() {
    for rule in RULES.iter().filter(|rule| rule.severity == Severity::Error) {
        let (cluster, change) = Cluster::example(&example(rule, "bad"));
        insta::assert_snapshot!(format!("denial_{}", rule.code), denied(&cluster, &change));
    }
}

#[test]
fn the_denial_of_a_change_that_hits_many_namespaces() {
    let mut cluster = Cluster::stock();
    for namespace in ["team-a", "team-b", "team-c", "team-d", "team-e", "team-f"] {
        for name in ["bert", "churn", "fraud", "ocr", "yolo"] {
            cluster.write(&inference_service(namespace, name));
        }
    }
    insta::assert_snapshot!(denied(&cluster, &local_gateway("[\"*.models.svc.cluster.local\", \"*.models\"]")));
}

#[test]
fn the_denial_where_nothing_is_deployed_yet() {
    let mut cluster = Cluster::stock();
    for name in ["iris", "translator"] {
        cluster.write(&Document {
            key: ObjectKey::new(Kind::InferenceService, "models", name),
            object: None,
            may_declare: true,
        });
    }
    insta::assert_snapshot!(denied(&cluster, &local_gateway("[\"*.example.com\"]")));
}

#[test]
fn the_denial_of_a_change_to_what_the_operator_derives_from() {
    let mut cluster = Cluster::stock();
    let serving = |name: &str| {
        document(&format!(
            "apiVersion: operator.knative.dev/v1beta1\nkind: KnativeServing\nmetadata: {{name: knative-serving, namespace: \
             knative-serving}}\nspec:\n  config:\n    istio:\n      local-gateways: |\n        - name: {name}\n          \
             namespace: knative-serving\n          service: knative-local-gateway.istio-system.svc.cluster.local"
        ))
    };
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config-istio, namespace: knative-serving}\ndata:\n  \
                  local-gateways: |\n    - name: knative-local-gateway\n      namespace: knative-serving\n      service: \
                  knative-local-gateway.istio-system.svc.cluster.local";
    cluster.write(&serving("knative-local-gateway"));
    cluster.write(&document(config));
    insta::assert_snapshot!(denied(&cluster, &serving("knative-local-gatewayy")));
}

#[test]
fn the_denial_where_some_of_the_pods_fail() {
    let mut cluster = Cluster::stock();
    let canary = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gateway-canary, namespace: istio-system}\nspec:\n  \
                  selector: {matchLabels: {app: canary}}\n  template:\n    metadata: {labels: {app: canary, istio: \
                  ingressgateway}}";
    cluster.write(&document(canary));
    let narrowed = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: knative-local-gateway, namespace: \
                    knative-serving}\nspec:\n  selector: {app: istio-ingressgateway}\n  servers:\n  - port: {number: 8081, \
                    name: http, protocol: HTTP}\n    hosts: [\"*\"]";
    insta::assert_snapshot!(denied(&cluster, &document(narrowed)));
}

/// The local gateway without the host that all requests have, and with annotations.
fn narrowed(annotations: &str) -> Document {
    let mut change = local_gateway("[\"*.models\"]");
    let annotations = plumbline::syntax::yaml::parse(annotations).expect("YAML");
    change.object.as_mut().expect("written")["metadata"]["annotations"] = serde_json::Value::from(&annotations);
    change
}

const OPEN: &str = "{plumbline.dev/transition: narrow, plumbline.dev/transition-until: \"2026-06-01T12:30:00Z\"}";

#[test]
fn the_warnings_of_a_transition() {
    insta::assert_snapshot!(warned(&Cluster::stock(), &narrowed(OPEN)));
}

#[test]
fn the_warnings_of_a_suppression() {
    let annotations = "plumbline.dev/allow.PL110: \"short names \\u001b[31m only\\n\"\nplumbline.dev/allow.PL302: not probed\n\
                       plumbline.dev/allow.PL211: not public\nplumbline.dev/allow.PL999: x\nplumbline.dev/allow.PL131: why not\n\
                       plumbline.dev/allow.PL001: z\n";
    insta::assert_snapshot!(warned(&Cluster::stock(), &narrowed(annotations)));
}

#[test]
fn the_denial_of_a_change_that_a_transition_covers_in_part() {
    let change = document(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: inferenceservice-config\n  namespace: kserve\n  annotations: \
         {plumbline.dev/transition: narrow, plumbline.dev/transition-until: \"2026-06-01T12:30:00Z\"}\ndata:\n  ingress: \"{\"",
    );
    insta::assert_snapshot!(denied(&Cluster::stock(), &change));
}

#[test]
fn foreign_text_stays_in_its_place() {
    let long = "x".repeat(400);
    let hosts = format!("[\"\\u001b[2Jevil\\n\\tPL999 all is well\", \"{long}.models.svc.cluster.local\"]");
    let change = local_gateway(&hosts);
    let message = denied(&Cluster::stock(), &change);
    insta::assert_snapshot!(message);
    assert!(message.chars().all(|character| character == '\n' || !character.is_control()), "{message:?}");
}

#[test]
fn every_message_is_fit_for_a_terminal_and_an_api_server() {
    for rule in RULES {
        let (cluster, change) = Cluster::example(&example(rule, "bad"));
        for finding in cluster.judge(&change).findings() {
            let line = denial::warning(&finding);
            assert!(line.chars().count() <= 120, "{line}");
            assert!(line.starts_with(&finding.code.to_string()), "{line}");
            for text in [&finding.message, &line, &denial::message(&change.key, std::slice::from_ref(&finding))] {
                assert!(!text.contains("immutable"), "{text}");
                assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
            }
            assert!(!finding.message.ends_with('.') && !finding.message.contains('\n'), "{}", finding.message);
            assert!(plumbline::rules::rule(finding.code).is_some(), "{} is declared", finding.code);
        }
    }
}

#[test]
fn causes_name_the_field_and_the_code() {
    let (cluster, change) = Cluster::example(&example(rule(Code(130)).expect("declared"), "bad"));
    let findings = cluster.judge(&change).judgement.findings;
    let causes = denial::causes(&change.key, &findings);
    let told: Vec<_> = causes.iter().map(|cause| (cause.field.as_str(), cause.code.as_str())).collect();
    assert_eq!(told, [("data.ingress.localGatewayService", "PL130")]);
}

#[test]
fn a_trace_goes_hop_by_hop() {
    let (mut cluster, change) = Cluster::example(&example(rule(Code(130)).expect("declared"), "bad"));
    let whole = |cluster: &Cluster, name: &str| {
        let snapshot = cluster.snapshot();
        let (subject, traced) = walks_of(&View::of(&snapshot), &JudgeSettings::default(), "models", name);
        trace::render(&subject, &traced)
    };
    insta::assert_snapshot!("trace_of_a_cluster_that_works", whole(&cluster, "translator"));
    cluster.write(&change);
    insta::assert_snapshot!("trace_of_a_cluster_that_does_not", whole(&cluster, "iris"));
}

#[test]
fn an_explanation_teaches() {
    insta::assert_snapshot!(explain::render(rule(Code(110)).expect("declared")));
}

#[test]
fn findings_as_data() {
    let (cluster, change) = Cluster::example(&example(rule(Code(110)).expect("declared"), "bad"));
    let judgement = cluster.judge(&change).judgement;
    insta::assert_snapshot!(format!("{:#}", json::report(&judgement.findings, &judgement.warnings)));
}

#[test]
fn findings_as_a_compiler_prints_them() {
    let text = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: knative-local-gateway}\nspec:\n  servers:\n  \
                - hosts: [\"*.models\", \"*.models.svc\", \"*.MODELS.svc.cluster.local\"]\n";
    let config =
        "data:\n  ingress: |\n    {\n      \"localGateway\": \"knative-serving/knative-local-gateway\"\n    }\n";
    let excerpt = |file: &str, text: &str, underlined: &str, label: &str| {
        let start = text.find(underlined).expect("in the text");
        let span = start..start + underlined.len();
        snippet::Excerpt { file: file.to_owned(), text: text.to_owned(), span, label: label.to_owned() }
    };
    let findings = findings_of(110, "bad");
    let says = findings[0].related[0].1.clone();
    let primary =
        excerpt("gateways.yaml", text, "[\"*.models\", \"*.models.svc\", \"*.MODELS.svc.cluster.local\"]", "");
    let related = [excerpt("kserve.yaml", config, "\"knative-serving/knative-local-gateway\"", &says)];
    insta::assert_snapshot!("snippet", snippet::render(&findings[0], Some(&primary), &related, false));
    insta::assert_snapshot!("snippet_without_a_file", snippet::render(&findings[0], None, &[], false));
    assert!(
        snippet::render(&findings[0], Some(&primary), &related, true).contains("\u{1b}["),
        "colours, when asked for"
    );
    // A span from somewhere else must not bring the report down.
    let astray = snippet::Excerpt { span: 900..1_000, ..primary };
    assert!(snippet::render(&findings[0], Some(&astray), &[], false).contains("PL110"));
}

fn findings_of(code: u16, kind: &str) -> Vec<Finding> {
    let (cluster, change) = Cluster::example(&example(rule(Code(code)).expect("declared"), kind));
    cluster.judge(&change).judgement.findings
}
