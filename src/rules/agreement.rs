//! KServe and Knative disagree on the gateway behind KServe's destination.

use super::case::{Case, Explanation, field, labels, object};
use super::declare::declare_rule;
use super::gateway::{at_other_port, elsewhere, listening, name_another, select_pods};
use super::remedy;
use crate::finding::Remedy;
use crate::model::istio_gateway::IstioGateway;
use crate::model::names::{ServiceHost, service_host};
use crate::object::{Kind, ObjectKey};
use crate::quote;
use crate::view::Lookup;
use crate::walk::{Candidate, Unrouted};

declare_rule! {
    /// KServe forwards to one gateway's pods, and Knative has its routes on another's.
    ///
    /// ## What breaks
    ///
    /// Every request to an InferenceService, from inside *and* from outside: KServe's route takes it, forwards it, and the
    /// pods behind the destination answer 404, or refuse the connection. The reporter of kserve#4387 read 504 through a load
    /// balancer. A call to the Knative service itself works, which makes it look like KServe's fault.
    ///
    /// ## Why
    ///
    /// A request passes two routes. KServe's forwards to `knativeLocalGatewayService` (or `localGatewayService` where that is
    /// empty). Knative's then takes the request for `iris-predictor`, but it exists only on the pods of the Gateways that
    /// `config-istio` lists under `local-gateways`. Names need not be equal anywhere; the *pods* behind KServe's
    /// destination must carry one of those Gateways.
    ///
    /// An entry's own `service` does not help: Knative uses it for direct calls only. And an InferenceService whose labels
    /// match an entry's `labelSelector` gets *only* that entry's gateway, while KServe goes on sending to the one destination.
    ///
    /// ## How to fix
    ///
    /// Set `knativeLocalGatewayService` to the Service of Knative's local gateway, or list a Gateway on KServe's pods. When you
    /// move KServe to a gateway of its own, set `knativeLocalGatewayService` explicitly in the same write.
    ///
    /// ## Example
    ///
    /// KServe moves to its own gateway, and the empty `knativeLocalGatewayService` follows silently:
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
    ///       "localGateway": "istio-system/custom-local-gateway",
    ///       "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// The same with the destination kept where Knative's gateway is:
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
    ///       "localGateway": "istio-system/custom-local-gateway",
    ///       "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local",
    ///       "knativeLocalGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    pub(super) OTHER_PODS = 130 "knative-gateway-on-other-pods" {
        summary: "KServe forwards to pods on which Knative's local gateway is not",
        severity: Error,
        hops: [KnativeListener, KnativeRoute],
        reads: {
            ConfigMap: ["data.ingress.knativeLocalGatewayService", "data.ingress.localGatewayService", "data.local-gateways"],
            KnativeServing: ["spec.config.istio", "spec.ingress.istio.knative-local-gateway.selector"],
            IstioGateway: ["spec.selector"],
            Service: ["spec.selector"],
            Deployment: ["spec.template.metadata.labels"],
            Pod: ["metadata.labels"],
            InferenceService: ["metadata.labels"],
        },
    }
}

declare_rule! {
    /// KServe forwards to one port of the gateway's pods, and Knative's local Gateway listens on another.
    ///
    /// ## What breaks
    ///
    /// Every request to an InferenceService, from inside and from outside: behind KServe's route the connection is refused
    /// (503, through a load balancer 504), or meets another listener (404).
    ///
    /// ## Why
    ///
    /// KServe forwards to port 80 of `knativeLocalGatewayService`; its `targetPort` must be where Knative's Gateway listens.
    /// The server's number is translated by the Services that select the pods (see PL109), so equal numbers may differ and
    /// different ones agree.
    ///
    /// The classical case is a gateway installed with Istio's Helm chart (80 to 80) behind the Gateway that Knative ships
    /// (8081), or that Gateway "corrected" to 80 on pods where 80 already means 8080.
    ///
    /// ## How to fix
    ///
    /// Set the Gateway's `port.number` or the Service's `targetPort` so that they meet.
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
    ///       "knativeLocalGatewayService": "istio-ingressgateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// Service and Gateway may move to another port together, one write after the other: first a second server, then the
    /// Service.
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
    ///   - port: {number: 8091, name: http-new, protocol: HTTP}
    ///     hosts: ["*"]
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: istio-system
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8091}]
    /// ```
    pub(super) OTHER_PORT = 131 "knative-gateway-on-another-port" {
        summary: "KServe forwards to a port of the pods on which Knative's local gateway does not listen",
        severity: Error,
        hops: [KnativeListener, KnativeRoute],
        reads: {
            ConfigMap: ["data.ingress.knativeLocalGatewayService", "data.ingress.localGatewayService", "data.local-gateways"],
            IstioGateway: ["spec.servers[].port.number"],
            Service: ["spec.ports[].targetPort", "metadata.labels", "metadata.creationTimestamp"],
        },
    }
}

declare_rule! {
    /// Knative has no local gateway for the service, so what KServe forwards meets no route.
    ///
    /// ## What breaks
    ///
    /// Every request to an InferenceService, from inside and from outside: KServe's route forwards it, and the gateway behind
    /// answers 404. With `disableIstioVirtualHost` the in-cluster name itself leads nowhere.
    ///
    /// ## Why
    ///
    /// `local-gateways: "[]"` tells net-istio since 0.49 (Knative 1.22) that there is no local gateway: mesh-only mode. A
    /// value of which nothing but comments is left, and `null`, mean the same. Releases before read an empty list as
    /// "the shipped gateway". To get the shipped one back, remove the key: an absent or blank value is the default in every
    /// release.
    ///
    /// ## How to fix
    ///
    /// List a local Gateway, or remove the key. Mesh-only mode does not go together with KServe's own virtual host.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: "[]"
    /// ```
    ///
    /// A blank value means the gateway that Knative ships:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: ""
    /// ```
    pub(super) NO_LOCAL_GATEWAY = 132 "no-local-gateway" {
        summary: "Knative has no local gateway for the service",
        severity: Error,
        hops: [KnativeListener, KnativeRoute],
        reads: {
            ConfigMap: ["data.local-gateways"],
            KnativeServing: ["spec.config.istio"],
        },
    }
}

pub(super) fn other_pods(
    case: &Case<'_>,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
) -> Explanation {
    let leads = if case.is_forwarded() { "KServe forwards" } else { "the name leads" };
    let message = format!(
        "{leads} to {}, and Knative's local gateway, {}, is on other pods (it selects {}){}",
        object(&unrouted.service),
        object(&gateway.key),
        labels(&gateway.selector),
        case.partly()
    );
    let explanation = elsewhere(case, &OTHER_PODS, message, unrouted, candidate, gateway);
    let explanation =
        move_destination(case, unrouted, candidate, gateway).into_iter().fold(explanation, Explanation::remedy);
    name_another(case, explanation, unrouted, candidate).remedy(select_pods(case, unrouted, gateway))
}

/// Points KServe's destination (or the entry's own `service`) at a Service that leads to Knative's gateway.
fn move_destination(
    case: &Case<'_>,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
) -> Vec<Remedy> {
    let mut hosts = Vec::new();
    if let Some(entry) = case.entry_at(&candidate.site)
        && let ServiceHost::Cluster { name, namespace } = service_host(&entry.service, &case.facts().cluster_domain)
        && ObjectKey::new(Kind::Service, namespace, name) != unrouted.service
        && let Lookup::Present(service) = case.view().service(namespace, name)
        && case.leads_to(&service, gateway)
    {
        hosts.push(case.host_of(&service.key));
    }
    let before = case.services_before(gateway, &unrouted.service.name);
    hosts.extend(before.iter().take(1).map(|service| case.host_of(&service.key)));
    hosts.dedup();
    let Some(leading) = case.leading() else { return Vec::new() };
    if leading.object != case.facts().kserve_config() {
        return hosts.iter().map(|host| case.set(leading, host)).collect();
    }
    // Never by way of localGatewayService: that one leads to KServe's own gateway.
    let knows = case.facts().versions.kserve_has_knative_local_gateway_service();
    let field = if knows { "knativeLocalGatewayService" } else { "localGatewayService" };
    hosts.iter().map(|host| case.set_kserve(field, host)).collect()
}

pub(super) fn other_port(
    case: &Case<'_>,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
    ports: &[(u16, u16)],
) -> Explanation {
    let leads = if case.is_forwarded() { "KServe forwards" } else { "the name leads" };
    let message = format!(
        "{leads} to port {} of the pods behind {}, and Knative's local gateway, {}, listens on {}",
        unrouted.port,
        object(&unrouted.service),
        object(&gateway.key),
        listening(ports)
    );
    let mut explanation = at_other_port(case, &OTHER_PORT, message, unrouted, candidate, gateway, ports);
    if let Some(leading) = case.leading() {
        explanation = explanation.and(leading.clone(), format!("leads to {}", object(&unrouted.service)));
    }
    move_destination(case, unrouted, candidate, gateway).into_iter().fold(explanation, Explanation::remedy)
}

pub(super) fn no_local_gateway(case: &Case<'_>, host: &str) -> Explanation {
    let config = case.facts().istio_config();
    let site = config.site(crate::model::config_map::ConfigMap::path("local-gateways"));
    let message = format!(
        "{} lists no local gateway, so Knative has no route for {} on any gateway",
        field(&site),
        quote::name(host)
    );
    let explanation = Explanation::new(&NO_LOCAL_GATEWAY, message, site.clone(), "an empty list");
    let say = |field: &str| format!("remove {field}, which means the gateway that Knative ships");
    explanation
        .remedy(case.change(&site, say, |path| remedy::Patch::default().remove(path)))
        .remedy(remedy::by_hand(&config, format!("list the local Gateway and its Service in {}", field(&site))))
}
