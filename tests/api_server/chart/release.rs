//! A release as it lives: installed, upgraded beside what others write, and uninstalled without a trace.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{NAMESPACE, alone_with_webhooks, cluster};
use super::rendering::CHART;
use crate::wait;

const CONFIGURATION: &str = "validatingwebhookconfiguration";
/// Every kind that a release can consist of, hooks included.
const KINDS: &str = "certificate,clusterrole,clusterrolebinding,deployment,hpa,issuer,job,lease,networkpolicy,peerauthentication,\
    pdb,prometheusrule,role,rolebinding,service,serviceaccount,servicemonitor,validatingwebhookconfiguration";
const WITHOUT_SERVICES: &str = "webhook.gatewayServices.enabled=false";

#[test]
fn a_release_is_installed_upgraded_and_uninstalled() {
    let _alone = alone_with_webhooks();
    let release = "stable";
    let name = "stable-plumbline";
    helm("install", release, &["--set", "certificate.mode=cert-manager"]);
    let expected = [
        "certificate.cert-manager.io/stable-plumbline",
        "certificate.cert-manager.io/stable-plumbline-ca",
        "clusterrole.rbac.authorization.k8s.io/stable-plumbline",
        "clusterrolebinding.rbac.authorization.k8s.io/stable-plumbline",
        "deployment.apps/stable-plumbline",
        "issuer.cert-manager.io/stable-plumbline-ca",
        "issuer.cert-manager.io/stable-plumbline-selfsigned",
        "lease.coordination.k8s.io/stable-plumbline-audit",
        "poddisruptionbudget.policy/stable-plumbline",
        "role.rbac.authorization.k8s.io/stable-plumbline-audit",
        "rolebinding.rbac.authorization.k8s.io/stable-plumbline-audit",
        "service/stable-plumbline",
        "serviceaccount/stable-plumbline",
        "validatingwebhookconfiguration.admissionregistration.k8s.io/stable-plumbline",
    ];
    assert_eq!(objects_of(release), expected);

    // What cert-manager does once it has issued a certificate.
    let trusted = inject_ca_bundle(name);
    helm(
        "upgrade",
        release,
        &["--reuse-values", "--set", "webhook.failurePolicy=Ignore,webhook.timeoutSeconds=3,replicas=3"],
    );
    let configuration = read(CONFIGURATION, name);
    for webhook in configuration["webhooks"].as_array().unwrap() {
        assert_eq!(webhook["failurePolicy"], "Ignore");
        assert_eq!(webhook["timeoutSeconds"], 3);
        assert_eq!(webhook["clientConfig"]["caBundle"], trusted);
    }
    assert_eq!(read("deployment", name)["spec"]["replicas"], 3);

    // An entry goes, and those that stay keep what was injected.
    helm("upgrade", release, &["--reuse-values", "--set", WITHOUT_SERVICES]);
    let configuration = read(CONFIGURATION, name);
    let webhooks = configuration["webhooks"].as_array().unwrap();
    assert_eq!(webhooks.len(), 4);
    assert!(webhooks.iter().all(|webhook| webhook["clientConfig"]["caBundle"] == trusted), "{webhooks:#?}");

    // The autoscaler's number of replicas is not written over.
    helm("upgrade", release, &["--reuse-values", "--set", "autoscaling.enabled=true"]);
    cluster().kubectl(&["scale", "deployment", name, "--namespace", NAMESPACE, "--replicas=4"]).expect_success();
    helm("upgrade", release, &["--reuse-values", "--set", "podLabels.team=platform"]);
    assert_eq!(read("deployment", name)["spec"]["replicas"], 4);

    helm("uninstall", release, &[]);
    assert_eq!(objects_of(release), [""; 0]);
}

#[test]
fn by_default_a_release_needs_nobody_else_and_keeps_the_bundle_that_its_pods_write() {
    let _alone = alone_with_webhooks();
    let release = "alone";
    let name = "alone-plumbline";
    helm("install", release, &[]);
    let expected = [
        "clusterrole.rbac.authorization.k8s.io/alone-plumbline",
        "clusterrolebinding.rbac.authorization.k8s.io/alone-plumbline",
        "deployment.apps/alone-plumbline",
        "lease.coordination.k8s.io/alone-plumbline-audit",
        "poddisruptionbudget.policy/alone-plumbline",
        "role.rbac.authorization.k8s.io/alone-plumbline-audit",
        "role.rbac.authorization.k8s.io/alone-plumbline-certificate",
        "rolebinding.rbac.authorization.k8s.io/alone-plumbline-audit",
        "rolebinding.rbac.authorization.k8s.io/alone-plumbline-certificate",
        "service/alone-plumbline",
        "serviceaccount/alone-plumbline",
        "validatingwebhookconfiguration.admissionregistration.k8s.io/alone-plumbline",
    ];
    assert_eq!(objects_of(release), expected);

    let trusted = publish_ca_bundle(name);
    let bundles = || {
        let configuration = read(CONFIGURATION, name);
        let webhooks = configuration["webhooks"].as_array().unwrap().iter();
        webhooks.map(|webhook| webhook["clientConfig"]["caBundle"].clone()).collect::<Vec<_>>()
    };
    helm("upgrade", release, &["--reuse-values", "--set", "webhook.timeoutSeconds=3"]);
    assert_eq!(bundles(), vec![trusted.clone(); 5]);
    helm("upgrade", release, &["--reuse-values", "--set", WITHOUT_SERVICES]);
    assert_eq!(bundles(), vec![trusted; 4]);

    // And over to cert-manager: nothing that was owned is in the way.
    helm("upgrade", release, &["--reuse-values", "--set", "certificate.mode=cert-manager"]);
    assert!(!objects_of(release).iter().any(|object| object.ends_with("-certificate")));
    helm("uninstall", release, &[]);
    assert_eq!(objects_of(release), [""; 0]);
}

/// What the pods do once they have a certificate.
fn publish_ca_bundle(configuration: &str) -> Value {
    let bundle = json!("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K");
    let webhooks = read(CONFIGURATION, configuration)["webhooks"].as_array().unwrap().clone();
    let webhooks: Vec<_> =
        webhooks.iter().map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}})).collect();
    let patch = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": configuration}, "webhooks": webhooks,
    });
    let manager = format!("--field-manager={}", plumbline::certs::FIELD_MANAGER);
    cluster().apply(&patch.to_string(), &["--server-side", "--force-conflicts", &manager]).expect_success();
    bundle
}

#[test]
fn uninstalling_can_begin_with_the_webhooks() {
    let _alone = alone_with_webhooks();
    let release = "hooked";
    let name = "hooked-plumbline";
    let values = "preDelete.enabled=true,preDelete.image=kubectl";
    helm("install", release, &["--set", values]);

    let uninstall = thread::spawn(move || helm("uninstall", release, &["--timeout", "60s"]));
    let job = format!("{name}-pre-delete");
    let job = wait::until("the job", Duration::from_secs(30), || {
        let answer = cluster().kubectl(&["get", "job", &job, "--namespace", NAMESPACE, "-o", "json"]);
        if answer.status.success() { Ok(parse(&answer.stdout)) } else { Err(answer.stderr) }
    });
    run_job(&job);
    let gone = cluster().kubectl(&["get", CONFIGURATION, name]).expect_failure();
    assert!(gone.contains("NotFound"), "{gone}");
    assert!(objects_of(release).iter().any(|object| object.starts_with("deployment.apps/")), "webhooks go first");
    complete(&job);

    uninstall.join().unwrap();
    assert_eq!(objects_of(release), [""; 0]);
}

#[test]
fn the_notes_say_what_a_failure_means() {
    let notes = |args: &[&str]| {
        let args = [&["install", "noted", CHART, "--namespace", NAMESPACE, "--dry-run=client"], args].concat();
        let answer = cluster().helm(&args).expect_success();
        answer.split_once("\nNOTES:\n").unwrap().1.to_owned()
    };

    let closed = notes(&[]);
    assert!(closed.contains("It fails closed:"), "{closed}");
    assert!(closed.contains("kubectl delete validatingwebhookconfiguration noted-plumbline"), "{closed}");
    assert!(!closed.contains("WARNING"), "{closed}");
    let open = notes(&["--set", "webhook.failurePolicy=Ignore,replicas=1"]);
    assert!(open.contains("It fails open:"), "{open}");
    assert!(
        open.contains("WARNING: with one replica, every restart is a gap in which writes pass unjudged."),
        "{open}"
    );
}

fn helm(command: &str, release: &str, args: &[&str]) {
    let chart: &[&str] = if command == "uninstall" { &[] } else { &[CHART] };
    let args = [&[command, release], chart, &["--namespace", NAMESPACE], args].concat();
    cluster().helm(&args).expect_success();
}

/// The release's objects as `kind.group/name`, in the order of [`KINDS`].
fn objects_of(release: &str) -> Vec<String> {
    let selector = format!("app.kubernetes.io/instance={release}");
    let args = ["get", KINDS, "--all-namespaces", "--selector", &selector, "--output=name"];
    let names = cluster().kubectl(&args).expect_success();
    names.lines().map(str::to_owned).collect()
}

fn inject_ca_bundle(configuration: &str) -> Value {
    let bundle = json!("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K");
    let webhooks = read(CONFIGURATION, configuration)["webhooks"].as_array().unwrap().len();
    let patch: Vec<_> = (0..webhooks)
        .map(|index| json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": bundle}))
        .collect();
    let patch = json!(patch).to_string();
    let args = ["patch", CONFIGURATION, configuration, "--type=json", "--patch", &patch, "--field-manager=cainjector"];
    cluster().kubectl(&args).expect_success();
    bundle
}

/// Does what the job's container would do, with the rights of the job's service account.
fn run_job(job: &Value) {
    let pod = &job["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["command"], json!(["kubectl"]));
    let account = format!("system:serviceaccount:{NAMESPACE}:{}", pod["serviceAccountName"].as_str().unwrap());
    let args = container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap());
    let args: Vec<_> = args.chain(["--as", &account]).collect();
    cluster().kubectl(&args).expect_success();
}

/// Reports the job done, as the job controller does.
fn complete(job: &Value) {
    let now = job["metadata"]["creationTimestamp"].clone();
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now});
    let patch = json!({"status": {
        "startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "terminating": 0, "active": 0,
        "uncountedTerminatedPods": {},
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
    }});
    let name = job["metadata"]["name"].as_str().unwrap();
    let args = ["patch", "job", name, "--namespace", NAMESPACE, "--subresource=status", "--type=merge"];
    cluster().kubectl(&[&args[..], &["--patch", &patch.to_string()]].concat()).expect_success();
}

fn read(kind: &str, name: &str) -> Value {
    parse(&cluster().kubectl(&["get", kind, name, "--namespace", NAMESPACE, "-o", "json"]).expect_success())
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
