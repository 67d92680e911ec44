//! Gateways that are missing, or on other pods or ports than the request meets.

use super::case::{Case, Explanation, labels, object};
use super::declare::declare_rule;
use super::remedy::Patch;
use super::{external, remedy};
use crate::finding::Remedy;
use crate::model::istio_gateway::IstioGateway;
use crate::model::service::NO_PORT_TRANSLATION_LABEL;
use crate::object::{FieldPath, ObjectKey};
use crate::quote;
use crate::walk::{Candidate, Unrouted};

declare_rule! {
    /// The Gateway that a route is bound to does not exist.
    ///
    /// ## What breaks
    ///
    /// The gateway's pods answer 404, or refuse the connection where no other Gateway keeps the port open. Where Knative's local
    /// gateway is the missing one, public URLs break too: they pass through it on their way to the model.
    ///
    /// ## Why
    ///
    /// A VirtualService names its Gateways, and istiod *ignores* a name that belongs to none: no error, no condition, no
    /// event. KServe copies `localGateway` into the VirtualService of each InferenceService and reports Ready; net-istio does
    /// the same for running services (only new ones fail, see PL301). A name without a namespace means the InferenceService's
    /// own namespace, where there is no such Gateway.
    ///
    /// ## How to fix
    ///
    /// Name an existing Gateway as `namespace/name`; create a Gateway before anything names it, and delete it last.
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
    ///       "localGateway": "istio-system/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// The old, dotted form names the same Gateway as `knative-serving/knative-local-gateway`:
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
    ///       "localGateway": "knative-local-gateway.knative-serving.svc.cluster.local",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    pub(super) MISSING = 107 "gateway-missing" {
        summary: "The Gateway that a route is bound to does not exist",
        severity: Error,
        hops: [Listener, Route, KnativeListener, KnativeRoute],
        reads: {
            ConfigMap: ["data.ingress.localGateway", "data.local-gateways[].name", "data.local-gateways[].namespace"],
            IstioGateway: ["metadata.name"],
        },
    }
}

declare_rule! {
    /// KServe's local Gateway is not on the pods that `localGatewayService` leads to.
    ///
    /// ## What breaks
    ///
    /// In-cluster calls reach gateway pods that have no route for them: 404, or a refused connection where nothing else
    /// listens there.
    ///
    /// ## Why
    ///
    /// Two selectors must find the same pods. The Service's selector decides where the request arrives; the Gateway's selector
    /// decides which pods get its listener and, with it, KServe's routes. Both are matched against *pod labels*: a Gateway
    /// is never tied to a Service by name. They need not be equal (`app: x` and `istio: x` may find the same pods), nor be in
    /// one namespace; but a pair that the pods lack leaves the Gateway without them.
    ///
    /// ## How to fix
    ///
    /// Change the three together: a Gateway's selector, the Service's selector, and the two names in KServe's configuration
    /// (`localGateway`, `localGatewayService`). New objects first, the configuration last.
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
    ///       "localGatewayService": "custom-local-gateway.istio-system.svc.cluster.local",
    ///       "knativeLocalGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// With the Gateway of the same pods named beside it, the change is complete:
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
    pub(super) OTHER_PODS = 108 "gateway-on-other-pods" {
        summary: "KServe's local Gateway is not on the pods that localGatewayService leads to",
        severity: Error,
        hops: [Listener, Route],
        reads: {
            ConfigMap: ["data.ingress.localGateway", "data.ingress.localGatewayService"],
            IstioGateway: ["spec.selector"],
            Service: ["spec.selector"],
            Deployment: ["spec.template.metadata.labels"],
            Pod: ["metadata.labels"],
        },
    }
}

declare_rule! {
    /// KServe's local Gateway listens on another port of the pods than `localGatewayService` leads to.
    ///
    /// ## What breaks
    ///
    /// In-cluster calls are refused (or time out), or are answered 404 by whatever else listens on that port.
    ///
    /// ## Why
    ///
    /// A server's `port.number` is not simply the port on the pods. istiod looks for a Service that selects the pods and has a
    /// port of that number, and listens on *its* `targetPort`; the oldest such Service decides. Only where there is none, or
    /// where it carries the label `experimental.istio.io/disable-gateway-port-translation`, is the number taken as it is.
    ///
    /// Stock example: `istio-ingressgateway` maps 80 to 8080, so a server with number 80 listens on 8080. `knative-local-gateway`
    /// maps 80 to 8081 and carries that label, so a server for it must say 8081. "Correcting" the local Gateway to 80 moves it
    /// to 8080, among the public listeners.
    ///
    /// ## How to fix
    ///
    /// Set the server's number so that it comes out at the Service's `targetPort`, or move the `targetPort`.
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
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*"]
    /// ```
    ///
    /// A second server beside the one that counts does no harm:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 80, name: http, protocol: HTTP}
    ///     hosts: ["*.models", "*.models.svc.cluster.local"]
    ///   - port: {number: 8081, name: http-local, protocol: HTTP}
    ///     hosts: ["*"]
    /// ```
    pub(super) OTHER_PORT = 109 "gateway-on-another-port" {
        summary: "KServe's local Gateway listens on another port of the pods than localGatewayService leads to",
        severity: Error,
        hops: [Listener, Route],
        reads: {
            ConfigMap: ["data.ingress.localGateway", "data.ingress.localGatewayService"],
            IstioGateway: ["spec.servers[].port.number"],
            Service: ["spec.ports[].targetPort", "spec.selector", "metadata.labels", "metadata.creationTimestamp"],
        },
    }
}

pub(super) fn missing(case: &Case<'_>, unrouted: &Unrouted, candidate: &Candidate, gateway: &ObjectKey) -> Explanation {
    let rule = case.pick(&MISSING, &external::GATEWAY_MISSING);
    let owner = case.route_owner(candidate);
    let message = format!(
        "{} does not exist, and {} binds {owner}'s route for {} to it",
        object(gateway),
        case.field(&candidate.site),
        quote::name(&unrouted.host)
    );
    let explanation = Explanation::new(rule, message, candidate.site.clone(), case.named(candidate))
        .and(gateway.site(FieldPath::root()), "does not exist");
    let explanation = name_another(case, explanation, unrouted, candidate);
    let text = format!(
        "keep (or create first) {} with a server for {} on port {} of the pods",
        object(gateway),
        quote::name(&unrouted.host),
        unrouted.port
    );
    explanation.remedy(remedy::by_hand(gateway, text))
}

pub(super) fn other_pods(
    case: &Case<'_>,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
) -> Explanation {
    let rule = case.pick(&OTHER_PODS, &external::OTHER_PODS);
    let message = format!(
        "{} selects {}, which is not on the pods behind {} ({}){}",
        object(&gateway.key),
        labels(&gateway.selector),
        object(&unrouted.service),
        object(&unrouted.pods.example),
        case.partly()
    );
    let explanation = elsewhere(case, rule, message, unrouted, candidate, gateway);
    let mut explanation = name_another(case, explanation, unrouted, candidate);
    if let Some(leading) = case.leading().filter(|_| !case.is_external()) {
        let wanted = &unrouted.service.name;
        for service in case.services_before(gateway, wanted).iter().take(2) {
            explanation = explanation.remedy(case.set(leading, &case.host_of(&service.key)));
        }
    }
    explanation.remedy(select_pods(case, unrouted, gateway))
}

/// The evidence that a Gateway is on other pods.
pub(super) fn elsewhere(
    case: &Case<'_>,
    rule: &'static super::Rule,
    message: String,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
) -> Explanation {
    let selector = FieldPath::of("spec.selector");
    let mut explanation =
        Explanation::new(rule, message, gateway.key.site(selector.clone()), labels(&gateway.selector))
            .and(unrouted.service.site(selector), format!("finds pods labelled {}", labels(&unrouted.pods.labels)))
            .and(candidate.site.clone(), case.named(candidate));
    if let Some(leading) = case.leading() {
        explanation = explanation.and(leading.clone(), format!("leads to {}", object(&unrouted.service)));
    }
    explanation
}

/// The way out that names a Gateway which would carry the route where it is missing.
pub(super) fn name_another(
    case: &Case<'_>,
    explanation: Explanation,
    unrouted: &Unrouted,
    candidate: &Candidate,
) -> Explanation {
    let service = case.is_at_knative().then_some(&unrouted.service);
    if service.is_some_and(|service| !case.is_forwarded() && !case.is_destination(service)) {
        // A direct call by way of a Service that KServe does not use: KServe's own requests would lose their gateway.
        return explanation;
    }
    match case.carrying_gateways(unrouted, &candidate.gateway.name).first() {
        Some(found) => explanation.remedy(case.name_gateway(&candidate.site, &found.key, service)),
        None => explanation,
    }
}

/// Gives the Gateway the selector of the Service in front of the pods, where that is all it lacks.
pub(super) fn select_pods(case: &Case<'_>, unrouted: &Unrouted, gateway: &IstioGateway) -> Option<Remedy> {
    let service = case.view().service(&unrouted.service.namespace, &unrouted.service.name).present()?;
    let moved = IstioGateway { selector: service.selector.clone(), ..gateway.clone() };
    let mends = service.selects_pods()
        && case.is_used_by_way_of(&gateway.key, &unrouted.service)
        && case.would_carry(moved, unrouted);
    mends.then(|| case.set_selector(&gateway.key, &service.selector))
}

pub(super) fn other_port(
    case: &Case<'_>,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
    ports: &[(u16, u16)],
) -> Explanation {
    let rule = case.pick(&OTHER_PORT, &external::OTHER_PORT);
    let message = format!(
        "{} listens on port {}, and {} leads to port {} of the pods",
        object(&gateway.key),
        listening(ports),
        object(&unrouted.service),
        unrouted.port
    );
    at_other_port(case, rule, message, unrouted, candidate, gateway, ports)
}

/// The ports on which a Gateway listens, as a sentence names them.
pub(super) fn listening(ports: &[(u16, u16)]) -> String {
    let ports = ports.iter().map(|(number, port)| {
        if number == port { port.to_string() } else { format!("{port} (which a Service makes of its {number})") }
    });
    ports.collect::<Vec<_>>().join(" and ")
}

/// The evidence that a Gateway listens on another port, and the ways out.
pub(super) fn at_other_port(
    case: &Case<'_>,
    rule: &'static super::Rule,
    message: String,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
    ports: &[(u16, u16)],
) -> Explanation {
    let number = gateway.key.site(IstioGateway::server_path(0).key("port").key("number"));
    let service = case.view().service(&unrouted.service.namespace, &unrouted.service.name).present();
    let used = service.as_ref().and_then(|service| {
        let used = case.port_of(&unrouted.service)?;
        Some((service, used, service.tcp_port(used)?.0))
    });
    let target = match &used {
        Some((service, _, index)) => service.key.site(FieldPath::of("spec.ports").index(*index).key("targetPort")),
        None => unrouted.service.site(FieldPath::of("spec.ports")),
    };
    let mut explanation = Explanation::new(rule, message, number, format!("listens on {}", listening(ports)))
        .and(target, format!("leads to port {}", unrouted.port))
        .and(candidate.site.clone(), case.named(candidate));
    if let Some(service) = case.untranslating(gateway, unrouted) {
        let label = service.key.site(FieldPath::of("metadata.labels").key(NO_PORT_TRANSLATION_LABEL));
        let say = |field: &str| format!("remove {field}: it keeps istiod from translating the Gateway's port");
        explanation = explanation
            .remedy(case.change(&label, say, |path| Patch::default().remove(path)))
            .and(label, "set, so no port is translated through this Service");
    }
    let may_move = case.is_used_by_way_of(&gateway.key, &unrouted.service);
    if let Some(number) = case.number_for(gateway, 0, unrouted).filter(|_| may_move) {
        explanation = explanation.remedy(case.set_number(gateway, 0, number));
    }
    let explanation = name_another(case, explanation, unrouted, candidate);
    match (&used, ports.first()) {
        (Some((service, used, _)), Some((_, port))) if case.leads_only_to(&service.key, &gateway.key) => {
            explanation.remedy(case.set_target(service, *used, *port))
        }
        _ => explanation,
    }
}
