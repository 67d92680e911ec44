//! From a break to a finding: which rule it is, what data-plane word it has, what a client sees of it.

use super::case::{Case, Explanation, gateway_key, is_bound_elsewhere, nearest};
use super::{agreement, destination, external, gateway, hosts, listener, name, readiness, redirect, refusal, service};
use crate::finding::Finding;
use crate::object::Segment;
use crate::view::View;
use crate::walk::{Break, Candidate, Cause, ClusterFacts, Configuration, Hop, Mismatch, Unrouted, Walk, Walker};

/// Explains a break: its code, the field that says so, what it should say.
///
/// Remedies are looked for in a copy of the view, so that they add nothing to what a verdict rests on. Who is affected is
/// the caller's to fill in.
#[must_use]
pub fn explain_break(view: &View<'_>, walk: &Walk, broken: &Break, facts: &ClusterFacts) -> Finding {
    let view = view.fork();
    let configuration = Configuration::of(&view, facts);
    let walker = Walker { view: &view, configuration: &configuration, facts };
    let case = Case { walker, walk, broken };
    let words = outcome(&case);
    explanation(&case).into_finding(&view, facts, Some(broken.hop), words)
}

fn explanation(case: &Case<'_>) -> Explanation {
    let at_destination = case.broken.hop == Hop::Destination;
    match &case.broken.cause {
        Cause::NameUnresolvable { host } => name::unresolvable(case, host),
        Cause::ServiceMissing { host, service } if at_destination => destination::missing(case, host, service),
        Cause::ServiceMissing { service, .. } => service::missing(case, service),
        Cause::PortMissing { service, port } if at_destination => destination::port(case, service, *port),
        Cause::PortMissing { service, port } => {
            service::port(case, case.pick(&service::PORT, &external::ENTRY_PORT), service, *port)
        }
        Cause::NoPods { service, port } if at_destination => destination::pods(case, service, *port),
        Cause::NoPods { service, port } => {
            service::pods(case, case.pick(&service::PODS, &external::ENTRY_PODS), service, *port)
        }
        Cause::Hidden { service, from } => destination::hidden(case, service, from),
        Cause::UnknownDestination { host } => destination::spelling(case, host),
        Cause::NoListener(unrouted) | Cause::NoVirtualHost(unrouted) => without_route(case, unrouted),
        Cause::NotHttp { by, server, unrouted } => match nearest(unrouted) {
            Some(Candidate { mismatch: Mismatch::NotHttp { .. }, .. }) | None => {
                listener::not_http(case, by, *server, unrouted)
            }
            Some(_) => without_route(case, unrouted),
        },
        Cause::Redirect { by, server, host } => redirect::redirected(case, by, *server, host),
        Cause::Refused { config, refusal } => refusal::explanation(case.view(), case.facts(), config, refusal),
        Cause::ConfigMissing { config } => refusal::missing(config, case.facts()),
        Cause::NoEntry { host } => external::no_entry(case, host),
        Cause::NameGone { from, to } => external::name_gone(case, from, to.as_deref()),
        Cause::NoGatewayConfigured { host } => agreement::no_local_gateway(case, host),
        Cause::GatewayMissing { gateway } => readiness::missing(case, gateway),
        Cause::ProbeNotCovered { gateway, server, host, namespace, service } => {
            readiness::not_covered(case, (gateway, *server), host, namespace, service)
        }
    }
}

/// No Gateway carries the route: how the nearest one fails.
fn without_route(case: &Case<'_>, unrouted: &Unrouted) -> Explanation {
    let Some(candidate) = nearest(unrouted) else {
        return match case.broken.hop {
            Hop::Entry | Hop::ExternalRoute if case.broken.site.object == case.facts().kserve_config() => {
                external::path_without_route(case, unrouted)
            }
            Hop::Entry | Hop::ExternalRoute => external::no_gateway(case, &unrouted.host),
            _ => agreement::no_local_gateway(case, &unrouted.host),
        };
    };
    let external_list = Segment::Key("external-gateways".into());
    if case.is_at_knative() && candidate.site.path.0.get(1) == Some(&external_list) {
        // Without local gateways net-istio falls back to the external ones; that is seldom what was meant.
        return agreement::no_local_gateway(case, &unrouted.host);
    }
    match &candidate.mismatch {
        Mismatch::Missing => gateway::missing(case, unrouted, candidate, &gateway_key(candidate)),
        Mismatch::OtherPods(found) if case.is_at_knative() => agreement::other_pods(case, unrouted, candidate, found),
        Mismatch::OtherPods(found) => gateway::other_pods(case, unrouted, candidate, found),
        Mismatch::OtherPort { gateway, ports } if case.is_at_knative() => {
            agreement::other_port(case, unrouted, candidate, gateway, ports)
        }
        Mismatch::OtherPort { gateway, ports } => gateway::other_port(case, unrouted, candidate, gateway, ports),
        Mismatch::Dropped { gateway, server, winner, taken_by } => {
            listener::conflict(case, unrouted, (gateway, *server), (winner, *taken_by))
        }
        // A TLS client asks for an HTTPS server, so one that speaks TLS fails for its hosts.
        Mismatch::NotHttp { gateway, server } if case.is_secure() && gateway.servers[*server].is_tls() => {
            hosts::not_covered(case, unrouted, candidate, gateway, *server)
        }
        Mismatch::NotHttp { gateway, server } => listener::not_http(case, gateway, *server, unrouted),
        Mismatch::HostsNotCovered { gateway, server } | Mismatch::NamespaceKeptOut { gateway, server }
            if is_bound_elsewhere(gateway, *server, unrouted) =>
        {
            listener::bound_elsewhere(case, gateway, *server, unrouted)
        }
        Mismatch::HostsNotCovered { gateway, server } => {
            hosts::not_covered(case, unrouted, candidate, gateway, *server)
        }
        Mismatch::NamespaceKeptOut { gateway, server } => {
            hosts::namespace_kept_out(case, unrouted, candidate, gateway, *server)
        }
    }
}

/// The data-plane word for a break, and what is seen of it.
fn outcome(case: &Case<'_>) -> (&'static str, &'static str) {
    const UNKNOWN_CLUSTER: &str = "the gateway answers 503: it knows no such destination";
    let at_destination = case.broken.hop == Hop::Destination;
    match &case.broken.cause {
        Cause::NameUnresolvable { .. } => ("no-such-name", "clients read NXDOMAIN: the name does not resolve"),
        Cause::ServiceMissing { .. } | Cause::PortMissing { .. } if at_destination => {
            ("upstream-no-such-service", UNKNOWN_CLUSTER)
        }
        Cause::ServiceMissing { .. } => ("no-such-service", "clients read NXDOMAIN: the name does not resolve"),
        Cause::PortMissing { .. } => ("service-port-missing", "connections time out or are refused"),
        Cause::NoPods { .. } if at_destination => {
            ("upstream-no-endpoints", "the gateway answers 503: no healthy upstream")
        }
        Cause::NoPods { .. } => ("service-no-endpoints", "connections are refused"),
        Cause::Hidden { .. } | Cause::UnknownDestination { .. } => ("upstream-no-such-service", UNKNOWN_CLUSTER),
        Cause::NoListener(_) if case.is_forwarded() => {
            ("no-listener", "the gateway answers 503, a load balancer in front of it often 504")
        }
        Cause::NoListener(_) => {
            ("no-listener", "connections are refused or time out, or end in 504 at a load balancer")
        }
        Cause::NotHttp { .. } if case.is_forwarded() => {
            ("not-http", "the gateway answers 503: what it forwards to does not speak plain HTTP")
        }
        Cause::NotHttp { .. } => ("not-http", "the connection is reset: what listens does not speak plain HTTP"),
        Cause::NoVirtualHost(_) => ("no-virtual-host", "the gateway answers 404"),
        Cause::Redirect { .. } => ("tls-redirect", "the gateway answers 301 and sends the client to https"),
        Cause::Refused { config, .. } | Cause::ConfigMissing { config } => refusal::outcome(config, case.facts()),
        Cause::NoEntry { .. } | Cause::NameGone { .. } => {
            ("no-external-entry", "the public name leads nowhere: it does not resolve, or times out")
        }
        Cause::NoGatewayConfigured { .. } => {
            ("no-virtual-host", "the name leads to no gateway that has a route for it")
        }
        Cause::GatewayMissing { .. } | Cause::ProbeNotCovered { .. } => {
            ("not-ready", "a new or changed InferenceService never becomes Ready; running ones stay green")
        }
    }
}
