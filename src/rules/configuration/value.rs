//! KServe's JSON: values that its parser refuses.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// `kserveIngressGateway` is not `namespace/name`.
    ///
    /// ## What breaks
    ///
    /// As for PL001: every reconciliation of KServe fails, in every deployment mode.
    ///
    /// ## Why
    ///
    /// With `enableGatewayApi: true`, KServe splits `kserveIngressGateway` at the slash and demands two DNS labels: lower case,
    /// digits and hyphens. A Gateway whose name contains a dot is legal to the API server and cannot be named here. Without
    /// `enableGatewayApi` the field is not looked at.
    ///
    /// ## How to fix
    ///
    /// Write `namespace/name` of a `gateway.networking.k8s.io` Gateway; rename one that has a dot in its name.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "enableGatewayApi": true,
    ///       "kserveIngressGateway": "kserve-ingress-gateway",
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local"
    ///     }
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "enableGatewayApi": false,
    ///       "kserveIngressGateway": "kserve-ingress-gateway",
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local"
    ///     }
    /// ```
    pub(in crate::rules) KSERVE_INGRESS_GATEWAY = 4 "kserve-ingress-gateway" {
        summary: "kserveIngressGateway is not namespace/name",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.ingress.kserveIngressGateway", "data.ingress.enableGatewayApi"],
        },
    }
}

declare_rule! {
    /// `pathTemplate` is not a Go template.
    ///
    /// ## What breaks
    ///
    /// As for PL001: every reconciliation of KServe fails.
    ///
    /// ## Why
    ///
    /// KServe parses the template with Go's `text/template` when it reads the configuration. Actions stand in double braces and
    /// name a field with a dot in front: `{{ .Name }}`. A brace too few, or a name without its dot (which Go takes for a
    /// function), is an error.
    ///
    /// ## How to fix
    ///
    /// Write `/serving/{{ .Namespace }}/{{ .Name }}`, with both fields in it: two InferenceServices of one path would share it.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "inference.example.com",
    ///       "pathTemplate": "/serving/{{ .Namespace }/{{ .Name }}"
    ///     }
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "inference.example.com",
    ///       "pathTemplate": "/serving/{{.Namespace}}/{{ .Name }}"
    ///     }
    /// ```
    pub(in crate::rules) KSERVE_PATH_TEMPLATE = 5 "kserve-path-template" {
        summary: "pathTemplate is not a Go template",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.ingress.pathTemplate"],
        },
    }
}

declare_rule! {
    /// `defaultDeploymentMode` is no mode that this release of KServe knows.
    ///
    /// ## What breaks
    ///
    /// More than with the other codes of this family: KServe's *admission webhook* reads the same field, so every create and update of an
    /// InferenceService is refused, beside every reconciliation.
    ///
    /// ## Why
    ///
    /// Since release 0.16 the modes are `Knative`, `Standard` and `ModelMesh`; the old names `Serverless` and `RawDeployment`
    /// stay valid. Releases before know only the old names, so a configuration of a new Helm chart breaks an old controller.
    /// Case matters. The default decides for InferenceServices that have no mode yet; those that run keep theirs.
    ///
    /// ## How to fix
    ///
    /// Write a mode of the installed release; the old names work in all of them.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "serverless"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local"
    ///     }
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Serverless"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local"
    ///     }
    /// ```
    pub(in crate::rules) KSERVE_DEPLOYMENT_MODE = 6 "kserve-deployment-mode" {
        summary: "defaultDeploymentMode is no mode that this release of KServe knows",
        severity: Error,
        hops: [],
        reads: {
            ConfigMap: ["data.deploy.defaultDeploymentMode"],
            Deployment: ["metadata.labels", "spec.template.spec.containers[].image"],
        },
    }
}
