//! Who gets through, worked out the slow way: from manifests alone, every request of every InferenceService by itself, with
//! nothing cached, shared or indexed. It has no code in common with plumbline, so that the two are wrong in different ways.
//!
//! What it does not model (certificates of clients, names outside the cluster, Services without a selector) is unclear, never
//! a guess: nothing is held against a verdict then.

#[path = "brute_force/configuration.rs"]
mod configuration;
#[path = "brute_force/listeners.rs"]
mod listeners;
#[path = "brute_force/services.rs"]
mod services;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use configuration::{Entry, chosen, is_private, labels_of, own_mode};
use listeners::{Placed, chains, for_name, is_http};
use services::{Pod, has_selector, is_headless, port_of, target, usual_port};

const DOMAIN: &str = "svc.cluster.local";
/// The only name under which InferenceServices are known besides.
const ADDITIONAL: &str = "corp.example.org";

/// What a write does to requests and to controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing that worked works less.
    Harmless,
    /// These work less than they did.
    Harmful(Vec<String>),
    /// These may.
    Unclear(Vec<String>),
}

/// How a request fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Works,
    /// Some of the pods behind a Service take it.
    Partly(String),
    Fails(String),
    Unclear(String),
    /// Nobody makes it.
    Absent,
}

impl Fate {
    fn rank(&self) -> Option<u8> {
        match self {
            Self::Works => Some(0),
            Self::Partly(_) => Some(1),
            Self::Fails(_) => Some(2),
            Self::Unclear(_) | Self::Absent => None,
        }
    }
}

/// A request that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Request {
    /// From inside the cluster, to the InferenceService's own name.
    Local,
    /// From outside.
    External,
    /// From outside, by the name under an additional domain.
    Additional,
    /// A transformer's or an explainer's call of its predictor.
    Predictor,
    /// net-istio's look at the gateways.
    Ready,
}

const REQUESTS: [Request; 5] =
    [Request::Local, Request::External, Request::Additional, Request::Predictor, Request::Ready];

/// Compares two clusters.
pub(crate) fn effect(before: &[Value], after: &[Value]) -> Effect {
    let (before, after) = (World { objects: before }, World { objects: after });
    let (mut worse, mut unclear) = (Vec::new(), Vec::new());
    let had = before.refusals();
    let newly: Vec<_> = after.refusals().difference(&had).copied().collect();
    if newly.is_empty() && after.is_serverless() && !had.contains(&KSERVE) {
        let had = before.unwritable();
        worse
            .extend(after.unwritable().into_iter().filter(|it| !had.contains(it)).map(|it| format!("{it} is refused")));
    }
    worse.extend(newly.into_iter().map(|config| format!("{config} is refused by its controller")));
    for service in after.all("InferenceService") {
        for request in REQUESTS {
            let mut used = Used::default();
            let was = before.walk(service, request, &mut used);
            let mut kept = if was == Fate::Works { used } else { Used::default() };
            let is = after.walk(service, request, &mut kept);
            let told = format!("{request:?} of {}: {was:?}, then {is:?}", qualified(service));
            match (was.rank(), is.rank()) {
                (Some(was), Some(is)) if is > was => worse.push(told),
                (Some(_), Some(_)) => {}
                // A domain that leaves the list is let go of.
                (Some(_), None) if request == Request::Additional && is == Fate::Absent => {}
                _ if was != is => unclear.push(told),
                _ => {}
            }
        }
    }
    match (worse.is_empty(), unclear.is_empty()) {
        (false, _) => Effect::Harmful(worse),
        (true, false) => Effect::Unclear(unclear),
        (true, true) => Effect::Harmless,
    }
}

/// What a client holds on to: the port of the in-cluster name, and the Services that lead in from outside.
#[derive(Clone, Debug, Default)]
struct Used {
    port: Option<u64>,
    entries: Vec<(String, String, u64)>,
    /// Whether public DNS tells these Services.
    by_dns: bool,
    host: String,
}

/// How a walk ends early.
type Walked = Result<(), Fate>;

fn fails<T>(why: impl Into<String>) -> Result<T, Fate> {
    Err(Fate::Fails(why.into()))
}

fn unclear<T>(why: impl Into<String>) -> Result<T, Fate> {
    Err(Fate::Unclear(why.into()))
}

/// A VirtualService's route for one host.
struct Route<'a> {
    namespace: &'a str,
    host: String,
    /// The Gateways that carry it.
    gateways: Vec<(String, String)>,
    /// Those and the others that the VirtualService is bound to.
    bound: Vec<(String, String)>,
    /// Whether the client speaks TLS.
    tls: bool,
}

/// The route for a public host, and the Gateways that are meant to carry it.
type Public<'a> = (Route<'a>, Vec<(String, String)>);

const KSERVE: &str = "inferenceservice-config";

#[derive(Clone, Copy)]
struct World<'a> {
    objects: &'a [Value],
}

impl<'a> World<'a> {
    fn all(self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let is_other = |object: &Value| text(object, "apiVersion").starts_with("gateway.networking.k8s.io/");
        self.objects.iter().filter(move |object| object["kind"] == kind && !is_other(object))
    }

    fn find(self, kind: &'a str, namespace: &str, name: &str) -> Option<&'a Value> {
        self.all(kind).find(|object| object["metadata"]["namespace"] == namespace && object["metadata"]["name"] == name)
    }

    /// The configurations that their controllers refuse to read.
    fn refusals(self) -> BTreeSet<&'static str> {
        let mut refused = BTreeSet::new();
        if self.find("ConfigMap", "kserve", KSERVE).is_some() && self.kserve().is_err() {
            refused.insert(KSERVE);
        }
        if self.find("ConfigMap", "knative-serving", "config-istio").is_some() && self.istio().is_err() {
            refused.insert("config-istio");
        }
        refused
    }

    fn walk(self, service: &Value, request: Request, used: &mut Used) -> Fate {
        self.walked(service, request, used).err().unwrap_or(Fate::Works)
    }

    fn walked(self, service: &Value, request: Request, used: &mut Used) -> Walked {
        let calls = !service["spec"]["transformer"].is_null() || !service["spec"]["explainer"].is_null();
        let is_stopped = service["metadata"]["annotations"]["serving.kserve.io/stop"] == "true";
        let is_outside = matches!(request, Request::External | Request::Additional);
        if is_stopped || request == Request::Predictor && !calls || is_outside && is_private(service) {
            return Err(Fate::Absent);
        }
        let config = self.kserve()?;
        match own_mode(service).or(config["mode"].as_str()) {
            Some("Knative") => {}
            Some(_) => return Err(Fate::Absent),
            None => return unclear("no mode"),
        }
        if !self.is_on_istio() {
            return unclear("another ingress");
        }
        match request {
            Request::Local => self.local(service, &config, used),
            Request::External | Request::Additional => self.external(service, &config, request, used),
            Request::Predictor => {
                let host = format!("{}-predictor.{}", name(service), namespace(service));
                self.direct(service, "predictor", host)
            }
            Request::Ready => self.ready(service),
        }
    }

    fn local(self, service: &Value, config: &Value, used: &mut Used) -> Walked {
        let (front, space) = (front(service), namespace(service));
        if config["disableIstioVirtualHost"] == true {
            return self.direct(service, front, format!("{}-{front}.{space}.{DOMAIN}", name(service)));
        }
        if let Some(refused) = self.unwritable().first() {
            return fails(format!("{refused} is refused"));
        }
        let entry = self.resolve(text(config, "localGatewayService"))?;
        // The URL that KServe gives out names no port: another stands in for HTTP's only as long as there is none.
        let kept = used.port.filter(|used| port_of(entry, *used).is_some() || port_of(entry, 80).is_none());
        let port = kept.unwrap_or_else(|| usual_port(entry));
        used.port = Some(port);
        let route = Route {
            namespace: space,
            host: format!("{}.{space}.{DOMAIN}", name(service)),
            gateways: vec![reference(text(config, "localGateway"), space)],
            bound: self.bound_by_kserve(service, config),
            tls: false,
        };
        self.through(entry, port, &route, Caller::Client)?;
        self.destination(service, config, entry)
    }

    /// The route for the public host of an InferenceService, if it has one.
    fn public(self, service: &'a Value, config: &Value, request: Request) -> Result<Option<Public<'a>>, Fate> {
        let (space, front) = (namespace(service), front(service));
        let Some(own) = self.public_host(service, front)? else { return Ok(None) };
        let is_given = |list: &Value| list.as_array().into_iter().flatten().any(|domain| domain == ADDITIONAL);
        let path = text(config, "pathTemplate");
        if config["disableIstioVirtualHost"] == true {
            if request == Request::Additional {
                return Err(Fate::Absent);
            }
            if !path.is_empty() {
                return fails("nothing routes paths");
            }
            if self.redirects() {
                return unclear("Knative redirects");
            }
            let route = self.knative_route(service, front, own, true)?;
            let meant = chosen(&self.istio()?.external, &labels_of(service, front));
            return Ok(Some((route, meant.into_iter().map(|entry| entry.gateway).collect())));
        }
        if let Some(refused) = self.unwritable().first() {
            return fails(format!("{refused} is refused"));
        }
        // kserve `ingress_reconciler.go` `getServiceHost`, `createIngress`
        let host = own.replacen(&format!("-{front}"), "", 1);
        let host = match request {
            Request::Additional if !is_given(&config["additionalIngressDomains"]) => return Err(Fate::Absent),
            Request::Additional => {
                let domain = self.domain(service, front).unwrap_or_default();
                format!("{}{ADDITIONAL}", host.strip_suffix(&domain).unwrap_or_default())
            }
            _ if path.is_empty() => host,
            _ => text(config, "ingressDomain").to_owned(),
        };
        let gateway = reference(text(config, "ingressGateway"), space);
        let bound = self.bound_by_kserve(service, config);
        Ok(Some((Route { namespace: space, host, gateways: vec![gateway.clone()], bound, tls: false }, vec![gateway])))
    }

    fn external(self, service: &Value, config: &Value, request: Request, used: &mut Used) -> Walked {
        let known = !used.entries.is_empty();
        let Some((mut route, meant)) = self.public(service, config, request)? else {
            return if known { fails("its public name is gone") } else { Err(Fate::Absent) };
        };
        let by_knative = config["disableIstioVirtualHost"] == true;
        let port = if text(config, "urlScheme") == "https" { 443 } else { 80 };
        let is_anywhere = |(space, name): &(String, String)| {
            let gateway = self.find("Gateway", space, name);
            gateway.is_some_and(|gateway| gateway["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty))
        };
        let port = used.entries.first().map_or(port, |(_, _, used)| *used);
        let by_dns: Vec<_> =
            self.named_outside(&route.host).into_iter().map(|(space, name)| (space, name, port)).collect();
        let is_by_dns = !by_dns.is_empty();
        let entries = if is_by_dns {
            by_dns
        } else if known && used.by_dns {
            return fails(format!("no Service leads in for {}, which was {}", route.host, used.host));
        } else if known {
            used.entries.clone()
        } else if meant.iter().any(is_anywhere) {
            return unclear("a Gateway on all gateways: no Service is its own");
        } else {
            self.entries(&meant, port)
        };
        if entries.is_empty() {
            return fails("no Service leads in");
        }
        let (mut working, mut first) = (Vec::new(), None);
        for (space, name, port) in entries {
            let Some(entry) = self.find("Service", &space, &name) else {
                return fails(format!("Service {space}/{name} is gone"));
            };
            if entry["spec"]["type"] == "ExternalName" {
                return unclear("another name behind an entry");
            }
            route.tls = port == 443;
            let mut walked = self.through(entry, port, &route, Caller::Client);
            if walked.is_ok() && !by_knative {
                walked = self.destination(service, config, entry);
            }
            match walked {
                Ok(()) => working.push((space, name, port)),
                Err(fate) if known => return Err(fate),
                Err(fate) => first = first.or(Some(fate)),
            }
        }
        match first {
            Some(fate) if working.is_empty() => Err(fate),
            _ => {
                *used = Used { port: None, entries: working, by_dns: is_by_dns, host: route.host };
                Ok(())
            }
        }
    }

    /// The Services in front of some Gateways' pods, those that face the outside most.
    fn entries(self, gateways: &[(String, String)], port: u64) -> Vec<(String, String, u64)> {
        for kind in ["LoadBalancer", "NodePort", "ClusterIP"] {
            let mut found = BTreeSet::new();
            for gateway in gateways.iter().filter_map(|(space, name)| self.find("Gateway", space, name)) {
                for service in self.all("Service").filter(|service| service["spec"]["type"] == kind) {
                    let selects = is_subset(&gateway["spec"]["selector"], &service["spec"]["selector"]);
                    if has_selector(service) && selects && port_of(service, port).is_some() {
                        found.insert((namespace(service).to_owned(), name(service).to_owned(), port));
                    }
                }
            }
            if !found.is_empty() {
                return found.into_iter().collect();
            }
        }
        Vec::new()
    }

    /// From KServe's route on: to the front, and to the explainer for its own paths.
    fn destination(self, service: &Value, config: &Value, from: &Value) -> Walked {
        self.istio()?;
        let named = match text(config, "knativeLocalGatewayService") {
            "" => text(config, "localGatewayService"),
            named => named,
        };
        let to = self.destined(named, namespace(service), from)?;
        let mut components = vec![front(service)];
        if !service["spec"]["explainer"].is_null() {
            components.push("explainer");
        }
        for component in components {
            let host = format!("{}-{component}.{}.{DOMAIN}", name(service), namespace(service));
            self.through(to, 80, &self.knative_route(service, component, host, false)?, Caller::Gateway)?;
        }
        Ok(())
    }

    /// To a Knative service's own name, which leads to the first of its local gateways.
    fn direct(self, service: &Value, component: &str, host: String) -> Walked {
        let istio = self.istio()?;
        let Some(first) = chosen(&istio.local, &labels_of(service, component)).into_iter().next() else {
            return fails("no local gateway");
        };
        let entry = self.resolve(&first.service)?;
        self.through(entry, 80, &self.knative_route(service, component, host, false)?, Caller::Client)
    }

    fn ready(self, service: &Value) -> Walked {
        let istio = self.istio()?;
        let labels = labels_of(service, "predictor");
        let is_public = self.domain(service, "predictor").is_some();
        let local = chosen(&istio.local, &labels);
        let external = if is_public { chosen(&istio.external, &labels) } else { Vec::new() };
        for entry in local.iter().chain(&external) {
            if self.find("Gateway", &entry.gateway.0, &entry.gateway.1).is_none() {
                return fails(format!("no Gateway {:?}", entry.gateway));
            }
        }
        let own = format!("{}-predictor.{}", name(service), namespace(service));
        for entry in &local {
            self.probe(entry, &self.knative_route(service, "predictor", own.clone(), false)?)?;
        }
        if self.redirects() {
            return Ok(());
        }
        for entry in external.iter().filter(|entry| local.iter().all(|other| other.gateway != entry.gateway)) {
            let Ok(Some(host)) = self.public_host(service, "predictor") else { break };
            self.probe(entry, &self.knative_route(service, "predictor", host, true)?)?;
        }
        Ok(())
    }

    /// The endpoints that net-istio probes are those of the Service that *carries* the selector as labels (net-istio
    /// `pkg/reconciler/ingress/lister.go`).
    fn probe(self, entry: &Entry, route: &Route<'_>) -> Walked {
        let gateway = self.find("Gateway", &entry.gateway.0, &entry.gateway.1).cloned().unwrap_or_default();
        let selector = &gateway["spec"]["selector"];
        let is_named = |service: &&Value| {
            selector.as_object().is_some_and(|selector| !selector.is_empty())
                && is_subset(selector, &service["metadata"]["labels"])
        };
        let services: Vec<_> = self.all("Service").filter(is_named).collect();
        let [service] = services.as_slice() else { return Ok(()) };
        for server in gateway["spec"]["servers"].as_array().into_iter().flatten() {
            let is_probed = matches!(text(&server["port"], "protocol"), "HTTP" | "HTTP2");
            let plain = is_probed && server["tls"]["httpsRedirect"] != true && has_selector(service);
            let Some(port) = server["port"]["number"].as_u64().and_then(|number| port_of(service, number)) else {
                continue;
            };
            for pod in self.pods(service).into_iter().filter(|_| plain) {
                let Some(target) = target(port, &pod) else { continue };
                if let Err(Fate::Fails(why)) = self.carry(&pod, namespace(service), target, route)
                    && why.starts_with(NO_HOST)
                {
                    return fails(format!("the probe: {why}"));
                }
            }
        }
        Ok(())
    }

    fn bound_by_kserve(self, service: &Value, config: &Value) -> Vec<(String, String)> {
        let mut bound = vec![reference(text(config, "localGateway"), namespace(service))];
        if self.domain(service, front(service)).is_some() {
            bound.push(reference(text(config, "ingressGateway"), namespace(service)));
        }
        bound
    }

    /// net-istio `pkg/reconciler/ingress/resources/virtual_service.go`.
    fn knative_route<'s>(
        self,
        service: &'s Value,
        component: &str,
        host: String,
        is_public: bool,
    ) -> Result<Route<'s>, Fate> {
        let istio = self.istio()?;
        let labels = labels_of(service, component);
        let names =
            |entries: &[Entry]| -> Vec<_> { chosen(entries, &labels).into_iter().map(|entry| entry.gateway).collect() };
        let (local, external) = (names(&istio.local), names(&istio.external));
        let bound = match self.domain(service, component) {
            Some(_) => [local.clone(), external.clone()].concat(),
            None => local.clone(),
        };
        // A match without gateways is open to all that the VirtualService is bound to.
        let local = if local.is_empty() { bound.clone() } else { local };
        // A public host that begins as the local ones do is taken by the local gateways' match as well: it is a prefix.
        let begins = host.starts_with(&format!("{}-{component}.{}", name(service), namespace(service)));
        let gateways = match (is_public, begins) {
            (true, true) => [external, local].concat(),
            (true, false) => external,
            (false, _) => local,
        };
        Ok(Route { namespace: namespace(service), host, gateways, bound, tls: false })
    }

    fn through(self, service: &Value, number: u64, route: &Route<'_>, caller: Caller) -> Walked {
        let Some(port) = port_of(service, number) else {
            return fails(format!("{} has no port {number}", qualified(service)));
        };
        if !has_selector(service) {
            return unclear("endpoints by hand");
        }
        // A headless Service's name stands for the pods, whose port is then the client's.
        let is_direct = caller == Caller::Client && is_headless(service);
        let port = |pod: &Pod| if is_direct { Some(number) } else { target(port, pod) };
        let pods: Vec<_> = self.pods(service).into_iter().filter_map(|pod| Some((port(&pod)?, pod))).collect();
        if pods.is_empty() {
            return fails(format!("no pods behind {}", qualified(service)));
        }
        let ends: Vec<_> =
            pods.iter().filter_map(|(port, pod)| self.carry(pod, namespace(service), *port, route).err()).collect();
        let broken: Vec<_> = ends.iter().filter(|end| matches!(end, Fate::Fails(_))).collect();
        match broken.first() {
            Some(Fate::Fails(why)) if broken.len() < pods.len() => Err(Fate::Partly(why.clone())),
            Some(end) => Err((*end).clone()),
            None => ends.into_iter().next().map_or(Ok(()), Err),
        }
    }

    /// What pods do with a request on one of their ports.
    fn carry(self, pod: &Pod, space: &str, port: u64, route: &Route<'_>) -> Walked {
        let mut gateways: Vec<_> =
            self.all("Gateway").filter(|gateway| is_subset(&gateway["spec"]["selector"], &pod["labels"])).collect();
        gateways.sort_by_key(|gateway| (created(gateway), name(gateway), namespace(gateway)));
        let here: Vec<Placed<'_>> = gateways
            .into_iter()
            .flat_map(|gateway| {
                gateway["spec"]["servers"].as_array().into_iter().flatten().map(move |it| (gateway, it))
            })
            .filter(|(_, server)| self.translated(server["port"]["number"].as_u64().unwrap_or(0), space, pod) == port)
            .collect();
        let Some(chains) = chains(&here) else {
            // That istiod compares protocols as they are spelled is more than plumbline knows: HTTP and HTTP2 behind a server
            // with another address make two chains, which Envoy refuses.
            let spelled = here.iter().map(|(_, server)| text(&server["port"], "protocol"));
            let spellings: BTreeSet<_> = spelled.filter(|protocol| is_http(protocol)).collect();
            if spellings.len() > 1 {
                return unclear("one address opened twice");
            }
            return fails(format!("Envoy refuses what wants {port}"));
        };
        if chains.is_empty() {
            return fails(format!("nothing listens on {port}"));
        }
        let is_one = |list: &[(String, String)], gateway: &Value| {
            list.iter().any(|(space, own)| space == namespace(gateway) && own == name(gateway))
        };
        let covers = |gateway: &Value, server: &Value| {
            hosts(server).any(|pattern| is_covered(pattern, namespace(gateway), &route.host, route.namespace))
        };
        let servers = if route.tls {
            match for_name(&chains, &route.host) {
                Some(chain) if chain.wants_certificate => return unclear("a certificate of the client's"),
                Some(chain) if chain.tls => &chain.servers,
                _ => return fails(format!("no TLS for {} on {port}", route.host)),
            }
        } else {
            match chains.iter().find(|chain| !chain.tls) {
                Some(chain) => &chain.servers,
                None if chains.iter().any(|chain| chain.wants_certificate) => return unclear("a mesh-only server"),
                None => return fails(format!("no plain HTTP on {port}")),
            }
        };
        let mut carried = false;
        for (gateway, server) in servers.iter().copied() {
            let lists = hosts(server).any(|host| host.strip_prefix("*/").unwrap_or(host) == route.host);
            if !route.tls
                && server["tls"]["httpsRedirect"] == true
                && (lists || is_one(&route.bound, gateway) && covers(gateway, server))
            {
                return fails(format!("{} redirects", qualified(gateway)));
            }
            carried |= is_one(&route.gateways, gateway) && covers(gateway, server);
        }
        if carried { Ok(()) } else { fails(format!("{NO_HOST} {} on {port}", route.host)) }
    }
}

/// Who connects to a Service: a client, by its name, or a gateway, which istiod tells the endpoints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Client,
    Gateway,
}

const NO_HOST: &str = "no virtual host for";

fn hosts(server: &Value) -> impl Iterator<Item = &str> {
    server["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn front(service: &Value) -> &'static str {
    if service["spec"]["transformer"].is_null() { "predictor" } else { "transformer" }
}

/// A Gateway as a VirtualService names it (istio `pilot/pkg/model/config.go` `ResolveGatewayName`).
fn reference(text: &str, own: &str) -> (String, String) {
    let (space, name) = match (text.split_once('/'), text.split_once('.')) {
        (Some((space, name)), _) => (space, name),
        (None, Some((name, rest))) => (rest.split('.').next().unwrap_or_default(), name),
        (None, None) => (own, text),
    };
    (space.to_owned(), name.to_owned())
}

/// Whether a server's host covers a route's.
fn is_covered(pattern: &str, own: &str, host: &str, from: &str) -> bool {
    let (space, pattern) = pattern.split_once('/').unwrap_or(("*", pattern));
    let is_let_in = match space {
        "*" => true,
        "." => from == own,
        space => from == space,
    };
    is_let_in && (pattern == host || pattern.strip_prefix('*').is_some_and(|end| host.ends_with(end)))
}

fn is_subset(selector: &Value, labels: &Value) -> bool {
    selector.as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value)
}

fn created(object: &Value) -> &str {
    object["metadata"]["creationTimestamp"].as_str().unwrap_or("9999")
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn name(object: &Value) -> &str {
    text(&object["metadata"], "name")
}

fn namespace(object: &Value) -> &str {
    text(&object["metadata"], "namespace")
}

fn qualified(object: &Value) -> String {
    format!("{} {}/{}", text(object, "kind"), namespace(object), name(object))
}

/// How many requests of a cluster work, for a test that wants some to.
pub(crate) fn working(objects: &[Value]) -> BTreeMap<Request, usize> {
    let world = World { objects };
    let mut counts = BTreeMap::new();
    for service in world.all("InferenceService") {
        for request in REQUESTS {
            if world.walk(service, request, &mut Used::default()) == Fate::Works {
                *counts.entry(request).or_default() += 1;
            }
        }
    }
    counts
}
