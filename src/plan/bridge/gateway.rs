//! A Gateway that for a while listens where it did and where it will.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Bridge, at, in_common, set, united};

const SELECTOR: [&str; 2] = ["spec", "selector"];
const SERVERS: [&str; 2] = ["spec", "servers"];

const BOTH_SERVERS: &str = "it listens for the old and the new: servers and hosts of both";
const BOTH_PODS: &str = "it is on the old and the new pods: its selector is what both have in common";
const NEW_SERVERS_FIRST: &str = "it gets its new servers, and stays on the old pods";
const NEW_PODS_FIRST: &str = "it moves to its new pods, and keeps the old servers";

/// Versions between two of a Gateway.
pub(super) fn bridges(before: &Value, after: &Value) -> Vec<Bridge> {
    let both_servers = servers(before, after);
    let mut bridges = Vec::new();
    let mut bridge = |selector: Option<&Value>, servers: &Value, why| {
        let Some(selector) = selector else { return };
        let mut manifest = after.clone();
        set(&mut manifest, &SELECTOR, selector.clone());
        set(&mut manifest, &SERVERS, servers.clone());
        bridges.push((manifest, why));
    };
    let (old_selector, new_selector) = (at(before, &SELECTOR), at(after, &SELECTOR));
    let (old_servers, new_servers) = (list(before), list(after));
    bridge(new_selector, &both_servers, BOTH_SERVERS);
    if old_selector != new_selector {
        let common = in_common(old_selector, new_selector);
        bridge(common.as_ref(), &both_servers, BOTH_PODS);
        if old_servers != new_servers {
            bridge(old_selector, &both_servers, BOTH_SERVERS);
            bridge(old_selector, &new_servers.into(), NEW_SERVERS_FIRST);
            bridge(new_selector, &old_servers.into(), NEW_PODS_FIRST);
        }
    }
    bridges
}

fn list(manifest: &Value) -> Vec<Value> {
    at(manifest, &SERVERS).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The servers of both versions: of one that both have, the hosts of both.
fn servers(before: &Value, after: &Value) -> Value {
    let (before, after) = (list(before), list(after));
    // Hosts and the name of the port may differ, and it is one server still.
    let identity = |server: &Value| {
        json!([
            at(server, &["port", "number"]),
            at(server, &["port", "protocol"]),
            server.get("tls"),
            server.get("bind")
        ])
    };
    let mut all = united(&before, &after, identity);
    for server in &mut all {
        let Some(old) = before.iter().find(|old| identity(old) == identity(server)) else { continue };
        let hosts = |server: &Value| server.get("hosts").and_then(Value::as_array).cloned().unwrap_or_default();
        let both = united(&hosts(old), &hosts(server), Value::clone);
        set(server, &["hosts"], both.into());
    }
    // istiod refuses a Gateway with two ports of one name (istio `pkg/config/validation` `validateServer`).
    let mut names = BTreeSet::new();
    for server in &mut all {
        let name = at(server, &["port", "name"]).and_then(Value::as_str).unwrap_or("port").to_owned();
        let free = (1..).map(|turn| if turn == 1 { name.clone() } else { format!("{name}-{turn}") });
        let mut free = free.skip_while(|name| names.contains(name));
        if let Some(name) = free.next() {
            set(server, &["port", "name"], name.as_str().into());
            names.insert(name);
        }
    }
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(selector: &Value, servers: &Value) -> Value {
        json!({"metadata": {"name": "gw"}, "spec": {"selector": selector, "servers": servers}})
    }

    #[test]
    fn one_server_takes_the_hosts_of_both() {
        let server =
            |hosts: &[&str]| json!([{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}]);
        let before = gateway(&json!({"a": "b"}), &server(&["x", "y"]));
        let after = gateway(&json!({"a": "b"}), &server(&["y", "z"]));
        let bridges = bridges(&before, &after);
        assert_eq!(bridges, [(gateway(&json!({"a": "b"}), &server(&["y", "z", "x"])), BOTH_SERVERS)]);
    }

    #[test]
    fn two_servers_get_two_names_and_two_selectors_what_they_share() {
        let server = |number: u16, name: &str| json!({"port": {"number": number, "name": name, "protocol": "HTTP"}, "hosts": ["*"]});
        let before = gateway(&json!({"app": "x", "istio": "i"}), &json!([server(8081, "http")]));
        let after = gateway(&json!({"app": "y", "istio": "i"}), &json!([server(8082, "http")]));
        let bridges = bridges(&before, &after);
        let both = json!([server(8082, "http"), server(8081, "http-2")]);
        assert!(bridges.contains(&(gateway(&json!({"istio": "i"}), &both), BOTH_PODS)), "{bridges:#?}");
        assert!(bridges.contains(&(gateway(&json!({"app": "x", "istio": "i"}), &both), BOTH_SERVERS)), "{bridges:#?}");
    }
}
