//! Services on the way to the first gateway.

use std::sync::Arc;

use serde_json::json;

use super::Rule;
use super::case::{Case, Explanation, labels, object};
use super::declare::declare_rule;
use super::remedy::{self, Patch};
use crate::data_plane::listener::{GatewayPods, Listener};
use crate::finding::Remedy;
use crate::model::Object;
use crate::model::service::{Service, ServicePort, TargetPort};
use crate::object::{FieldPath, ObjectKey};
use crate::quote;
use crate::view::Lookup;

declare_rule! {
    /// The Service that an InferenceService's name leads to does not exist.
    ///
    /// ## What breaks
    ///
    /// Every in-cluster call to an InferenceService by its URL: the name is a CNAME for a Service that is not there, and the
    /// client's resolver answers NXDOMAIN.
    ///
    /// ## Why
    ///
    /// KServe writes one `ExternalName` Service for each InferenceService, with `localGatewayService` as its target, and never
    /// looks whether that target exists: an `ExternalName` is a DNS record and nothing more. The InferenceService stays Ready.
    /// Knative does the same with the `service` of its local gateway in `config-istio`, so a transformer's call to its
    /// predictor can break in this way too.
    ///
    /// The Service usually lives where the gateway's *pods* live (`istio-system`), not where the Gateway object lives
    /// (`knative-serving`); mixing the two up is the commonest cause.
    ///
    /// ## How to fix
    ///
    /// Name the Service that stands in front of the gateway's pods, or create it before anything names it. Before you delete a
    /// Service, point the configuration at another one.
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
    ///       "localGatewayService": "knative-local-gateway.knative-serving.svc.cluster.local",
    ///       "knativeLocalGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// A second Service in front of the same pods and the same port is as good as the first:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: ml-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http, port: 80, targetPort: 8081}]
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "ml-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    pub(super) MISSING = 102 "service-missing" {
        summary: "The Service that an InferenceService's name leads to does not exist",
        severity: Error,
        hops: [Service],
        reads: {
            ConfigMap: ["data.ingress.localGatewayService", "data.local-gateways[].service"],
            Service: ["metadata.name"],
        },
    }
}

declare_rule! {
    /// The Service in front of the local gateway lacks the port that clients use.
    ///
    /// ## What breaks
    ///
    /// In-cluster calls to every InferenceService time out or are refused: the name resolves to the Service's address, and
    /// nothing answers on the port.
    ///
    /// ## Why
    ///
    /// An InferenceService's URL has no port in it, so a client connects to port 80 (or to the port it has been using, where a
    /// distribution exposes another one). kube-proxy forwards only what `spec.ports` lists, by number and protocol: renaming a
    /// port is harmless, renumbering it or turning it into UDP is not. The Gateway's own port number does not matter here, it
    /// is behind `targetPort`.
    ///
    /// ## How to fix
    ///
    /// Keep the port, or add the new one beside it and move the clients before you drop the old one.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: knative-local-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 8080, targetPort: 8081}]
    /// ```
    ///
    /// A port beside it, and another name for the old one, change nothing for anybody:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: istio-system
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports:
    ///   - {name: http-plain, port: 80, targetPort: 8081}
    ///   - {name: http-alt, port: 8080, targetPort: 8081}
    /// ```
    pub(super) PORT = 103 "service-port-missing" {
        summary: "The Service in front of the local gateway lacks the port that clients use",
        severity: Error,
        hops: [Service],
        reads: {
            Service: ["spec.ports[].port", "spec.ports[].protocol"],
        },
    }
}

declare_rule! {
    /// The selector of the Service in front of the local gateway finds no pods.
    ///
    /// ## What breaks
    ///
    /// In-cluster calls to every InferenceService are refused at once: the Service has an address and no endpoints behind it.
    ///
    /// ## Why
    ///
    /// A Service finds its pods by their labels, and *all* pairs of its selector must match. A selector copied from another
    /// installation (`istio: ingressgateway` where the Helm chart labels the pods `istio: ingress`), or a label renamed on the
    /// Deployment but not on the Service, leaves it empty. A `targetPort` that is a name finds nothing either when no
    /// container port has it.
    ///
    /// Pods that are not ready, or a Deployment scaled to zero, are no misconfiguration: plumbline looks at pod templates
    /// where there are no pods.
    ///
    /// ## How to fix
    ///
    /// Give the Service the labels that the gateway's pods carry: `kubectl get pods -n istio-system --show-labels`.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: knative-local-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingress}
    ///   ports: [{name: http2, port: 80, targetPort: 8081}]
    /// ```
    ///
    /// Another label that the same pods carry finds the same pods:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: istio-system
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {app: istio-ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8081}]
    /// ```
    pub(super) PODS = 104 "service-without-pods" {
        summary: "The selector of the Service in front of the local gateway finds no pods",
        severity: Error,
        hops: [Service],
        reads: {
            Service: ["spec.selector", "spec.ports[].targetPort"],
            Deployment: ["spec.template.metadata.labels", "spec.template.spec.containers[].ports"],
            DaemonSet: ["spec.template.metadata.labels"],
            StatefulSet: ["spec.template.metadata.labels"],
            Pod: ["metadata.labels"],
        },
    }
}

pub(super) fn missing(case: &Case<'_>, service: &ObjectKey) -> Explanation {
    let site = &case.broken.site;
    let message =
        format!("{} does not exist, and {} leads every such request to it", object(service), case.field(site));
    let explanation = Explanation::new(&MISSING, message, site.clone(), named(case, service))
        .and(service.site(FieldPath::root()), "does not exist");
    other_services(case, explanation, site, service)
}

/// The ways out where a field names a Service that does not exist.
pub(super) fn other_services(
    case: &Case<'_>,
    mut explanation: Explanation,
    site: &crate::object::Site,
    service: &ObjectKey,
) -> Explanation {
    for host in case.services_to_name(&service.name) {
        explanation = explanation.remedy(case.set(site, &host));
    }
    if let Some(alike) = case.service_like(&service.namespace, &service.name) {
        explanation = explanation.remedy(case.set(site, &case.host_of(&alike.key)));
    }
    let text = format!("keep (or create first) {} in front of the gateway's pods, with port 80", object(service));
    explanation.remedy(remedy::by_hand(service, text))
}

/// What the field at which a request left for a Service says of it.
pub(super) fn named(case: &Case<'_>, service: &ObjectKey) -> String {
    quote::quoted(&case.host_of(service))
}

pub(super) fn port(case: &Case<'_>, rule: &'static Rule, service: &Arc<Service>, number: u16) -> Explanation {
    let ports = service
        .ports
        .iter()
        .map(|port| if port.tcp { port.port.to_string() } else { format!("{} (not TCP)", port.port) });
    let ports: Vec<String> = ports.collect();
    let has = if ports.is_empty() { "no port at all".to_owned() } else { ports.join(", ") };
    let message = format!("{} has no TCP port {number}, which the request uses; it has {has}", object(&service.key));
    let explanation = Explanation::new(rule, message, service.key.site(FieldPath::of("spec.ports")), has);
    let explanation = match case.leading() {
        Some(leading) => explanation.and(leading.clone(), "leads to this Service"),
        None => explanation,
    };
    explanation.remedy(with_port(case, service, number))
}

fn with_port(case: &Case<'_>, service: &Arc<Service>, number: u16) -> Remedy {
    let ports = FieldPath::of("spec.ports");
    if let Some(index) = service.ports.iter().position(|port| port.port == number && !port.tcp) {
        let site = service.key.site(ports.index(index).key("protocol"));
        return case.change(&site, |field| format!("set {field} to TCP"), |path| Patch::default().add(path, "TCP"));
    }
    let target = container_port(case, service, number).or_else(|| plaintext_port(case, service)).unwrap_or(number);
    let name = if service.ports.iter().any(|port| &*port.name == "http") { "http-plain" } else { "http" };
    let entry = json!({"name": name, "port": number, "targetPort": target, "protocol": "TCP"});
    let say = |field: &str| format!("add port {number} with targetPort {target} to {field}");
    case.change(&service.key.site(ports), say, |path| Patch::default().append(path, entry))
}

/// The port of a Service's pods on which the Gateway that the request is meant for listens.
fn plaintext_port(case: &Case<'_>, service: &Service) -> Option<u16> {
    let gateway = case.expected_gateway()?;
    let pods = case.view().pods(&service.key.namespace, &service.selector).present()?;
    let on_pods = case.gateways_on(pods.first()?)?;
    let servers = on_pods.servers_of(&gateway.key.namespace, &gateway.key.name);
    let plaintext = |port: u16| matches!(on_pods.listener(port), Listener::Http { .. });
    servers.map(|bound| bound.port).find(|port| plaintext(*port))
}

/// The port that the Service's pods declare for HTTP, where the Gateway that the request is meant for would listen on it if
/// the Service led there: tried, since istiod translates the Gateway's port through this very Service.
fn container_port(case: &Case<'_>, service: &Service, number: u16) -> Option<u16> {
    let gateway = case.expected_gateway()?;
    let pods = case.view().pods(&service.key.namespace, &service.selector).present()?;
    let declared =
        pods.first()?.ports.iter().filter(|(name, _)| name.starts_with("http") && !name.starts_with("https"));
    declared.map(|(_, port)| *port).find(|port| {
        let mut led = service.clone();
        led.ports.retain(|known| known.port != number);
        led.ports.push(ServicePort {
            name: "http".into(),
            port: number,
            target: TargetPort::Number(*port),
            tcp: true,
            mesh_protocol: "http",
        });
        let led = Object::Service(Arc::new(led));
        let view = case.view().fork().with(service.key.clone(), Some(led));
        let on_pods = GatewayPods::of(&view, &pods[0], case.facts().scope_gateways_to_namespace).present();
        on_pods.is_some_and(|on_pods| match on_pods.listener(*port) {
            Listener::Http { servers, .. } => servers.iter().any(|bound| bound.gateway.key == gateway.key),
            Listener::Closed | Listener::NotHttp { .. } => false,
        })
    })
}

pub(super) fn pods(case: &Case<'_>, rule: &'static Rule, service: &Arc<Service>, number: u16) -> Explanation {
    let selector = service.key.site(FieldPath::of("spec.selector"));
    let of_port = service.tcp_port(number);
    let found = case.view().pods(&service.key.namespace, &service.selector);
    if let (Lookup::Present(found), Some((index, port))) = (&found, of_port)
        && let (TargetPort::Name(name), Some(pods)) = (&port.target, found.first())
    {
        let site = service.key.site(FieldPath::of("spec.ports").index(index).key("targetPort"));
        let ports = pods.ports.iter().map(|(name, number)| format!("{name} ({number})"));
        let ports = ports.collect::<Vec<_>>().join(", ");
        let has = if ports.is_empty() { "no named port".to_owned() } else { quote::printable(&ports) };
        let message = format!(
            "port {number} of {} leads to a container port named {}, and the pods behind it have {has}",
            object(&service.key),
            quote::name(name)
        );
        let target = container_port(case, service, number).or_else(|| plaintext_port(case, service));
        let target = target.and_then(|target| case.set_target(service, number, target));
        return Explanation::new(rule, message, site, quote::quoted(name))
            .and(pods.example.site(FieldPath::root()), format!("container ports: {has}"))
            .remedy(target);
    }
    let message = if service.selector.is_empty() {
        format!("{} has lost its selector, so no pods stand behind it", object(&service.key))
    } else {
        format!("the selector of {} finds no pods: {}", object(&service.key), labels(&service.selector))
    };
    let mut explanation = Explanation::new(rule, message, selector, labels(&service.selector));
    if let Some(gateway) = case.expected_gateway() {
        let behind = case.view().pods(&service.key.namespace, &gateway.selector);
        let gateway_selector = gateway.key.site(FieldPath::of("spec.selector"));
        explanation = explanation.and(gateway_selector, labels(&gateway.selector));
        // Where the pods cannot be read, the Gateway's selector is still the best that is known.
        let finds = !matches!(&behind, Lookup::Present(pods) if pods.is_empty());
        if finds && !gateway.selector.is_empty() && gateway.selector != service.selector {
            explanation = explanation.remedy(case.set_selector(&service.key, &gateway.selector));
        }
    }
    let text = format!(
        "give the gateway's pods in {} the labels that {} selects",
        service.key.namespace,
        object(&service.key)
    );
    explanation.remedy(remedy::by_hand(&service.key, text))
}
