//! KServe's JSON: values that it accepts, and with which it writes objects that others refuse.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// `localGatewayService` cannot be the target of an `ExternalName` Service, so the API server refuses KServe's Service.
    ///
    /// ## What breaks
    ///
    /// KServe fails to write the Service of each InferenceService (`fails to reconcile external name service`) and ends
    /// the reconciliation there: nothing new becomes Ready, and no change reaches a route.
    ///
    /// ## Why
    ///
    /// The value becomes `spec.externalName`, and the API server demands a DNS name for it: lower case, no scheme, no path,
    /// no underscore and *no port*. KServe itself checks nothing. Where `data.ingress` is missing altogether, the value is
    /// empty and fails in the same way.
    ///
    /// ## How to fix
    ///
    /// Write the Service's full name and nothing else; clients use port 80.
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
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local:80"
    ///     }
    /// ```
    ///
    /// Without KServe's virtual host no such Service is written, and the value is not used:
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
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local:80",
    ///       "disableIstioVirtualHost": true
    ///     }
    /// ```
    pub(in crate::rules) KSERVE_EXTERNAL_NAME = 7 "kserve-external-name" {
        summary: "localGatewayService cannot be the target of the Service that KServe writes",
        severity: Error,
        hops: [Name, Entry],
        reads: {
            ConfigMap: ["data.ingress.localGatewayService", "data.ingress.disableIstioVirtualHost"],
        },
    }
}

declare_rule! {
    /// A gateway or destination in KServe's configuration makes a VirtualService that istiod refuses.
    ///
    /// ## What breaks
    ///
    /// KServe fails to write the VirtualService of each InferenceService (`fails to reconcile virtual service`): nothing new
    /// becomes Ready, and no change reaches a route.
    ///
    /// ## Why
    ///
    /// `localGateway`, `ingressGateway` and `knativeLocalGatewayService` are copied into a VirtualService, and istiod's webhook
    /// checks their form: a gateway is `namespace/name` of two labels (or the old dotted name), a destination is a domain name
    /// without scheme or port. An empty value, a second slash, a space at the front or an underscore fails. A well-formed name
    /// of something that does not exist passes, and breaks later (PL107, PL121).
    ///
    /// ## How to fix
    ///
    /// Correct the form; watch out for white space that a template leaves in front.
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
    ///       "localGateway": " knative-serving/knative-local-gateway",
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
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway":    "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local"
    ///     }
    /// ```
    pub(in crate::rules) KSERVE_VIRTUAL_SERVICE = 8 "kserve-virtual-service" {
        summary: "A name in KServe's configuration makes a VirtualService that istiod refuses",
        severity: Error,
        hops: [Name, Entry],
        reads: {
            ConfigMap: [
                "data.ingress.localGateway",
                "data.ingress.ingressGateway",
                "data.ingress.knativeLocalGatewayService",
                "data.ingress.disableIstioVirtualHost",
            ],
        },
    }
}
