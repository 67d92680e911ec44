//! The chart grants what the live source says it reads, and nothing else.

use std::collections::BTreeSet;

use plumbline::audit::access::{self as audit, AuditAccess, LEASE_ACCESS};
use plumbline::cluster::{ACCESS, Access, DECLARING_ACCESS, Reach, VirtualAccess};
use serde_json::{Value, json};

use super::cluster::{NAMESPACE, cluster};
use super::rendering::Rendering;

/// One verb on one resource, of one name or of any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    name: Option<String>,
    verb: String,
}

/// With a certificate that asks for no rights.
const MOUNTED: &str = "certificate.mode=cert-manager";

#[test]
fn by_default_all_that_is_read_may_be_read_in_every_namespace() {
    let rendering = Rendering::of("plumbline", &["--set", MOUNTED, "--set", "audit.enabled=false"]);
    let granted = granted(&rendering.only("ClusterRole"));

    assert_eq!(granted, rights(ACCESS.iter()));
    assert!(!rendering.text().contains("kind: Role\n"));
}

#[test]
fn what_the_audit_writes_may_be_written_by_name_and_events_anywhere() {
    let rendering = Rendering::of("plumbline", &["--set", MOUNTED]);

    let besides = rights_of_audit(audit::ACCESS);
    assert_eq!(granted(&rendering.only("ClusterRole")), rights(ACCESS.iter()).into_iter().chain(besides).collect());
    let role = rendering.only("Role");
    assert_eq!(granted(&role), rights_of_audit(&[LEASE_ACCESS]));
    let lease = rendering.only("Lease");
    assert_eq!((&lease["metadata"]["name"], &lease["spec"]), (&json!(audit::NAME), &Value::Null));
    assert_eq!(lease["metadata"]["namespace"], role["metadata"]["namespace"]);
    cluster().apply(&lease.to_string(), &["--dry-run=server"]).expect_success();
}

#[test]
fn the_right_to_ask_is_granted_where_declaring_needs_one() {
    let values = "transition.requireRBAC=true,audit.enabled=false";
    let rendering = Rendering::of("plumbline", &["--set", MOUNTED, "--set", values]);
    let granted = granted(&rendering.only("ClusterRole"));

    let VirtualAccess { group, resource, verbs } = DECLARING_ACCESS;
    let besides = all(&[group.to_owned()], &[resource.to_owned()], &[None], verbs);
    assert_eq!(granted, rights(ACCESS.iter()).into_iter().chain(besides).collect());
    let args = rendering.only("Deployment")["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let args: Vec<_> = args.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        args.contains(&"--transition-require-rbac=true") && args.contains(&"--transition-max-duration=1h"),
        "{args:?}"
    );
}

#[test]
fn holders_of_a_role_that_is_named_may_declare_transitions() {
    let rendering = Rendering::of("plumbline", &["--set", "transition.aggregateTo={admin,edit}"]);
    let is_declaring = |object: &Value| object["metadata"]["name"] == "plumbline-declare-transitions";
    let role = rendering.rbac().into_iter().find(is_declaring).unwrap();

    assert_eq!(
        granted(&role),
        all(&["plumbline.dev".to_owned()], &["transitions".to_owned()], &[None], &["declare"]).into_iter().collect()
    );
    for role_name in ["admin", "edit"] {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{role_name}");
        assert_eq!(role["metadata"]["labels"][&label], "true", "{role}");
    }
    cluster().apply(&role.to_string(), &["--dry-run=server"]).expect_success();
}

#[test]
fn a_self_managed_certificate_takes_one_secret_and_one_configuration_and_both_by_name() {
    const SILENT: &str = "audit.enabled=false";
    let mounted = Rendering::of("plumbline", &["--set", MOUNTED, "--set", SILENT]);
    let kept = Rendering::of("plumbline", &["--set", SILENT]);
    let more: Vec<_> = granted(&kept.only("ClusterRole"))
        .difference(&granted(&mounted.only("ClusterRole")))
        .map(|right| (right.resource.clone(), right.name.clone(), right.verb.clone()))
        .collect();
    let configuration =
        |verb: &str| ("validatingwebhookconfigurations".to_owned(), Some("plumbline".to_owned()), verb.to_owned());
    assert_eq!(more, [configuration("get"), configuration("patch")]);

    let role = kept.only("Role");
    assert_eq!(role["metadata"]["namespace"], NAMESPACE);
    let secret = Some("plumbline-self-managed");
    let expected = all(&[String::new()], &["secrets".to_owned()], &[secret], &["get", "create", "patch", "update"]);
    assert_eq!(granted(&role), expected.into_iter().collect());
}

#[test]
fn what_is_read_in_one_namespace_can_be_granted_there_alone() {
    let values = "rbac.knativeRole=true,namespaces.knative=serverless,audit.enabled=false";
    let rendering = Rendering::of("plumbline", &["--set", MOUNTED, "--set", values]);
    let role = rendering.only("Role");
    let reaching = |reach| ACCESS.iter().filter(move |access| access.reach == reach);

    assert_eq!(granted(&rendering.only("ClusterRole")), rights(reaching(Reach::Cluster)));
    assert_eq!(granted(&role), rights(reaching(Reach::KnativeNamespace)));
    assert_eq!(role["metadata"]["namespace"], "serverless");
}

#[test]
fn the_service_account_of_the_pods_has_these_rights_and_no_others() {
    let rendering = Rendering::of("access", &["--set", "rbac.knativeRole=true"]);
    let roles = json!({"apiVersion": "v1", "kind": "List", "items": rendering.rbac()}).to_string();
    cluster().apply(&roles, &[]).expect_success();
    let pod = &rendering.only("Deployment")["spec"]["template"]["spec"];
    let account = format!("system:serviceaccount:{NAMESPACE}:{}", pod["serviceAccountName"].as_str().unwrap());
    let may = |verb: &str, what: &str, namespace: &str| {
        let args = ["auth", "can-i", verb, what, "--namespace", namespace, "--as", &account, "--quiet"];
        cluster().kubectl(&args).status.success()
    };

    for (verb, what, namespace, expected) in [
        ("get", "configmaps/config-istio", "knative-serving", true),
        ("get", "configmaps/config-istio", "kserve", false),
        ("get", "configmaps/config-features", "knative-serving", false),
        ("get", "configmaps/inferenceservice-config", "kserve", true),
        ("list", "configmaps", "kserve", false),
        ("get", "secrets", NAMESPACE, false),
        ("create", "secrets", NAMESPACE, false),
        ("get", "secrets/access-plumbline-self-managed", NAMESPACE, true),
        ("get", "secrets/access-plumbline-self-managed", "kserve", false),
        ("update", "secrets/access-plumbline-tls", NAMESPACE, false),
        ("patch", "validatingwebhookconfigurations/access-plumbline", NAMESPACE, true),
        ("patch", "validatingwebhookconfigurations", NAMESPACE, false),
        ("update", "validatingwebhookconfigurations/access-plumbline", NAMESPACE, false),
        ("watch", "gateways.networking.istio.io", "istio-system", true),
        ("update", "gateways.networking.istio.io", "istio-system", false),
        ("list", "pods", "istio-system", true),
        ("get", "pods", "istio-system", false),
        ("update", "leases.coordination.k8s.io/access-plumbline-audit", NAMESPACE, true),
        ("update", "leases.coordination.k8s.io/another", NAMESPACE, false),
        ("update", "leases.coordination.k8s.io/access-plumbline-audit", "kube-system", false),
        ("create", "events.events.k8s.io", "istio-system", true),
        ("get", "events.events.k8s.io", "istio-system", false),
        ("delete", "events.events.k8s.io", "istio-system", false),
    ] {
        assert_eq!(may(verb, what, namespace), expected, "{verb} {what} in {namespace}");
    }
}

fn rights<'a>(declared: impl Iterator<Item = &'a Access>) -> BTreeSet<Right> {
    let of_one = |access: &Access| {
        let names = if access.names.is_empty() { vec![None] } else { access.names.iter().copied().map(Some).collect() };
        let (group, resource) = (access.kind.group().to_owned(), access.kind.plural().to_owned());
        all(&[group], &[resource], &names, access.verbs)
    };
    declared.flat_map(of_one).collect()
}

fn rights_of_audit(declared: &[AuditAccess]) -> BTreeSet<Right> {
    let of_one = |access: &AuditAccess| {
        all(&[access.group.to_owned()], &[access.resource.to_owned()], &[access.name], access.verbs)
    };
    declared.iter().flat_map(of_one).collect()
}

fn granted(role: &Value) -> BTreeSet<Right> {
    let strings = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let of_one = |rule: &Value| {
        let names = strings(&rule["resourceNames"]);
        let names = if names.is_empty() { vec![None] } else { names.iter().map(|name| Some(name.as_str())).collect() };
        let verbs = strings(&rule["verbs"]);
        let verbs: Vec<_> = verbs.iter().map(String::as_str).collect();
        all(&strings(&rule["apiGroups"]), &strings(&rule["resources"]), &names, &verbs)
    };
    role["rules"].as_array().unwrap().iter().flat_map(of_one).collect()
}

/// Every combination, as RBAC reads a rule.
fn all(groups: &[String], resources: &[String], names: &[Option<&str>], verbs: &[&str]) -> Vec<Right> {
    let mut rights = Vec::new();
    for group in groups {
        for resource in resources {
            for name in names {
                rights.extend(verbs.iter().map(|verb| Right {
                    group: group.clone(),
                    resource: resource.clone(),
                    name: name.map(str::to_owned),
                    verb: (*verb).to_owned(),
                }));
            }
        }
    }
    rights
}
