//! Hosts of a server that do not let a route in.

use super::case::{Case, Explanation, field, hosts as written, object};
use super::declare::declare_rule;
use super::external;
use super::gateway::name_another;
use super::remedy::Patch;
use crate::data_plane::host;
use crate::model::istio_gateway::IstioGateway;
use crate::quote;
use crate::walk::{Candidate, Unrouted};

declare_rule! {
    /// No host of the local gateway's server covers the name that the request carries.
    ///
    /// ## What breaks
    ///
    /// The gateway answers 404 to every request whose `Host` is not covered. Where it is Knative's local gateway, public URLs
    /// break as well: they pass through it behind the public one.
    ///
    /// ## Why
    ///
    /// A route is served on a listener only where one of the server's `hosts` covers the route's host. A leading `*` stands
    /// for any text, dots included, and everything behind it is compared letter by letter: no case folding, no trailing dot.
    /// So `*.models` covers `iris.models` and not `iris.models.svc`; each form that clients use needs a pattern of its own:
    ///
    /// | pattern | who calls so |
    /// |---|---|
    /// | `*.models.svc.cluster.local` | every call to an InferenceService, and what KServe's route forwards to Knative |
    /// | `*.models` | transformers and explainers calling their predictor, net-istio's readiness probe |
    /// | `*.models.svc` | people and programs that call a Knative service directly |
    ///
    /// A host of one InferenceService by name needs its Knative services too: `iris-predictor`, `iris-transformer`, `iris-explainer`.
    ///
    /// ## How to fix
    ///
    /// Add the pattern of the namespace. Add first, remove later: a list that covers more harms nobody.
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
    ///     hosts: ["*.models", "*.models.svc", "*.MODELS.svc.cluster.local"]
    /// ```
    ///
    /// A wider pattern covers the same names, and a prefix that lets every namespace in changes nothing:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata: {name: knative-local-gateway, namespace: knative-serving}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models", "*.models.svc", "*/*.cluster.local"]
    /// ```
    pub(super) NOT_COVERED = 110 "hosts-not-covered" {
        summary: "No host of the local gateway's server covers the name that the request carries",
        severity: Error,
        hops: [Route, KnativeRoute],
        reads: {
            IstioGateway: ["spec.servers[].hosts"],
            ConfigMap: ["data.ingress.localGateway", "data.local-gateways"],
        },
    }
}

declare_rule! {
    /// A host of the local gateway's server would cover the request, but its prefix keeps the namespace of the route out.
    ///
    /// ## What breaks
    ///
    /// The gateway answers 404 for the InferenceServices of every namespace that the prefix does not name.
    ///
    /// ## Why
    ///
    /// A host may be written `namespace/host`. The prefix limits which namespaces' `VirtualServices` may use the host: `*/`
    /// lets all in (as does no prefix at all), `./` only those of the Gateway's own namespace. KServe and Knative write their
    /// `VirtualServices` in the namespace of the *InferenceService*, never in the Gateway's, so `./*.models.svc.cluster.local`
    /// in a Gateway of `istio-system` serves nobody.
    ///
    /// ## How to fix
    ///
    /// Remove the prefix, or name the InferenceServices' namespace in it, in a host for each.
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
    ///     hosts: ["./*"]
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
    ///     hosts: ["models/*", "./*"]
    /// ```
    pub(super) NAMESPACE_KEPT_OUT = 111 "namespace-kept-out" {
        summary: "A host's prefix keeps the namespace of the InferenceService out of the local gateway",
        severity: Error,
        hops: [Route, KnativeRoute],
        reads: {
            IstioGateway: ["spec.servers[].hosts"],
        },
    }
}

pub(super) fn not_covered(
    case: &Case<'_>,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
    server: usize,
) -> Explanation {
    let rule = case.pick(&NOT_COVERED, &external::HOSTS_NOT_COVERED);
    let hosts = written(&gateway.servers[server]);
    let owner = case.route_owner(candidate);
    let message = format!(
        "no host of server {server} of {} covers {}, so {owner}'s route is not served on port {}{}{}",
        object(&gateway.key),
        quote::name(&unrouted.host),
        unrouted.port,
        almost(gateway, server, unrouted),
        case.partly()
    );
    let site = gateway.key.site(IstioGateway::server_path(server).key("hosts"));
    let explanation = Explanation::new(rule, message, site, hosts)
        .and(candidate.site.clone(), case.named(candidate))
        .remedy(case.add_host(gateway, server, &pattern(unrouted), &unrouted.namespace));
    name_another(case, explanation, unrouted, candidate)
}

/// What makes a host that looks right fail.
fn almost(gateway: &IstioGateway, server: usize, unrouted: &Unrouted) -> String {
    let own = &gateway.key.namespace;
    let hosts = gateway.servers[server].hosts.iter();
    let near = hosts.map(|host| (host, host::split(host, own).1)).find(|(_, pattern)| {
        !host::matches(pattern, &unrouted.host)
            && (host::matches(&pattern.to_ascii_lowercase(), &unrouted.host)
                || host::matches(pattern.trim_end_matches('.'), &unrouted.host))
    });
    match near {
        Some((host, pattern)) if pattern.ends_with('.') => {
            format!(" ({} would, but for the dot at its end)", quote::name(host))
        }
        Some((host, _)) => format!(" ({} would, but for its case)", quote::name(host)),
        None => String::new(),
    }
}

/// The pattern that covers a request's Host and those of its neighbours in the namespace.
fn pattern(unrouted: &Unrouted) -> String {
    match unrouted.host.split_once('.') {
        // A path template puts every InferenceService under one host, which a pattern would only widen.
        Some((_, rest)) if rest.contains(&*unrouted.namespace) => format!("*.{rest}"),
        _ => unrouted.host.clone(),
    }
}

pub(super) fn namespace_kept_out(
    case: &Case<'_>,
    unrouted: &Unrouted,
    candidate: &Candidate,
    gateway: &IstioGateway,
    server: usize,
) -> Explanation {
    let rule = case.pick(&NAMESPACE_KEPT_OUT, &external::NAMESPACE_KEPT_OUT);
    let own = &gateway.key.namespace;
    let hosts = &gateway.servers[server].hosts;
    let keeps_out = |host: &str| host::covers_but_for_namespace(host, own, &unrouted.host, &unrouted.namespace);
    let index = hosts.iter().position(|host| keeps_out(host)).unwrap_or_default();
    let host = hosts.get(index).map_or("", AsRef::as_ref);
    let site = gateway.key.site(IstioGateway::server_path(server).key("hosts").index(index));
    let allowed = host::split(host, own).0.unwrap_or_default();
    let owner = case.route_owner(candidate);
    let message = format!(
        "{} lets only routes of namespace {} in, and {owner}'s route for {} is in namespace {}",
        field(&site),
        quote::name(allowed),
        quote::name(&unrouted.host),
        unrouted.namespace
    );
    let open = host::split(host, own).1.to_owned();
    let own_host = format!("{}/{open}", unrouted.namespace);
    let old = host.to_owned();
    let say = |field: &str| format!("set {field} to {}, which lets every namespace in", quote::quoted(&open));
    Explanation::new(rule, message, site.clone(), quote::quoted(host))
        .and(candidate.site.clone(), case.named(candidate))
        .remedy(case.change(&site, say, |path| Patch::default().test(path, old).replace(path, open.clone())))
        .remedy(case.add_host(gateway, server, &own_host, &unrouted.namespace))
}
