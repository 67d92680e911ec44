//! Listeners that are not there, or are something else than plaintext HTTP.

use super::case::{Case, Explanation, object, protocol};
use super::declare::declare_rule;
use super::external;
use super::remedy::{self, Patch};
use crate::model::istio_gateway::IstioGateway;
use crate::object::FieldPath;
use crate::quote;
use crate::walk::Unrouted;

declare_rule! {
    /// The server that should take the request is bound to an address of its own (`bind`).
    ///
    /// ## What breaks
    ///
    /// Connections to the pods' own address, which is what a Service makes, find nobody listening: refused inside the cluster,
    /// 503 where another gateway forwards, 504 or a timeout through a load balancer.
    ///
    /// ## Why
    ///
    /// A server of a Gateway listens on every address of its pods unless `bind` names one. With `bind: 127.0.0.1` the
    /// listener exists, in the proxy's own network namespace only; port, protocol and hosts may all be right.
    ///
    /// ## How to fix
    ///
    /// Remove `bind`, or give the local gateway a server without it.
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
    ///     bind: 127.0.0.1
    ///     hosts: ["*"]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     bind: 0.0.0.0
    ///     hosts: ["*"]
    /// ```
    pub(super) BOUND_ELSEWHERE = 105 "listener-bound-elsewhere" {
        summary: "The server that should take the request is bound to an address of its own",
        severity: Error,
        hops: [Listener, Route, KnativeListener, KnativeRoute],
        reads: {
            IstioGateway: ["spec.servers[].bind", "spec.servers[].port"],
            Service: ["spec.ports[].targetPort"],
        },
    }
}

declare_rule! {
    /// What listens on the local gateway's port does not speak plaintext HTTP.
    ///
    /// ## What breaks
    ///
    /// A client, or the gateway that forwards to this one, sends a plain HTTP request. A TLS listener answers it with a reset
    /// connection; for a TCP server, to which nobody has written a TCP route, istiod opens no listener at all, and the
    /// connection is refused. Behind another gateway the client reads 503.
    ///
    /// ## Why
    ///
    /// KServe's routes forward to port 80 in plain HTTP, and an InferenceService's in-cluster URL is `http://`. Istio routes
    /// by host only where the server's protocol is `HTTP`, `HTTP2`, `GRPC`, `GRPC-WEB` or `HTTP_PROXY` (in any case); `HTTPS`
    /// and `TLS` make TLS listeners, and `TCP`, `MONGO` and the rest know no HTTP routes.
    ///
    /// A server in mode `ISTIO_MUTUAL` is not judged as it stands: the mesh reaches it although a plain client does not. A
    /// write that turns a plaintext server into one cuts the plain clients that it had.
    ///
    /// ## How to fix
    ///
    /// Keep a plaintext server on the port for cluster traffic, and put TLS on a port of its own.
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
    ///   - port: {number: 8081, name: https, protocol: HTTPS}
    ///     tls: {mode: SIMPLE, credentialName: local-gateway}
    ///     hosts: ["*"]
    /// ```
    ///
    /// The protocol's case does not matter, and TLS on another port takes nothing away:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: http2}
    ///     hosts: ["*"]
    ///   - port: {number: 8444, name: https, protocol: HTTPS}
    ///     tls: {mode: SIMPLE, credentialName: local-gateway}
    ///     hosts: ["*"]
    /// ```
    pub(super) NOT_HTTP = 106 "listener-not-http" {
        summary: "What listens on the local gateway's port does not speak plaintext HTTP",
        severity: Error,
        hops: [Listener, Route, KnativeListener, KnativeRoute],
        reads: {
            IstioGateway: ["spec.servers[].port.protocol", "spec.servers[].tls"],
        },
    }
}

declare_rule! {
    /// Another Gateway, being older, has taken the port with another protocol, and istiod has dropped this one's server.
    ///
    /// ## What breaks
    ///
    /// Everything the dropped server carried: 404, a reset connection, or 503 behind another gateway. Nothing in the cluster
    /// says so but a line in istiod's log and the metric `pilot_total_rejected_configs`.
    ///
    /// ## Why
    ///
    /// All Gateways whose selector finds the same pods share those pods' ports. Plaintext HTTP servers on one port are merged,
    /// whatever namespace they come from. Servers whose protocols cannot share a port are not: istiod keeps the Gateway with
    /// the older `creationTimestamp` and drops the other. So a newcomer never hurts what is there, but *deleting and creating
    /// again* (`kubectl replace --force`, a Helm reinstall) makes a Gateway the newest, and it loses a port that it had.
    /// Among the servers of one Gateway the first wins.
    ///
    /// ## How to fix
    ///
    /// Give the two protocols two ports. Change a Gateway in place rather than deleting it.
    ///
    /// ## Example
    ///
    /// A TCP Gateway has long been waiting for the port, and the local Gateway is written as a new object:
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: metrics, namespace: istio-system, creationTimestamp: "2020-01-01T00:00:00Z"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 9090, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: metrics, namespace: istio-system, creationTimestamp: "2020-01-01T00:00:00Z"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ```
    ///
    /// The same Gateway, younger than the local one, loses the port itself and harms nobody but its owner:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: metrics, namespace: istio-system, creationTimestamp: "2026-01-01T00:00:00Z"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: tcp, protocol: TCP}
    ///     hosts: ["*"]
    /// ```
    pub(super) CONFLICT = 112 "listener-conflict" {
        summary: "An older Gateway has taken the local gateway's port with another protocol",
        severity: Error,
        hops: [Listener, Route, KnativeListener, KnativeRoute],
        reads: {
            IstioGateway: ["spec.selector", "spec.servers[].port", "metadata.creationTimestamp"],
        },
    }
}

pub(super) fn bound_elsewhere(
    case: &Case<'_>,
    gateway: &IstioGateway,
    server: usize,
    unrouted: &Unrouted,
) -> Explanation {
    let rule = case.pick(&BOUND_ELSEWHERE, &external::BOUND_ELSEWHERE);
    let bind = quote::quoted(&gateway.servers[server].bind);
    let site = gateway.key.site(IstioGateway::server_path(server).key("bind"));
    let message = format!(
        "the server of {} that should take {} on port {} listens on the address {bind} alone, not on that of its pods",
        object(&gateway.key),
        quote::name(&unrouted.host),
        unrouted.port
    );
    let say = |field: &str| format!("remove {field}");
    Explanation::new(rule, message, site.clone(), bind.clone())
        .and(unrouted.service.site(FieldPath::of("spec.ports")), format!("leads to port {} of the pods", unrouted.port))
        .remedy(case.change(&site, say, |path| Patch::default().remove(path)))
}

pub(super) fn not_http(case: &Case<'_>, gateway: &IstioGateway, server: usize, unrouted: &Unrouted) -> Explanation {
    let rule = case.pick(&NOT_HTTP, &external::NOT_HTTP);
    let wanted = if case.is_secure() { "HTTPS" } else { "plaintext HTTP" };
    let spoken = protocol(&gateway.servers[server]);
    let path = IstioGateway::server_path(server);
    let site = gateway.key.site(path.clone().key("port").key("protocol"));
    let message = format!(
        "server {server} of {} makes port {} of the gateway's pods ({}) speak {spoken}, where {} needs {wanted}",
        object(&gateway.key),
        unrouted.port,
        object(&unrouted.pods.example),
        quote::name(&unrouted.host)
    );
    let explanation = Explanation::new(rule, message, site.clone(), spoken).and(
        unrouted.service.site(FieldPath::of("spec.ports")),
        format!("leads to port {} of the pods", unrouted.port),
    );
    if case.is_secure() {
        let text = format!("serve HTTPS on port {} in {}", unrouted.port, object(&gateway.key));
        return explanation.remedy(remedy::by_hand(&gateway.key, text));
    }
    let has_tls = gateway.servers[server].tls.is_some();
    let say = |field: &str| {
        let tls = if has_tls { " and remove its tls" } else { "" };
        format!("set {field} to HTTP{tls}")
    };
    explanation.remedy(case.change(&site, say, |protocol| {
        let plain = Patch::default().replace(protocol, "HTTP");
        let mut server = protocol.clone();
        server.0.truncate(protocol.0.len() - 2);
        if has_tls { plain.remove(&server.key("tls")) } else { plain }
    }))
}

/// A Gateway, and the place of a server in it.
type At<'a> = (&'a IstioGateway, usize);

pub(super) fn conflict(
    case: &Case<'_>,
    unrouted: &Unrouted,
    (gateway, server): At<'_>,
    (winner, taken_by): At<'_>,
) -> Explanation {
    let rule = case.pick(&CONFLICT, &external::CONFLICT);
    let site = gateway.key.site(IstioGateway::server_path(server).key("port"));
    let spoken = winner.servers.get(taken_by).map_or("another protocol", protocol);
    let taken = winner.key.site(IstioGateway::server_path(taken_by).key("port"));
    let (port, own) = (unrouted.port, object(&gateway.key));
    let is_same = winner.key == gateway.key;
    let holder = if is_same { format!("its server {taken_by}") } else { object(&winner.key) };
    if spoken == "HTTP" && gateway.servers[server].tls.is_none() {
        let message = format!(
            "Envoy refuses port {port} of the gateway's pods: server {server} of {own} and {holder} listen there on every \
             address, one with a bind and one without"
        );
        let site = gateway.key.site(IstioGateway::server_path(server).key("bind"));
        let text = format!("give both servers on port {port} the same bind, or none");
        return Explanation::new(rule, message, site, quote::quoted(&gateway.servers[server].bind))
            .and(taken, quote::quoted(&winner.servers[taken_by].bind))
            .remedy(remedy::by_hand(&gateway.key, text));
    }
    let (older, says) = if is_same { ("", "first, so it wins") } else { ("the older ", "older, so it wins") };
    let message = format!(
        "istiod drops server {server} of {own}: {older}{holder} holds port {port} of the same pods with {spoken}"
    );
    let move_it = format!("move {} to a port that no other server of these pods uses", super::case::field(&taken));
    let explanation = Explanation::new(rule, message, site, format!("{}, dropped", protocol(&gateway.servers[server])))
        .and(taken, format!("{spoken}; {says}"))
        .remedy(remedy::by_hand(&winner.key, move_it));
    if is_same {
        return explanation;
    }
    let text = format!("change {own} in place instead of deleting and creating it, so that it stays the older one");
    explanation.remedy(remedy::by_hand(&gateway.key, text))
}
