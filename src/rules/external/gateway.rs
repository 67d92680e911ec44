//! Public Gateways that are missing or elsewhere.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// The Gateway that public routes are bound to does not exist.
    ///
    /// ## What breaks
    ///
    /// Public URLs: 404 from the gateway's pods, or a refused connection where nothing else keeps the port open.
    ///
    /// ## Why
    ///
    /// KServe copies `ingressGateway` into the VirtualService of each InferenceService, and istiod ignores a Gateway name that
    /// belongs to no Gateway. Nothing reports it: the VirtualService is valid, the InferenceService stays Ready. (Where KServe
    /// writes no VirtualService, `disableIstioVirtualHost`, the same goes for `external-gateways` in `config-istio`.)
    ///
    /// ## How to fix
    ///
    /// Name an existing Gateway as `namespace/name`. Create a new one first, delete the old one last.
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
    ///       "ingressGateway": "istio-system/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// Another Gateway on the same pods and port serves as well:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: ml-ingress, namespace: istio-system}
    /// spec:
    ///   selector: {app: istio-ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*.example.com"]
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "istio-system/ml-ingress",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    pub(in crate::rules) GATEWAY_MISSING = 207 "public-gateway-missing" {
        summary: "The Gateway that public routes are bound to does not exist",
        severity: Error,
        hops: [Entry, ExternalRoute],
        reads: {
            ConfigMap: ["data.ingress.ingressGateway", "data.external-gateways"],
            IstioGateway: ["metadata.name"],
        },
    }
}

declare_rule! {
    /// The public Gateway is not on the pods at which public requests arrive.
    ///
    /// ## What breaks
    ///
    /// Public URLs: 404 from pods that have no route, or a refused connection.
    ///
    /// ## Why
    ///
    /// The public address belongs to a Service, and its selector decides at which pods requests arrive. The Gateway's
    /// selector decides which pods get KServe's public routes. Both match pod labels, and neither knows of the other.
    ///
    /// ## How to fix
    ///
    /// Give the Gateway a selector whose every pair the pods behind the public Service carry.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: custom-local-gateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway, app: istio-ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) OTHER_PODS = 208 "public-gateway-on-other-pods" {
        summary: "The public Gateway is not on the pods at which public requests arrive",
        severity: Error,
        hops: [Entry, ExternalRoute],
        reads: {
            ConfigMap: ["data.ingress.ingressGateway", "data.external-gateways"],
            IstioGateway: ["spec.selector"],
            Service: ["spec.selector"],
            Deployment: ["spec.template.metadata.labels"],
            Pod: ["metadata.labels"],
        },
    }
}

declare_rule! {
    /// The public Gateway listens on another port of the pods than public requests arrive at.
    ///
    /// ## What breaks
    ///
    /// Public URLs: a refused connection (503 or 504 from a load balancer), or 404 from another listener.
    ///
    /// ## Why
    ///
    /// As for PL109: istiod takes a server's number for a *Service* port where a Service that selects the pods has it, and
    /// listens on that Service's `targetPort`. Moving the public Service's `targetPort` is therefore harmless. Taking the
    /// translation away is not: the label `experimental.istio.io/disable-gateway-port-translation`, whatever its value, makes
    /// istiod listen on 80 while the Service goes on sending to 8080.
    ///
    /// ## How to fix
    ///
    /// Write the Service's port (80) in the Gateway where the Service translates, the pods' port where it does not.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: istio-ingressgateway
    ///   namespace: istio-system
    ///   labels: {istio: ingressgateway, experimental.istio.io/disable-gateway-port-translation: "false"}
    ///   annotations: {external-dns.alpha.kubernetes.io/hostname: "*.example.com"}
    /// spec:
    ///   type: LoadBalancer
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8080}]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8080, name: http, protocol: HTTP}
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) OTHER_PORT = 209 "public-gateway-on-another-port" {
        summary: "The public Gateway listens on another port of the pods than public requests arrive at",
        severity: Error,
        hops: [Entry, ExternalRoute],
        reads: {
            IstioGateway: ["spec.servers[].port.number"],
            Service: ["spec.ports[].targetPort", "metadata.labels", "metadata.creationTimestamp"],
        },
    }
}
