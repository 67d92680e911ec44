//! What istiod and Envoy make of the servers that mean one port of gateway pods, replayed step by step (istio
//! `pilot/pkg/model/gateway.go` `mergeGateways`, `pilot/pkg/networking/core/gateway.go` `buildGatewayListeners`).

use std::collections::BTreeMap;

use serde_json::Value;

/// A server, with its Gateway.
pub(super) type Placed<'a> = (&'a Value, &'a Value);

/// A filter chain on the pods' own address.
pub(super) struct Chain<'a> {
    /// The server names that it takes; `None` takes all that no other does.
    pub(super) names: Option<Vec<String>>,
    /// Whether a client must speak TLS.
    pub(super) tls: bool,
    /// Whether a client must have a certificate, which nothing here tells.
    pub(super) wants_certificate: bool,
    /// The servers whose routes it has.
    pub(super) servers: Vec<Placed<'a>>,
}

/// What istiod keeps of servers that share a port's protocol and address.
#[derive(Default)]
struct Merged<'a> {
    servers: Vec<Placed<'a>>,
    route: String,
}

/// The filter chains for connections to the pods' own address; `None` where Envoy refuses the listener.
pub(super) fn chains<'a>(here: &[Placed<'a>]) -> Option<Vec<Chain<'a>>> {
    let (mut is_taken, mut plaintext) = (false, None::<(String, String)>);
    let mut merged: BTreeMap<(String, String), Merged<'a>> = BTreeMap::new();
    let mut order: Vec<(String, String)> = Vec::new();
    let mut by_route: BTreeMap<String, Vec<Placed<'a>>> = BTreeMap::new();
    let mut hosts_with_tls: BTreeMap<String, String> = BTreeMap::new();
    for placed in here.iter().copied() {
        let (gateway, server) = placed;
        let bind = text(server, "bind").to_owned();
        let slot = (text(&server["port"], "protocol").to_owned(), bind.clone());
        let route = route_of(gateway, server);
        if !server["tls"].is_null() {
            let hosts = kept_hosts(gateway, server);
            if hosts.iter().any(|host| hosts_with_tls.get(host) == Some(&bind)) {
                continue;
            }
            hosts_with_tls.extend(hosts.into_iter().map(|host| (host, bind.clone())));
        }
        match plaintext.clone() {
            Some(current) if is_taken && current.1 == bind => {
                if is_http(&current.0) && is_http(&slot.0) {
                    merged.entry(current).or_default().servers.push(placed);
                    by_route.entry(route).or_default().push(placed);
                }
                continue;
            }
            Some(_) if is_taken => {
                if let Some(known) = merged.get_mut(&slot) {
                    known.servers.push(placed);
                    known.route.clone_from(&route);
                    by_route.entry(route).or_default().push(placed);
                    continue;
                }
            }
            None if is_taken && is_tls(server) => {
                if terminates(server) {
                    if by_route.contains_key(&route) {
                        continue;
                    }
                    by_route.insert(route, vec![placed]);
                }
                if !merged.contains_key(&slot) {
                    order.push(slot.clone());
                }
                merged.entry(slot).or_default().servers.push(placed);
                continue;
            }
            _ => {}
        }
        // The first of a port, and each that opens another address in plaintext, begins anew.
        is_taken = true;
        if !is_tls(server) {
            plaintext = Some(slot.clone());
        }
        if is_http(&slot.0) || terminates(server) {
            by_route.insert(route.clone(), vec![placed]);
        }
        order.push(slot.clone());
        merged.insert(slot, Merged { servers: vec![placed], route });
    }
    let mut chains = Vec::new();
    for slot in order.iter().filter(|(_, bind)| matches!(bind.as_str(), "" | "0.0.0.0")) {
        let merged = &merged[slot];
        if is_http(&slot.0) {
            let servers = by_route.get(&merged.route).cloned().unwrap_or_default();
            chains.push(Chain { names: None, tls: false, wants_certificate: false, servers });
            continue;
        }
        // Nobody writes TCP or TLS routes, so that no other server makes a chain.
        for placed in merged.servers.iter().filter(|(_, server)| terminates(server)) {
            let hosts = kept_hosts(placed.0, placed.1);
            let mut names: Vec<_> = hosts.iter().map(|host| last_part(host).to_owned()).collect();
            names.sort();
            let mode = text(&placed.1["tls"], "mode");
            chains.push(Chain {
                names: (!names.iter().any(|name| name == "*")).then_some(names),
                tls: true,
                wants_certificate: matches!(mode, "MUTUAL" | "ISTIO_MUTUAL"),
                servers: vec![*placed],
            });
        }
    }
    let repeats = |(place, chain): (usize, &Chain<'_>)| {
        chains[..place].iter().any(|other| match (&other.names, &chain.names) {
            (None, None) => true,
            (Some(names), Some(others)) => names.iter().any(|name| others.contains(name)),
            _ => false,
        })
    };
    let is_refused = chains.iter().enumerate().any(repeats);
    (!is_refused).then_some(chains)
}

/// The chain that a TLS client with this server name meets.
pub(super) fn for_name<'c, 'a>(chains: &'c [Chain<'a>], name: &str) -> Option<&'c Chain<'a>> {
    let fits = |pattern: &String| pattern == name || pattern.strip_prefix('*').is_some_and(|end| name.ends_with(end));
    let best = |chain: &&Chain<'_>| match &chain.names {
        None => 1,
        Some(names) if names.iter().any(|pattern| pattern == name) => usize::MAX,
        Some(names) => names.iter().filter(|pattern| fits(pattern)).map(|pattern| pattern.len() + 1).max().unwrap_or(0),
    };
    chains.iter().filter(|chain| best(chain) > 0).max_by_key(best)
}

/// Whether a protocol is one of plaintext HTTP (istio `pkg/config/protocol/instance.go`).
pub(super) fn is_http(protocol: &str) -> bool {
    ["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"].iter().any(|known| known.eq_ignore_ascii_case(protocol))
}

/// istio `pkg/config/gateway` `IsTLSServer`.
fn is_tls(server: &Value) -> bool {
    !server["tls"].is_null() && !is_http(text(&server["port"], "protocol"))
}

/// `IsHTTPSServerWithTLSTermination`; the mode that is not given is the first of its enumeration, `PASSTHROUGH`.
fn terminates(server: &Value) -> bool {
    let is_https = text(&server["port"], "protocol").eq_ignore_ascii_case("HTTPS");
    let is_passed = matches!(text(&server["tls"], "mode"), "" | "PASSTHROUGH" | "AUTO_PASSTHROUGH");
    is_https && !server["tls"].is_null() && !is_passed
}

/// `gatewayRDSRouteName`. All of these servers resolve to one port, whose number is left out.
fn route_of(gateway: &Value, server: &Value) -> String {
    let bind = text(server, "bind");
    if is_http(text(&server["port"], "protocol")) {
        format!("http {bind}")
    } else if terminates(server) {
        let port = &server["port"];
        let metadata = &gateway["metadata"];
        let own = format!("{} {}", text(metadata, "name"), text(metadata, "namespace"));
        format!("https {} {} {own} {bind}", port["number"], text(port, "name"))
    } else {
        String::new()
    }
}

/// `sanitizeServerHostNamespace`.
fn kept_hosts(gateway: &Value, server: &Value) -> Vec<String> {
    let own = text(&gateway["metadata"], "namespace");
    let hosts = server["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str);
    hosts
        .map(|host| match host.split_once('/') {
            Some(("*", host)) => host.to_owned(),
            Some((".", host)) => format!("{own}/{host}"),
            _ => host.to_owned(),
        })
        .collect()
}

fn last_part(host: &str) -> &str {
    host.rsplit('/').next().unwrap_or(host)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}
