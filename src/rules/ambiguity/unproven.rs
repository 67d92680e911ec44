//! PL600.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// A request can be shown neither to arrive nor to break.
    ///
    /// ## What breaks
    ///
    /// Perhaps nothing. The write is allowed, since only what provably breaks a request is refused, and plumbline can no
    /// longer follow the request where it could before.
    ///
    /// ## Why
    ///
    /// Some things that decide lie outside what plumbline knows: an `ExternalName` Service or one without a selector leads
    /// where only the cluster knows; a server in mode `ISTIO_MUTUAL` is open to the mesh alone; a name outside the cluster's
    /// domain may be anything. An object that could not be read (its kind is not installed, or reading it is forbidden) is
    /// unknown and never taken for missing. And where an empty gateway list means one thing to Knative before 1.22 and another
    /// since, an unknown release leaves both open.
    ///
    /// ## How to fix
    ///
    /// Try the request: `kubectl run curl --rm -it --image=curlimages/curl -- curl -v http://iris.models.svc.cluster.local`.
    /// Where reading is forbidden, grant it; where a release is unknown, set `versions.knative`.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: knative-local-gateway, namespace: istio-system}
    /// spec:
    ///   type: ExternalName
    ///   externalName: gateway.example.net
    /// ```
    ///
    /// A Service that selects its pods can be followed:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: istio-system
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   type: NodePort
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8081}]
    /// ```
    pub(in crate::rules) UNPROVEN = 600 "cannot-be-proven" {
        summary: "A request can be shown neither to arrive nor to break",
        severity: Warning,
        hops: [Name, Service, Listener, Route, Destination, KnativeListener, KnativeRoute, Entry, ExternalRoute, Readiness],
        reads: {
            Service: ["spec.type", "spec.selector"],
            IstioGateway: ["spec.servers[].tls.mode"],
            ConfigMap: ["data"],
        },
    }
}
