//! Hosts of the public Gateway, and its redirect.

use crate::rules::declare::declare_rule;

declare_rule! {
    /// No host of the public Gateway's server covers the InferenceService's public name.
    ///
    /// ## What breaks
    ///
    /// Public URLs: the gateway answers 404. In-cluster calls go on.
    ///
    /// ## Why
    ///
    /// KServe makes the public host from Knative's: `domain-template` applied to the domain in `config-domain`, with
    /// `-predictor` cut out. With a `pathTemplate` it is `ingressDomain`, and each of `additionalIngressDomains` makes
    /// another one. Every such host must be covered by a host of `ingressGateway`'s server, by the rules of PL110: a leading
    /// `*` and a comparison letter by letter.
    ///
    /// So a new domain in `config-domain`, another `domain-template`, or a Gateway narrowed to one domain all lead here.
    ///
    /// ## How to fix
    ///
    /// Add a host for the new domain to the Gateway before you change the domain.
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
    ///     hosts: ["*.svc.cluster.local", "example.com"]
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
    ///     hosts: ["*.example.com"]
    /// ```
    pub(in crate::rules) HOSTS_NOT_COVERED = 210 "public-hosts-not-covered" {
        summary: "No host of the public Gateway's server covers the public name",
        severity: Error,
        hops: [ExternalRoute],
        reads: {
            IstioGateway: ["spec.servers[].hosts"],
            ConfigMap: ["data.ingress", "data.domain-template", "data"],
        },
    }
}

declare_rule! {
    /// A host of the public Gateway would cover the public name, but its prefix keeps the namespace of the route out.
    ///
    /// ## What breaks
    ///
    /// Public URLs of every namespace that the prefix does not name: 404.
    ///
    /// ## Why
    ///
    /// As for PL111: in `namespace/host` the prefix says whose `VirtualServices` may use the host, and KServe writes them in the
    /// namespace of the InferenceService. `./` means the Gateway's own namespace and keeps all others out.
    ///
    /// ## How to fix
    ///
    /// Remove the prefix, or write a host for each namespace.
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
    ///     hosts: ["istio-system/*.example.com"]
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
    ///     hosts: ["*/*.example.com"]
    /// ```
    pub(in crate::rules) NAMESPACE_KEPT_OUT = 211 "public-namespace-kept-out" {
        summary: "A host's prefix keeps the namespace of the InferenceService out of the public Gateway",
        severity: Error,
        hops: [ExternalRoute],
        reads: {
            IstioGateway: ["spec.servers[].hosts"],
        },
    }
}

declare_rule! {
    /// The public Gateway answers plain requests with a redirect to HTTPS, and public URLs are `http://`.
    ///
    /// ## What breaks
    ///
    /// Clients of public URLs read 301 instead of a prediction. Browsers follow it, most HTTP libraries turn the `POST` of a
    /// prediction into a `GET` on the way, and programs with the plain URL in their configuration fail.
    ///
    /// ## Why
    ///
    /// A redirect is a fine thing for people, and it comes with two more settings: a server for HTTPS that covers the same
    /// hosts, and `urlScheme: https` in KServe's configuration, so that KServe gives out URLs that need no redirect.
    ///
    /// ## How to fix
    ///
    /// Serve HTTPS first, change `urlScheme`, move the clients, redirect last.
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
    ///     tls: {httpsRedirect: true}
    ///     hosts: ["*"]
    /// ```
    ///
    /// A redirect for other hosts of the same port is no matter:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-ingress-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*.models.example.com"]
    ///   - port: {number: 80, name: http-docs, protocol: HTTP}
    ///     tls: {httpsRedirect: true}
    ///     hosts: ["docs.example.com"]
    /// ```
    pub(in crate::rules) REDIRECT = 213 "public-redirect-to-https" {
        summary: "The public Gateway answers plain requests with a redirect to HTTPS",
        severity: Error,
        hops: [ExternalRoute],
        reads: {
            IstioGateway: ["spec.servers[].tls.httpsRedirect", "spec.servers[].hosts"],
            ConfigMap: ["data.ingress.urlScheme"],
        },
    }
}
