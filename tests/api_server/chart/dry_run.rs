//! Every rendering is one that the API server takes, without a field it does not know and without a warning.

use std::io::Write;

use tempfile::NamedTempFile;

use super::cluster::{NAMESPACE, cluster};
use super::rendering::{CHART, template};
use crate::certificates::Authority;

/// Not the chart's name, by which the harness has given rights to a user.
const RELEASE: &str = "judge";

/// What to render for a test, by what is special about it.
const MATRIX: [(&str, &[&str]); 10] = [
    ("the defaults", &[]),
    ("one replica that fails open", &["replicas=1", "webhook.failurePolicy=Ignore", "webhook.timeoutSeconds=30"]),
    ("cert-manager", &["certificate.mode=cert-manager"]),
    (
        "a brisk rotation",
        &["certificate.selfManaged.caSeconds=86400", "certificate.selfManaged.leafSeconds=3600", "fullnameOverride=p"],
    ),
    (
        "an issuer of one's own",
        &[
            "certificate.mode=cert-manager",
            "certificate.certManager.issuerRef.name=company",
            "certificate.certManager.issuerRef.kind=ClusterIssuer",
        ],
    ),
    ("Knative's ConfigMaps by a Role", &["rbac.knativeRole=true"]),
    (
        "all that is optional",
        &[
            "autoscaling.enabled=true",
            "networkPolicy.enabled=true",
            "traces.endpoint=http://collector.observability:4318",
            "networkPolicy.webhookFrom[0].ipBlock.cidr=10.0.0.0/8",
            "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
            "networkPolicy.apiServerTo[0].ipBlock.cidr=10.0.0.1/32",
            "mesh.peerAuthentication=true",
            "serviceMonitor.enabled=true",
            "serviceMonitor.labels.release=prometheus",
            "prometheusRule.enabled=true",
            "prometheusRule.labels.release=prometheus",
            "prometheusRule.runbookBaseUrl=https://runbooks.example.com/plumbline/",
            "grafanaDashboard.enabled=true",
            "grafanaDashboard.annotations.folder=networking",
            "preDelete.enabled=true",
            "preDelete.image=registry.example.com/kubectl:1.34",
        ],
    ),
    (
        "nothing that is optional",
        &[
            "podDisruptionBudget.enabled=false",
            "topologySpread.enabled=false",
            "mesh.optOut=false",
            "webhook.gatewayServices.enabled=false",
            "webhook.excludedNamespaces=null",
            "rbac.create=false",
            "serviceAccount.create=false",
            "resources=null",
        ],
    ),
    (
        "another cluster",
        &[
            "namespaces.kserve=kubeflow",
            "namespaces.knative=serverless",
            "clusterDomain=cluster.example.com",
            "judge.namespaces={models,online-serving}",
            "judge.synthetic=warn",
            "webhook.labels.team=platform",
            "webhook.annotations.example\\.com/owner=platform",
            "webhook.gatewayServices.namespaces={istio-ingress}",
            "podDisruptionBudget.maxUnavailable=50%",
        ],
    ),
    (
        "every say over the pods",
        &[
            "image.repository=registry.example.com/plumbline",
            "image.digest=sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "imagePullSecrets[0].name=registry",
            "fullnameOverride=a-name-that-is-as-long-as-a-name-may-be-and-that-has-to-be-cut",
            "clients.caConfigMap=api-server-clients",
            "clients.names={kube-apiserver}",
            "ports.webhook=9443",
            "ports.health=9080",
            "listenAddress=[::]",
            "drainSeconds=20",
            "extraArgs={--concurrency=8}",
            "extraEnv[0].name=PLUMBLINE_OPERATOR_USERS",
            "extraEnv[0].value=somebody",
            "priorityClassName=system-cluster-critical",
            "topologySpread.whenUnsatisfiable=DoNotSchedule",
            "nodeSelector.pool=system",
            "tolerations[0].operator=Exists",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key=a",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].operator=Exists",
            "podLabels.team=platform",
            "podAnnotations.example\\.com/owner=platform",
            "serviceAccount.name=reader",
            "serviceAccount.annotations.example\\.com/owner=platform",
        ],
    ),
];

#[test]
fn the_api_server_takes_every_rendering() {
    for (case, values) in MATRIX {
        accepted(case, NAMESPACE, &set(values));
    }
}

#[test]
fn the_api_server_takes_what_restricted_namespaces_refuse() {
    let values = ["hostNetwork=true", "podSecurityContext=null", "securityContext=null"];
    accepted("the nodes' network", "unrestricted", &set(&values));

    let strict = template(RELEASE, NAMESPACE, &set(&values)).expect_success();
    let answer = cluster().apply(&strict, &["--dry-run=server"]);
    assert!(answer.stderr.contains("would violate PodSecurity \"restricted"), "{answer:?}");
}

#[test]
fn the_api_server_takes_a_supplied_certificate() {
    let mut bundle = NamedTempFile::new().unwrap();
    for authority in [Authority::generate(), Authority::generate()] {
        bundle.write_all(authority.certificate_pem().as_bytes()).unwrap();
    }
    let file = format!("certificate.supplied.caBundle={}", bundle.path().display());
    let mut args = set(&["certificate.mode=supplied", "certificate.supplied.secretName=ours"]);
    args.extend(["--set-file", &file]);

    accepted("a supplied certificate", NAMESPACE, &args);
}

#[test]
fn lint_finds_nothing() {
    for (case, values) in MATRIX {
        let args = [&["lint", "--strict", CHART], &set(values)[..]].concat();
        let answer = cluster().helm(&args);
        assert!(answer.status.success() && answer.stderr.is_empty(), "{case}: {answer:#?}");
    }
}

#[test]
fn values_that_cannot_work_are_refused_with_their_name() {
    for (value, complaint) in [
        ("replicas=two", "at '/replicas': got string, want integer"),
        ("webhook.failurePolicy=fail", "at '/webhook/failurePolicy': value must be one of 'Fail', 'Ignore'"),
        ("webhook.failurepolicy=Fail", "additional properties 'failurepolicy' not allowed"),
        ("webhook.timeoutSeconds=31", "at '/webhook/timeoutSeconds': maximum: got 31, want 30"),
        ("namespaces.kserve=KServe", "at '/namespaces/kserve'"),
        ("certificate.mode=automatic", "at '/certificate/mode': value must be one of"),
        ("certificate.selfManaged.caSeconds=0", "at '/certificate/selfManaged/caSeconds': minimum"),
        ("certificate.mode=supplied", "at '/certificate/supplied/caBundle': minLength"),
        ("certificate.supplied.caBundle=-----BEGIN PRIVATE KEY-----", "at '/certificate/supplied/caBundle'"),
        ("clients.names={kube-apiserver}", "at '/clients/caConfigMap': minLength"),
        ("preDelete.enabled=true", "at '/preDelete/image': minLength"),
        ("podDisruptionBudget.maxUnavailable=0", "at '/podDisruptionBudget/maxUnavailable'"),
        ("namespaces.kserve=plumbline", "namespace plumbline is one that plumbline guards"),
        ("webhook.gatewayServices.namespaces={plumbline}", "namespace plumbline is one that plumbline guards"),
        ("webhook.excludedNamespaces={istio-system}", "webhook.excludedNamespaces holds istio-system"),
    ] {
        let complaints = template(RELEASE, NAMESPACE, &["--set", value]).expect_failure();
        assert!(complaints.contains(complaint), "{value}: {complaints}");
    }
    let old = template(RELEASE, NAMESPACE, &["--kube-version", "1.27.16"]).expect_failure();
    assert!(old.contains("plumbline needs Kubernetes 1.28 or newer, and this is v1.27.16"), "{old}");
}

#[track_caller]
fn accepted(case: &str, namespace: &str, args: &[&str]) {
    let rendering = template(RELEASE, namespace, args).expect_success();
    let answer = cluster().apply(&rendering, &["--dry-run=server", "--validate=strict"]);
    assert!(answer.status.success() && answer.stderr.is_empty(), "{case}: {answer:#?}");
}

fn set<'a>(values: &[&'a str]) -> Vec<&'a str> {
    values.iter().flat_map(|value| ["--set", *value]).collect()
}
