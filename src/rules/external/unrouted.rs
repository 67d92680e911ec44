//! Public requests for which nobody writes a route.

use crate::model::config_map::ConfigMap;
use crate::model::kserve_config::KserveConfig;
use crate::quote;
use crate::rules::case::{Case, Explanation, field};
use crate::rules::declare::declare_rule;
use crate::rules::remedy::{self, Patch};
use crate::walk::Unrouted;

declare_rule! {
    /// Knative has no external gateway for the service, so its public name has no route.
    ///
    /// ## What breaks
    ///
    /// Public URLs, where KServe writes no VirtualService of its own (`disableIstioVirtualHost: true`): 404.
    ///
    /// ## Why
    ///
    /// With KServe's virtual host switched off, an InferenceService's public URL is that of its Knative service, and Knative
    /// binds that to the Gateways under `external-gateways` in `config-istio`. An empty list means none since Knative 1.22.
    /// With the virtual host on, `ingressGateway` decides, and `external-gateways` matters for the readiness of new services only.
    ///
    /// ## How to fix
    ///
    /// List a Gateway, or remove the key: without it, Knative uses the Gateway that it ships.
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
    ///     {"ingressGateway": "knative-serving/knative-ingress-gateway", "disableIstioVirtualHost": true}
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   external-gateways: "[]"
    /// ```
    ///
    /// With KServe's virtual host on, the same list is no outage:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   external-gateways: "[]"
    /// ```
    pub(in crate::rules) NO_GATEWAY = 214 "no-external-gateway" {
        summary: "Knative has no external gateway for the service",
        severity: Error,
        hops: [Entry, ExternalRoute],
        reads: {
            ConfigMap: ["data.external-gateways", "data.ingress.disableIstioVirtualHost"],
        },
    }
}

declare_rule! {
    /// KServe gives out public URLs under `ingressDomain`, and nobody routes them.
    ///
    /// ## What breaks
    ///
    /// Public URLs of the form `https://inference.example.com/serving/…`: 404.
    ///
    /// ## Why
    ///
    /// With a `pathTemplate`, all InferenceServices share the host `ingressDomain` and differ by path. The route for that
    /// host is part of KServe's VirtualService, and `disableIstioVirtualHost` keeps KServe from writing any, while the URLs in
    /// the InferenceServices' status stay as they are.
    ///
    /// ## How to fix
    ///
    /// Use one or the other: keep KServe's virtual host, or remove the `pathTemplate`.
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
    ///       "pathTemplate": "/serving/{{ .Namespace }}/{{ .Name }}",
    ///       "disableIstioVirtualHost": true
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
    ///       "pathTemplate": "/serving/{{ .Namespace }}/{{ .Name }}"
    ///     }
    /// ```
    pub(in crate::rules) PATH_WITHOUT_ROUTE = 215 "path-without-route" {
        summary: "KServe gives out public URLs under ingressDomain, and nobody routes them",
        severity: Error,
        hops: [ExternalRoute],
        reads: {
            ConfigMap: ["data.ingress.pathTemplate", "data.ingress.disableIstioVirtualHost", "data.ingress.ingressDomain"],
        },
    }
}

pub(in crate::rules) fn no_gateway(case: &Case<'_>, host: &str) -> Explanation {
    let config = case.facts().istio_config();
    let site = config.site(ConfigMap::path("external-gateways"));
    let message =
        format!("{} lists no gateway, so Knative has no public route for {}", field(&site), quote::name(host));
    let say = |field: &str| format!("remove {field}, which means the gateway that Knative ships");
    Explanation::new(&NO_GATEWAY, message, site.clone(), "an empty list")
        .remedy(case.change(&site, say, |path| Patch::default().remove(path)))
        .remedy(remedy::by_hand(&config, format!("list the public Gateway and its Service in {}", field(&site))))
}

pub(in crate::rules) fn path_without_route(case: &Case<'_>, unrouted: &Unrouted) -> Explanation {
    let site = &case.broken.site;
    let message = format!(
        "KServe gives out URLs under {}, and {} keeps it from writing the route for them",
        quote::name(&unrouted.host),
        case.field(site)
    );
    let template = case.facts().kserve_config().site(KserveConfig::path("pathTemplate"));
    let keep = remedy::replace_text(case.view(), case.facts(), site, &false.into());
    let drop = remedy::replace_text(case.view(), case.facts(), &template, &"".into());
    Explanation::new(&PATH_WITHOUT_ROUTE, message, site.clone(), "true").remedy(keep).remedy(drop)
}
