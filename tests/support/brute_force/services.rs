//! Services and the pods behind them, as a walk by brute force sees them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{DOMAIN, Fate, World, created, fails, is_subset, name, namespace, text, unclear};

const UNTRANSLATED: &str = "experimental.istio.io/disable-gateway-port-translation";
const EXPORT_TO: &str = "networking.istio.io/exportTo";
const PUBLIC_NAMES: &str = "external-dns.alpha.kubernetes.io/hostname";
/// Ports of a gateway's Service at which nobody asks for a model.
const OWN_PORTS: [u64; 5] = [15_012, 15_017, 15_020, 15_021, 15_443];

/// Pods that cannot differ: `labels`, and `ports` by name.
pub(super) type Pod = Value;

impl<'a> World<'a> {
    /// The Service that a client outside the mesh meets behind a name, through other names (cluster DNS).
    pub(super) fn resolve(self, host: &str) -> Result<&'a Value, Fate> {
        let mut host = host.to_owned();
        for _ in 0..=8 {
            let absolute = host.strip_suffix('.').unwrap_or(&host);
            let Some(inside) = absolute.strip_suffix(&format!(".{DOMAIN}")) else {
                let labels = absolute.split('.').count();
                return if labels > 2 && absolute.rsplit('.').next() != Some("svc") {
                    unclear("a name outside the cluster")
                } else {
                    fails(format!("{host} resolves to nothing"))
                };
            };
            let parts: Vec<_> = inside.split('.').collect();
            let [own, space] = parts.as_slice() else { return fails(format!("{host} resolves to nothing")) };
            match self.find("Service", space, own) {
                Some(service) if service["spec"]["type"] == "ExternalName" => {
                    text(&service["spec"], "externalName").clone_into(&mut host);
                }
                Some(service) => return Ok(service),
                None => return fails(format!("no Service {host}")),
            }
        }
        fails("a circle of names")
    }

    /// The Service that istiod makes of a destination, through one other name (istio `pilot/pkg/networking/core/route`
    /// `GetDestinationCluster`): it knows a Service by its whole name and by no other.
    pub(super) fn destined(self, named: &str, space: &str, from: &Value) -> Result<&'a Value, Fate> {
        let whole = if named.contains('.') { named.to_owned() } else { format!("{named}.{space}.{DOMAIN}") };
        let service = self.registered(&whole)?;
        if service["spec"]["type"] != "ExternalName" {
            return if is_exported(service, namespace(from)) {
                Ok(service)
            } else {
                fails("the destination is hidden")
            };
        }
        if !service["metadata"]["annotations"][EXPORT_TO].is_null() {
            return unclear("a name that is hidden from some");
        }
        let behind = self.registered(text(&service["spec"], "externalName"))?;
        match behind["spec"]["type"] == "ExternalName" {
            true => unclear("a name behind a name behind a name"),
            false if is_exported(behind, namespace(from)) => Ok(behind),
            false => fails("the destination is hidden"),
        }
    }

    fn registered(self, host: &str) -> Result<&'a Value, Fate> {
        let inside = host.strip_suffix(&format!(".{DOMAIN}")).and_then(|rest| rest.split_once('.'));
        let Some((own, space)) = inside.filter(|(_, space)| !space.contains('.')) else {
            let labels = host.split('.').count();
            let is_foreign = labels > 2 && !host.contains(".svc") && !host.ends_with('.');
            return if is_foreign {
                unclear("a name outside the cluster")
            } else {
                fails(format!("istiod knows no host {host}"))
            };
        };
        self.find("Service", space, own).ok_or_else(|| Fate::Fails(format!("no Service {host}")))
    }

    /// The pods behind a Service, or those that its workloads would make.
    pub(super) fn pods(self, service: &Value) -> Vec<Pod> {
        let is_behind = |object: &&Value, labels: &Value| {
            namespace(object) == namespace(service) && is_subset(&service["spec"]["selector"], labels)
        };
        let distinct = |pods: Vec<Value>| -> Vec<Value> {
            let texts: BTreeSet<_> = pods.iter().map(Value::to_string).collect();
            texts.iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
        };
        let pods = self.all("Pod").filter(|pod| is_behind(pod, &pod["metadata"]["labels"]));
        let pods: Vec<_> = pods.map(pod).collect();
        if !pods.is_empty() {
            return distinct(pods);
        }
        let template = |workload: &'a Value| &workload["spec"]["template"];
        let workloads = self.all("Deployment").filter(|it| is_behind(it, &template(it)["metadata"]["labels"]));
        distinct(workloads.map(|workload| pod(template(workload))).collect())
    }

    /// The port on pods that the number of a server means: as the oldest Service in front of them that has it says (istio
    /// `pilot/pkg/model/gateway.go` `resolvePorts`).
    pub(super) fn translated(self, number: u64, space: &str, pod: &Pod) -> u64 {
        let is_asked = |service: &&Value| {
            namespace(service) == space
                && has_selector(service)
                && is_subset(&service["spec"]["selector"], &pod["labels"])
                && service["metadata"]["labels"][UNTRANSLATED].is_null()
        };
        let mut services: Vec<_> = self.all("Service").filter(is_asked).collect();
        services.sort_by_key(|service| (created(service), name(service)));
        for service in services {
            // Of ports with one target and one protocol the first counts (`GetProxyServiceTargetsByPod`).
            let mut seen = Vec::new();
            for port in service["spec"]["ports"].as_array().into_iter().flatten() {
                let Some(target) = target(port, pod) else { continue };
                if seen.contains(&(target, spoken(port))) {
                    continue;
                }
                if port["port"] == number {
                    return target;
                }
                seen.push((target, spoken(port)));
            }
        }
        number
    }

    /// The Services that external-dns gives a public name.
    pub(super) fn named_outside(self, host: &str) -> Vec<(String, String)> {
        let is_it = |pattern: &str| match pattern.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => pattern == host,
        };
        let balancers = self.all("Service").filter(|service| service["spec"]["type"] == "LoadBalancer");
        let named = balancers.filter(|service| {
            let names = service["metadata"]["annotations"][PUBLIC_NAMES].as_str();
            names.is_some_and(|names| names.split(',').any(|name| is_it(name.trim())))
        });
        named.map(|service| (namespace(service).to_owned(), name(service).to_owned())).collect()
    }
}

fn pod(object: &Value) -> Pod {
    let mut ports = Map::new();
    let containers = object["spec"]["containers"].as_array().into_iter().flatten();
    for port in containers.flat_map(|container| container["ports"].as_array().into_iter().flatten()) {
        if let Some(name) = port["name"].as_str().filter(|name| !ports.contains_key(*name)) {
            ports.insert(name.to_owned(), port["containerPort"].clone());
        }
    }
    json!({"labels": object["metadata"]["labels"], "ports": ports})
}

/// The port of a client that nobody told of another: HTTP's, or else the first for clients.
pub(super) fn usual_port(service: &Value) -> u64 {
    if port_of(service, 80).is_some() {
        return 80;
    }
    let ports = service["spec"]["ports"].as_array().into_iter().flatten().filter(|port| is_tcp(port));
    ports.filter_map(|port| port["port"].as_u64()).find(|port| !OWN_PORTS.contains(port)).unwrap_or(80)
}

pub(super) fn port_of(service: &Value, number: u64) -> Option<&Value> {
    service["spec"]["ports"].as_array()?.iter().find(|port| port["port"] == number && is_tcp(port))
}

fn is_tcp(port: &Value) -> bool {
    port["protocol"].as_str().is_none_or(|protocol| protocol == "TCP")
}

/// The port on a pod; `None` where none has the name.
pub(super) fn target(port: &Value, pod: &Pod) -> Option<u64> {
    match &port["targetPort"] {
        Value::String(name) if is_tcp(port) => pod["ports"][name].as_u64(),
        Value::String(_) => None,
        Value::Number(number) if number.as_u64() != Some(0) => number.as_u64(),
        _ => port["port"].as_u64(),
    }
}

/// What istiod takes a port to speak (istio `pkg/config/kube/conversion.go`).
fn spoken(port: &Value) -> String {
    if !is_tcp(port) {
        return "udp".to_owned();
    }
    let name = port["appProtocol"].as_str().unwrap_or(text(port, "name"));
    let first = name.split('-').next().unwrap_or_default().to_lowercase();
    if ["tcp", "http", "http2", "https", "grpc", "tls"].contains(&first.as_str()) { first } else { String::new() }
}

pub(super) fn has_selector(service: &Value) -> bool {
    let is_name = service["spec"]["type"] == "ExternalName";
    !is_name && service["spec"]["selector"].as_object().is_some_and(|selector| !selector.is_empty())
}

pub(super) fn is_headless(service: &Value) -> bool {
    service["spec"]["clusterIP"] == "None"
}

/// Whether pods of a namespace know a Service (istio `pilot/pkg/model/push_context.go` `initServiceRegistry`).
fn is_exported(service: &Value, to: &str) -> bool {
    let Some(targets) = service["metadata"]["annotations"][EXPORT_TO].as_str().filter(|text| !text.is_empty()) else {
        return true;
    };
    let targets: Vec<_> = targets.split(',').map(str::trim).collect();
    let is_own = |target: &&str| *target == to || *target == "." && namespace(service) == to;
    targets.contains(&"*") || !targets.contains(&"~") && targets.iter().any(is_own)
}
