//! Public listeners that are not there, or are something else than HTTP.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// The server that should take public requests is bound to an address of its own (`bind`).
    ///
    /// ## What breaks
    ///
    /// Public URLs: the load balancer connects to the pods' own address, where nothing listens.
    ///
    /// ## Why
    ///
    /// As for PL105: `bind` moves a listener to the one address that it names. It is meant for proxies on machines with several
    /// addresses, not for pods.
    ///
    /// ## How to fix
    ///
    /// Remove `bind`.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     bind: 127.0.0.1
    ///     hosts: ["*"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     bind: "::"
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) BOUND_ELSEWHERE = 205 "public-listener-bound-elsewhere" {
        summary: "The server that should take public requests is bound to an address of its own",
        severity: Error,
        hops: [Entry, ExternalRoute],
        reads: {
            IstioGateway: ["spec.servers[].bind", "spec.servers[].port"],
        },
    }
}

declare_rule! {
    /// What listens on the public port does not speak the protocol of the public URLs.
    ///
    /// ## What breaks
    ///
    /// Public URLs: a plain request meets TLS (reset) or a listener without HTTP routes; where URLs are `https://`, a TLS
    /// client meets plain HTTP and fails in the handshake.
    ///
    /// ## Why
    ///
    /// `urlScheme` in KServe's configuration says what KServe gives out; the server on the port must match it: `HTTP` (or
    /// `HTTP2`, `GRPC`) for `http`, `HTTPS` with `tls` for `https`. A public Gateway may well serve both, on two ports.
    ///
    /// ## How to fix
    ///
    /// Serve both protocols while clients move from one to the other, and change `urlScheme` in between.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: https, protocol: HTTPS}
    ///     tls: {mode: SIMPLE, credentialName: example-com}
    ///     hosts: ["*"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP2}
    ///     hosts: ["*"]
    ///   - port: {number: 443, name: https, protocol: HTTPS}
    ///     tls: {mode: SIMPLE, credentialName: example-com}
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) NOT_HTTP = 206 "public-listener-not-http" {
        summary: "What listens on the public port does not speak the protocol of the public URLs",
        severity: Error,
        hops: [Entry, ExternalRoute],
        reads: {
            IstioGateway: ["spec.servers[].port.protocol", "spec.servers[].tls"],
            ConfigMap: ["data.ingress.urlScheme"],
        },
    }
}

declare_rule! {
    /// Another Gateway, being older, has taken the public port with another protocol.
    ///
    /// ## What breaks
    ///
    /// Public URLs: istiod has dropped the public Gateway's server, silently.
    ///
    /// ## Why
    ///
    /// As for PL112: among Gateways on the same pods that want one port for protocols which cannot share it, the one with the
    /// older `creationTimestamp` keeps it.
    ///
    /// ## How to fix
    ///
    /// Move the other Gateway to a port of its own. Change Gateways in place; a Gateway that is deleted and created again is
    /// the newest of all.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: broker, namespace: istio-system, creationTimestamp: "2020-01-01T00:00:00Z"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 9090, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: broker, namespace: istio-system, creationTimestamp: "2020-01-01T00:00:00Z"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: broker, namespace: istio-system, creationTimestamp: "2026-01-01T00:00:00Z"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ```
    pub(in crate::rules) CONFLICT = 212 "public-listener-conflict" {
        summary: "An older Gateway has taken the public port with another protocol",
        severity: Error,
        hops: [Entry, ExternalRoute],
        reads: {
            IstioGateway: ["spec.selector", "spec.servers[].port", "metadata.creationTimestamp"],
        },
    }
}
