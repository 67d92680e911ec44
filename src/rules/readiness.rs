//! What keeps a new service from ever becoming Ready.

use std::sync::Arc;

use super::case::{Case, Explanation, hosts, object};
use super::declare::declare_rule;
use super::remedy;
use crate::data_plane::endpoints::{Caller, Endpoints, connect, resolve};
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::object::{FieldPath, Kind, ObjectKey};
use crate::quote;

declare_rule! {
    /// net-istio is told to use a Gateway that does not exist.
    ///
    /// ## What breaks
    ///
    /// New InferenceServices never become Ready, and changed ones stay on their old revision: net-istio's reconciliation ends
    /// with `failed to get Gateway`. Running services keep their status, whatever happens to their requests (see PL107).
    ///
    /// ## Why
    ///
    /// Before net-istio calls an ingress ready, it looks up every Gateway that `config-istio` chose for the service, the
    /// external ones too where the service is public. One that is missing fails the *whole* lookup, so a typo among the external
    /// gateways keeps even the in-cluster URL of a new service from working. An ingress that was ready once is not looked
    /// at again, which is why everything stays green.
    ///
    /// ## How to fix
    ///
    /// Create the Gateway before `config-istio` names it, and take it out of `config-istio` before you delete it.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   external-gateways: |
    ///     - name: knative-ingress-gatewayy
    ///       namespace: knative-serving
    ///       service: istio-ingressgateway.istio-system.svc.cluster.local
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   external-gateways: |
    ///     - Service: istio-ingressgateway.istio-system.svc.cluster.local
    ///       Namespace: knative-serving
    ///       Name: knative-ingress-gateway
    /// ```
    pub(super) GATEWAY_MISSING = 301 "probed-gateway-missing" {
        summary: "net-istio is told to use a Gateway that does not exist",
        severity: Error,
        hops: [Readiness],
        reads: {
            ConfigMap: ["data.local-gateways", "data.external-gateways"],
            IstioGateway: ["metadata.name"],
        },
    }
}

declare_rule! {
    /// net-istio probes a gateway with a host that its servers do not cover.
    ///
    /// ## What breaks
    ///
    /// New InferenceServices never become Ready: net-istio asks the gateway for `iris-predictor.models`, reads 404, and asks
    /// again for ever. Running services stay green.
    ///
    /// ## Why
    ///
    /// net-istio finds the endpoints to probe in an odd way: it takes the Gateway's selector and looks for a Service that
    /// carries it as *labels* (not as its selector). Then it probes each HTTP server whose number is one of that Service's
    /// ports, and as `Host` it sends the *shortest* name of the Knative service, `iris-predictor.models`.
    ///
    /// The Gateway that Knative ships is never probed: the Service labelled `istio: ingressgateway` has no port 8081. A gateway
    /// of your own, installed with Istio's Helm chart, is: its Service carries the chart's labels and port 80. So its hosts
    /// must include `*.models` beside `*.models.svc.cluster.local`, although no InferenceService's URL has that form.
    ///
    /// The public gateway is probed with the public name of the Knative service, `iris-predictor.models.example.com`, not with
    /// the InferenceService's own: hosts that list the latter one by one leave it out.
    ///
    /// ## How to fix
    ///
    /// Add the short form, `*.NAMESPACE`, to the local gateway's hosts, and a wildcard for the domain to the public one's.
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
    ///   local-gateways: |
    ///     - name: custom-local-gateway
    ///       namespace: istio-system
    ///       service: custom-local-gateway.istio-system.svc.cluster.local
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: custom-local-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: custom-local-gateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*.models.svc.cluster.local"]
    /// ```
    ///
    /// ```yaml good
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
    ///   local-gateways: |
    ///     - name: custom-local-gateway
    ///       namespace: istio-system
    ///       service: custom-local-gateway.istio-system.svc.cluster.local
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: custom-local-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: custom-local-gateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*.models", "*.models.svc.cluster.local"]
    /// ```
    pub(super) PROBE_NOT_COVERED = 302 "probe-not-covered" {
        summary: "net-istio probes a gateway with a host that its servers do not cover",
        severity: Error,
        hops: [Readiness],
        reads: {
            ConfigMap: ["data.local-gateways", "data.external-gateways"],
            IstioGateway: ["spec.selector", "spec.servers[].hosts", "spec.servers[].port"],
            Service: ["metadata.labels", "spec.ports[].port", "spec.selector"],
        },
    }
}

pub(super) fn missing(case: &Case<'_>, gateway: &GatewayRef) -> Explanation {
    let site = &case.broken.site;
    let key = ObjectKey::new(Kind::IstioGateway, gateway.namespace.as_str(), gateway.name.as_str());
    let message = format!("{} does not exist, and {} makes net-istio wait for it", object(&key), case.field(site));
    let explanation = Explanation::new(&GATEWAY_MISSING, message, site.clone(), quote::quoted(&gateway.to_string()))
        .and(key.site(FieldPath::root()), "does not exist")
        .remedy(behind_service(case, &gateway.name).map(|found| case.name_gateway(site, &found, None)));
    let text = format!("keep (or create first) {}", object(&key));
    explanation.remedy(remedy::by_hand(&key, text))
}

/// The Gateway with the likeliest name on the pods behind the entry's own Service.
fn behind_service(case: &Case<'_>, wanted: &str) -> Option<ObjectKey> {
    let entry = case.entry_at(&case.broken.site)?;
    let service = resolve(case.view(), &entry.service, &case.facts().cluster_domain, Caller::Client).ok()?;
    let Endpoints::Pods { pods, .. } = connect(case.view(), &service, 80, Caller::Client) else { return None };
    let (pods, port) = pods.first()?;
    let on_pods = case.gateways_on(pods)?;
    let here = on_pods.servers_at(*port).into_iter();
    let nearest = here.min_by_key(|bound| super::suggest::distance(&bound.gateway.key.name, wanted))?;
    Some(nearest.gateway.key.clone())
}

pub(super) fn not_covered(
    case: &Case<'_>,
    (gateway, server): (&Arc<IstioGateway>, usize),
    host: &str,
    namespace: &str,
    service: &ObjectKey,
) -> Explanation {
    let message = format!(
        "net-istio probes server {server} of {} for {}, which none of its hosts covers",
        object(&gateway.key),
        quote::name(host)
    );
    let pattern = format!("*.{}", host.split_once('.').map_or(host, |(_, rest)| rest));
    let selector = super::case::labels(&gateway.selector);
    Explanation::new(&PROBE_NOT_COVERED, message, case.broken.site.clone(), hosts(&gateway.servers[server]))
        .and(
            service.site(FieldPath::of("metadata.labels")),
            format!("include {selector}, the Gateway's selector, so this Service's endpoints are probed"),
        )
        .remedy(case.add_host(gateway, server, &pattern, namespace))
}
