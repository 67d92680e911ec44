//! Listeners that send plain requests to HTTPS.

use super::case::{Case, Explanation, object};
use super::declare::declare_rule;
use super::external;
use super::remedy::{self, Patch};
use crate::model::istio_gateway::IstioGateway;
use crate::model::kserve_config::KserveConfig;
use crate::quote;

declare_rule! {
    /// The local gateway answers plain requests with a redirect to HTTPS.
    ///
    /// ## What breaks
    ///
    /// In-cluster clients call `http://` and read `301 Moved Permanently` with a `Location` of `https://`, under which the
    /// cluster serves nothing. Libraries that follow redirects fail on the certificate or on the closed port; those that do
    /// not pass an empty body on.
    ///
    /// ## Why
    ///
    /// `tls.httpsRedirect` acts on a *virtual host*, not on a server: where a route is bound to a redirecting server, its hosts
    /// are redirected on that whole listener, even if a second server without the redirect serves the same port. KServe's and
    /// Knative's `VirtualServices` are bound to the local and the public Gateway at once. So a redirect on the *public*
    /// Gateway cuts cluster traffic as soon as both share a port of the same pods.
    ///
    /// ## How to fix
    ///
    /// Keep the redirect on the public port alone: local servers on a port of their own (8081 in the stock installation).
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     tls: {httpsRedirect: true}
    ///     hosts: ["*"]
    /// ```
    ///
    /// A redirect on another port of the same pods leaves the local one alone:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*"]
    ///   - port: {number: 8082, name: http-redirect, protocol: HTTP}
    ///     tls: {httpsRedirect: true}
    ///     hosts: ["*"]
    /// ```
    pub(super) LOCAL = 113 "redirect-to-https" {
        summary: "The local gateway answers plain requests with a redirect to HTTPS",
        severity: Error,
        hops: [Route, KnativeRoute],
        reads: {
            IstioGateway: ["spec.servers[].tls.httpsRedirect", "spec.servers[].hosts", "spec.servers[].port"],
            ConfigMap: ["data.ingress.localGateway", "data.ingress.ingressGateway", "data.external-gateways"],
        },
    }
}

pub(super) fn redirected(case: &Case<'_>, gateway: &IstioGateway, server: usize, host: &str) -> Explanation {
    let rule = case.pick(&LOCAL, &external::REDIRECT);
    let path = IstioGateway::server_path(server);
    let tls = gateway.key.site(path.clone().key("tls"));
    let site = gateway.key.site(path.clone().key("tls").key("httpsRedirect"));
    let message = format!(
        "server {server} of {} answers plain requests for {} with a redirect to https",
        object(&gateway.key),
        quote::name(host)
    );
    let say = |field: &str| format!("remove {field} (httpsRedirect)");
    let number = gateway.servers[server].number;
    let move_away = format!(
        "move server {server} of {} to a port of its own, away from port {number}, so that plain requests keep theirs",
        object(&gateway.key)
    );
    let config = case.facts().kserve_config();
    let scheme = case.field(&config.site(KserveConfig::path("urlScheme")));
    let by_scheme = format!("set {scheme} to \"https\" once the public Gateway serves HTTPS, and move clients to it");
    let explanation = Explanation::new(rule, message, site, "true")
        .remedy(case.change(&tls, say, |path| Patch::default().remove(path)))
        .remedy(remedy::by_hand(&gateway.key, move_away));
    if case.is_external() { explanation.remedy(remedy::by_hand(&config, by_scheme)) } else { explanation }
}
