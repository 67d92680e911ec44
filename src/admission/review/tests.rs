use serde_json::{Value, json};

use super::*;

fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "networking.istio.io", "version": "v1", "kind": "Gateway"},
            "resource": {"group": "networking.istio.io", "version": "v1", "resource": "gateways"},
            "requestKind": {"group": "networking.istio.io", "version": "v1beta1", "kind": "Gateway"},
            "name": "knative-local-gateway",
            "namespace": "knative-serving",
            "operation": "UPDATE",
            "userInfo": {"username": "ada", "groups": ["system:authenticated"], "extra": {"a": ["b"]}},
            "object": {"spec": {"servers": []}},
            "oldObject": {"spec": {}},
            "dryRun": true,
            "options": {"kind": "UpdateOptions"}
        }
    })
}

/// The complaint about a review after `edit`.
fn complaint(edit: impl FnOnce(&mut Value)) -> String {
    let mut review = review();
    edit(&mut review);
    Request::parse(review.to_string().as_bytes()).unwrap_err().to_string()
}

fn remove(review: &mut Value, field: &str) {
    review["request"].as_object_mut().unwrap().remove(field);
}

#[test]
fn reads_the_whole_user() {
    let mut review = review();
    review["request"]["userInfo"] =
        json!({"username": "ada", "uid": "7", "groups": null, "extra": {"a": ["b", "c"], "d": null}});
    let body = review.to_string();
    let user = Request::parse(body.as_bytes()).unwrap().user_info;
    assert_eq!((&*user.username, &*user.uid, user.groups.len()), ("ada", "7", 0));
    let extra: Vec<_> = user.extra.iter().map(|(key, values)| (&**key, values.len())).collect();
    assert_eq!(extra, [("a", 2), ("d", 0)]);
}

#[test]
fn reads_a_request() {
    let body = review().to_string();
    let request = Request::parse(body.as_bytes()).unwrap();
    assert_eq!(&*request.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
    assert_eq!(request.known_kind(), Some(Kind::IstioGateway));
    assert_eq!(request.kind.to_string(), "Gateway.networking.istio.io");
    assert_eq!(&*request.resource.resource, "gateways");
    assert_eq!(request.operation, Operation::Update);
    assert_eq!((&*request.namespace, &*request.name), ("knative-serving", "knative-local-gateway"));
    assert_eq!(&*request.user_info.username, "ada");
    assert_eq!(request.user_info.groups, [Text::from("system:authenticated")]);
    assert_eq!(request.object.unwrap().get(), r#"{"spec":{"servers":[]}}"#);
    assert_eq!(request.old_object.unwrap().get(), r#"{"spec":{}}"#);
    assert!(request.dry_run);
}

#[test]
fn borrows_text_that_has_no_escapes() {
    let body = review().to_string().replace("\"ada\"", r#""ad\u0061""#);
    let request = Request::parse(body.as_bytes()).unwrap();
    assert!(matches!(request.name.0, Cow::Borrowed(_)));
    assert!(matches!(&request.user_info.username.0, Cow::Owned(name) if name == "ada"));
}

#[test]
fn reads_absent_and_null_fields_as_go_does() {
    let mut review = review();
    for field in ["name", "userInfo", "dryRun", "oldObject"] {
        review["request"][field] = Value::Null;
    }
    for field in ["namespace", "resource"] {
        remove(&mut review, field);
    }
    let body = review.to_string();
    let request = Request::parse(body.as_bytes()).unwrap();
    assert!(request.name.is_empty() && request.namespace.is_empty() && request.user_info.groups.is_empty());
    assert!(request.old_object.is_none() && !request.dry_run);
}

#[test]
fn a_delete_needs_no_object() {
    let mut review = review();
    review["request"]["operation"] = "DELETE".into();
    remove(&mut review, "object");
    remove(&mut review, "oldObject");
    assert_eq!(Request::parse(review.to_string().as_bytes()).unwrap().operation, Operation::Delete);
}

#[test]
fn names_the_field_and_what_was_expected() {
    let remedy = "; list v1 in the webhook's admissionReviewVersions";
    assert_eq!(
        complaint(|review| review["apiVersion"] = "admission.k8s.io/v1beta1".into()),
        format!(r#"apiVersion: expected "admission.k8s.io/v1", found "admission.k8s.io/v1beta1"{remedy}"#)
    );
    assert_eq!(
        complaint(|review| review["apiVersion"] = Value::Null),
        format!(r#"apiVersion is missing: expected "admission.k8s.io/v1"{remedy}"#)
    );
    assert_eq!(
        complaint(|review| review["kind"] = "Gateway".into()),
        r#"kind: expected "AdmissionReview", found "Gateway""#
    );
    assert_eq!(
        complaint(|review| review["request"] = Value::Null),
        "request is missing: expected the request under review"
    );
    assert_eq!(
        complaint(|review| remove(review, "uid")),
        "request.uid is missing: expected the text that the answer has to repeat"
    );
    assert_eq!(
        complaint(|review| remove(review, "kind")),
        "request.kind is missing: expected the group, version and kind of the object"
    );
    assert_eq!(
        complaint(|review| remove(review, "object")),
        "request.object is missing: expected the object as it would be, on CREATE and UPDATE"
    );
    assert_eq!(
        complaint(|review| review["request"]["oldObject"] = 3.into()),
        "request.oldObject: expected a JSON object"
    );
}

#[test]
fn names_the_field_of_a_wrong_type_and_never_its_value() {
    assert_eq!(
        complaint(|review| review["request"]["userInfo"]["username"] = 17.into()),
        "request.userInfo.username: expected a string, found a number"
    );
    assert_eq!(
        complaint(|review| review["request"]["userInfo"]["groups"] = json!(["a", false])),
        "request.userInfo.groups[1]: expected a string, found a boolean"
    );
    assert_eq!(
        complaint(|review| review["request"]["dryRun"] = "a secret".into()),
        "request.dryRun: expected a boolean, found a string"
    );
    assert_eq!(complaint(|review| review["request"] = json!([])), "request: expected an object, found an array");
    assert_eq!(
        complaint(|review| review["request"]["operation"] = "PATCH".into()),
        "request.operation: expected CREATE, UPDATE, DELETE or CONNECT, found another string"
    );
    assert_eq!(
        complaint(|review| remove(review, "operation")),
        "request.operation: expected CREATE, UPDATE, DELETE or CONNECT, found nothing"
    );
}

#[test]
fn points_at_the_character_that_is_not_json() {
    let complaint = |body: &[u8]| Request::parse(body).unwrap_err().to_string();
    assert_eq!(
        complaint(b"{\"apiVersion\": nope}"),
        "the body is not JSON: expected ident at line 1 column 17; expected an AdmissionReview of admission.k8s.io/v1"
    );
    assert!(complaint(b"").starts_with("the body is empty: "), "{}", complaint(b""));
    assert!(complaint(b"[]").starts_with("the body: expected an object, found an array"), "{}", complaint(b"[]"));
    assert!(complaint(b"{\"kind\": \"\xff\"}").contains("not JSON"));
    let twice = complaint(br#"{"kind": "a", "kind": "b"}"#);
    assert!(twice.contains("duplicate field `kind`"), "{twice}");
    let deep = format!("{{\"request\": {}", "[".repeat(100_000));
    assert!(complaint(deep.as_bytes()).contains("not JSON"), "nesting ends in an error, not in the stack");
}
