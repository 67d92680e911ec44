//! Who gets through, worked out the slow way: from manifests alone, every request of every InferenceService by itself, with
//! nothing cached, shared or indexed. It has no code in common with plumbline, so that the two are wrong in different ways.
//!
//! What it does not model (TLS at the gateway, names outside the cluster, Services without a selector) is unclear, never a
//! guess: nothing is held against a verdict then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

const DOMAIN: &str = "svc.cluster.local";
const ISTIO_CLASS: &str = "istio.ingress.networking.knative.dev";
const UNTRANSLATED: &str = "experimental.istio.io/disable-gateway-port-translation";

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
    /// A transformer's call of its predictor.
    Predictor,
    /// net-istio's look at the gateways.
    Ready,
}

const REQUESTS: [Request; 4] = [Request::Local, Request::External, Request::Predictor, Request::Ready];

/// Compares two clusters.
pub(crate) fn effect(before: &[Value], after: &[Value]) -> Effect {
    let (before, after) = (World { objects: before }, World { objects: after });
    let (mut worse, mut unclear) = (Vec::new(), Vec::new());
    let had = before.refusals();
    worse.extend(after.refusals().difference(&had).map(|config| format!("{config} is refused by its controller")));
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
}

/// A gateway of `config-istio`.
#[derive(Clone)]
struct Entry {
    gateway: (String, String),
    service: String,
    selector: Option<Value>,
}

struct Istio {
    local: Vec<Entry>,
    external: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct World<'a> {
    objects: &'a [Value],
}

impl<'a> World<'a> {
    fn all(self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    fn find(self, kind: &'a str, namespace: &str, name: &str) -> Option<&'a Value> {
        self.all(kind).find(|object| object["metadata"]["namespace"] == namespace && object["metadata"]["name"] == name)
    }

    /// The configurations that their controllers refuse to read.
    fn refusals(self) -> BTreeSet<&'static str> {
        let mut refused = BTreeSet::new();
        if self.find("ConfigMap", "kserve", "inferenceservice-config").is_some() && self.kserve().is_err() {
            refused.insert("inferenceservice-config");
        }
        if self.find("ConfigMap", "knative-serving", "config-istio").is_some() && self.istio().is_err() {
            refused.insert("config-istio");
        }
        refused
    }

    fn kserve(self) -> Result<Value, Fate> {
        let Some(config) = self.find("ConfigMap", "kserve", "inferenceservice-config") else {
            return fails("no inferenceservice-config");
        };
        let text = config["data"]["ingress"].as_str().unwrap_or_default();
        match serde_json::from_str::<Value>(text) {
            Ok(ingress) if ingress["ingressGateway"].as_str().is_some_and(|gateway| !gateway.is_empty()) => Ok(ingress),
            _ => fails("inferenceservice-config does not parse"),
        }
    }

    fn istio(self) -> Result<Istio, Fate> {
        let Some(config) = self.find("ConfigMap", "knative-serving", "config-istio") else {
            return fails("no config-istio");
        };
        let shipped = |name: &str, service: &str| json!([{"name": name, "namespace": "knative-serving", "service": format!("{service}.istio-system.{DOMAIN}")}]);
        let local =
            entries(&config["data"]["local-gateways"], shipped("knative-local-gateway", "knative-local-gateway"));
        let external =
            entries(&config["data"]["external-gateways"], shipped("knative-ingress-gateway", "istio-ingressgateway"));
        match (local, external) {
            (Some(local), Some(external)) => Ok(Istio { local, external }),
            _ => fails("config-istio does not parse"),
        }
    }

    /// The domain of an InferenceService's public name, if it has one.
    fn domain(self, service: &Value) -> Option<String> {
        if service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local" {
            return None;
        }
        let config = self.find("ConfigMap", "knative-serving", "config-domain")?;
        let labels = labels_of(service, "predictor");
        let mut best: Option<(usize, String)> = None;
        for (domain, text) in config["data"].as_object()?.iter().filter(|(key, _)| *key != "_example") {
            let chooser: Value = serde_json::from_str(text.as_str()?).unwrap_or(Value::Null);
            let wanted = chooser["selector"].clone();
            let count = wanted.as_object().map_or(0, serde_json::Map::len);
            if is_subset(&wanted, &labels) && best.as_ref().is_none_or(|(most, _)| count > *most) {
                best = Some((count, domain.clone()));
            }
        }
        best.map(|(_, domain)| domain).filter(|domain| domain != DOMAIN)
    }

    fn walk(self, service: &Value, request: Request, used: &mut Used) -> Fate {
        let network = self.find("ConfigMap", "knative-serving", "config-network");
        let class = network.and_then(|network| network["data"]["ingress-class"].as_str()).unwrap_or(ISTIO_CLASS);
        let walked = match request {
            // A controller that reads nothing serves nobody, whatever the class.
            _ if self.kserve().is_ok() && class != ISTIO_CLASS => unclear("another ingress"),
            Request::Local => self.local(service, used),
            Request::External => self.external(service, used),
            Request::Predictor if service["spec"]["transformer"].is_null() => Err(Fate::Absent),
            Request::Predictor => self.kserve().and_then(|_| {
                let host = format!("{}-predictor.{}", name(service), namespace(service));
                self.direct(service, "predictor", host)
            }),
            Request::Ready => self.ready(service),
        };
        walked.err().unwrap_or(Fate::Works)
    }

    fn local(self, service: &Value, used: &mut Used) -> Walked {
        let config = self.kserve()?;
        let (front, space) = (front(service), namespace(service));
        if config["disableIstioVirtualHost"] == true {
            return self.direct(service, front, format!("{}-{front}.{space}.{DOMAIN}", name(service)));
        }
        let entry = self.resolve(text(&config, "localGatewayService"))?;
        let port = match used.port {
            Some(port) => port,
            None if port_of(entry, 80).is_some() => 80,
            None => entry["spec"]["ports"][0]["port"].as_u64().unwrap_or(80),
        };
        used.port = Some(port);
        let route = Route {
            namespace: space,
            host: format!("{}.{space}.{DOMAIN}", name(service)),
            gateways: vec![reference(text(&config, "localGateway"), space)],
            bound: self.bound_by_kserve(service, &config),
        };
        self.through(entry, port, &route)?;
        self.destination(service, &config, entry)
    }

    fn external(self, service: &Value, used: &mut Used) -> Walked {
        if service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local" {
            return Err(Fate::Absent);
        }
        let config = self.kserve()?;
        let space = namespace(service);
        let Some(domain) = self.domain(service) else {
            return if used.entries.is_empty() { Err(Fate::Absent) } else { fails("its public name is gone") };
        };
        let by_knative = config["disableIstioVirtualHost"] == true;
        let (route, meant) = if by_knative {
            let front = front(service);
            let route =
                self.knative_route(service, front, format!("{}-{front}.{space}.{domain}", name(service)), true)?;
            let meant = chosen(&self.istio()?.external, &labels_of(service, front));
            (route, meant.into_iter().map(|entry| entry.gateway).collect())
        } else {
            let gateway = reference(text(&config, "ingressGateway"), space);
            let route = Route {
                namespace: space,
                host: format!("{}.{space}.{domain}", name(service)),
                gateways: vec![gateway.clone()],
                bound: self.bound_by_kserve(service, &config),
            };
            (route, vec![gateway])
        };
        let known = !used.entries.is_empty();
        let is_anywhere = |(space, name): &(String, String)| {
            let gateway = self.find("Gateway", space, name);
            gateway.is_some_and(|gateway| gateway["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty))
        };
        if !known && meant.iter().any(is_anywhere) {
            return unclear("a Gateway on all gateways: no Service is its own");
        }
        let entries = if known { used.entries.clone() } else { self.entries(&meant) };
        if entries.is_empty() {
            return fails("no Service leads in");
        }
        let (mut working, mut first) = (Vec::new(), None);
        for (space, name, port) in entries {
            let Some(entry) = self.find("Service", &space, &name) else {
                return fails(format!("Service {space}/{name} is gone"));
            };
            let mut walked = self.through(entry, port, &route);
            if walked.is_ok() && !by_knative {
                walked = self.destination(service, &config, entry);
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
                used.entries = working;
                Ok(())
            }
        }
    }

    /// The Services in front of some Gateways' pods, those that face the outside most.
    fn entries(self, gateways: &[(String, String)]) -> Vec<(String, String, u64)> {
        for kind in ["LoadBalancer", "NodePort", "ClusterIP"] {
            let mut found = BTreeSet::new();
            for gateway in gateways.iter().filter_map(|(space, name)| self.find("Gateway", space, name)) {
                for service in self.all("Service").filter(|service| service["spec"]["type"] == kind) {
                    let selects = is_subset(&gateway["spec"]["selector"], &service["spec"]["selector"]);
                    if has_selector(service) && selects && port_of(service, 80).is_some() {
                        found.insert((namespace(service).to_owned(), name(service).to_owned(), 80));
                    }
                }
            }
            if !found.is_empty() {
                return found.into_iter().collect();
            }
        }
        Vec::new()
    }

    /// From KServe's route on.
    fn destination(self, service: &Value, config: &Value, from: &Value) -> Walked {
        self.istio()?;
        let named = match text(config, "knativeLocalGatewayService") {
            "" => text(config, "localGatewayService"),
            named => named,
        };
        // istiod knows a Service by its whole name and by no other.
        let whole = named.strip_suffix(&format!(".{DOMAIN}")).and_then(|rest| rest.split_once('.'));
        let Some((name_of, space)) = whole.filter(|(_, space)| !space.contains('.')) else {
            return fails(format!("istiod knows no host {named}"));
        };
        let Some(to) = self.find("Service", space, name_of) else { return fails(format!("no Service {named}")) };
        match to["metadata"]["annotations"]["networking.istio.io/exportTo"].as_str() {
            Some("~") => return fails("the destination is hidden"),
            Some(".") if space != namespace(from) => return fails("the destination is hidden"),
            _ => {}
        }
        let front = front(service);
        let host = format!("{}-{front}.{}.{DOMAIN}", name(service), namespace(service));
        self.through(to, 80, &self.knative_route(service, front, host, false)?)
    }

    /// To a Knative service's own name, which leads to the first of its local gateways.
    fn direct(self, service: &Value, component: &str, host: String) -> Walked {
        let istio = self.istio()?;
        let Some(first) = chosen(&istio.local, &labels_of(service, component)).into_iter().next() else {
            return fails("no local gateway");
        };
        let entry = self.resolve(&first.service)?;
        self.through(entry, 80, &self.knative_route(service, component, host, false)?)
    }

    fn ready(self, service: &Value) -> Walked {
        self.kserve()?;
        let istio = self.istio()?;
        let labels = labels_of(service, "predictor");
        let public = self.domain(service);
        let local = chosen(&istio.local, &labels);
        let external = if public.is_some() { chosen(&istio.external, &labels) } else { Vec::new() };
        for entry in local.iter().chain(&external) {
            if self.find("Gateway", &entry.gateway.0, &entry.gateway.1).is_none() {
                return fails(format!("no Gateway {:?}", entry.gateway));
            }
        }
        let own = format!("{}-predictor.{}", name(service), namespace(service));
        let probes = local.iter().map(|entry| (entry, own.clone(), false));
        let outside = external.iter().filter(|entry| local.iter().all(|other| other.gateway != entry.gateway));
        let outside = outside.map(|entry| (entry, format!("{own}.{}", public.as_deref().unwrap_or_default()), true));
        for (entry, host, is_public) in probes.chain(outside) {
            let route = self.knative_route(service, "predictor", host, is_public)?;
            self.probe(entry, &route)?;
        }
        Ok(())
    }

    /// The endpoints that net-istio probes are those of the Service that *carries* the selector as labels.
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
            let plain = is_http(server) && server["tls"]["httpsRedirect"] != true && has_selector(service);
            let Some(port) = server["port"]["number"].as_u64().and_then(|number| port_of(service, number)) else {
                continue;
            };
            for pod in self.pods(service).into_iter().filter(|_| plain) {
                if let Err(Fate::Fails(why)) = self.carry(&pod, namespace(service), target(port), route)
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
        if self.domain(service).is_some() {
            bound.push(reference(text(config, "ingressGateway"), namespace(service)));
        }
        bound
    }

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
        let bound = match self.domain(service) {
            Some(_) => [local.clone(), external.clone()].concat(),
            None => local.clone(),
        };
        // A public host begins as the local ones do, and so the local gateways' match takes it as well.
        let gateways = if is_public { [external, local].concat() } else { local };
        Ok(Route { namespace: namespace(service), host, gateways, bound })
    }

    /// A Service by the name that a client outside the mesh uses.
    fn resolve(self, host: &str) -> Result<&'a Value, Fate> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let parts: Vec<_> = host.strip_suffix(&format!(".{DOMAIN}")).unwrap_or_default().split('.').collect();
        let [name, space] = parts.as_slice() else { return fails(format!("{host} resolves to nothing")) };
        match self.find("Service", space, name) {
            Some(service) if service["spec"]["type"] == "ExternalName" => unclear("another name behind a name"),
            Some(service) => Ok(service),
            None => fails(format!("no Service {host}")),
        }
    }

    /// The labels of the pods behind a Service, or of those that its workloads would make.
    fn pods(self, service: &Value) -> BTreeSet<String> {
        let is_behind = |object: &&Value, labels: &Value| {
            namespace(object) == namespace(service) && is_subset(&service["spec"]["selector"], labels)
        };
        let pods = self.all("Pod").filter(|pod| is_behind(pod, &pod["metadata"]["labels"]));
        let pods: BTreeSet<_> = pods.map(|pod| pod["metadata"]["labels"].to_string()).collect();
        if !pods.is_empty() {
            return pods;
        }
        let labels = |workload: &Value| workload["spec"]["template"]["metadata"]["labels"].clone();
        let workloads = self.all("Deployment").filter(|workload| is_behind(workload, &labels(workload)));
        workloads.map(|workload| labels(workload).to_string()).collect()
    }

    fn through(self, service: &Value, port: u64, route: &Route<'_>) -> Walked {
        let Some(port) = port_of(service, port) else {
            return fails(format!("{} has no port {port}", qualified(service)));
        };
        if !has_selector(service) {
            return unclear("endpoints by hand");
        }
        let pods = self.pods(service);
        if pods.is_empty() {
            return fails(format!("no pods behind {}", qualified(service)));
        }
        let ends: Vec<_> =
            pods.iter().filter_map(|pod| self.carry(pod, namespace(service), target(port), route).err()).collect();
        let broken: Vec<_> = ends.iter().filter(|end| matches!(end, Fate::Fails(_))).collect();
        match broken.first() {
            Some(Fate::Fails(why)) if broken.len() < pods.len() => Err(Fate::Partly(why.clone())),
            Some(end) => Err((*end).clone()),
            None => ends.into_iter().next().map_or(Ok(()), Err),
        }
    }

    /// What pods with these labels do with a plain request on one of their ports.
    fn carry(self, labels: &str, space: &str, port: u64, route: &Route<'_>) -> Walked {
        let labels: Value = serde_json::from_str(labels).unwrap_or_default();
        let mut gateways: Vec<_> =
            self.all("Gateway").filter(|gateway| is_subset(&gateway["spec"]["selector"], &labels)).collect();
        gateways.sort_by_key(|gateway| (created(gateway), name(gateway), namespace(gateway)));
        let here: Vec<_> = gateways
            .into_iter()
            .flat_map(|gateway| {
                gateway["spec"]["servers"].as_array().into_iter().flatten().map(move |it| (gateway, it))
            })
            .filter(|(_, server)| {
                self.translated(server["port"]["number"].as_u64().unwrap_or(0), space, &labels) == port
            })
            .collect();
        let Some((_, opener)) = here.first() else { return fails(format!("nothing listens on {port}")) };
        if here.iter().any(|(_, server)| server["tls"]["mode"] == "ISTIO_MUTUAL") {
            return unclear("a mesh-only server");
        }
        if !is_http(opener) {
            return fails(format!("no plain HTTP on {port}"));
        }
        let is_one = |list: &[(String, String)], gateway: &Value| {
            list.iter().any(|(space, own)| space == namespace(gateway) && own == name(gateway))
        };
        let hosts = |server: &Value| -> Vec<String> {
            server["hosts"].as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
        };
        let covers = |gateway: &Value, server: &Value| {
            hosts(server).iter().any(|pattern| is_covered(pattern, namespace(gateway), &route.host, route.namespace))
        };
        let mut carried = false;
        for (gateway, server) in here.into_iter().filter(|(_, server)| is_http(server)) {
            let lists = hosts(server).iter().any(|host| host.rsplit('/').next() == Some(route.host.as_str()));
            if server["tls"]["httpsRedirect"] == true
                && (lists || is_one(&route.bound, gateway) && covers(gateway, server))
            {
                return fails(format!("{} redirects", qualified(gateway)));
            }
            carried |= is_one(&route.gateways, gateway) && covers(gateway, server);
        }
        if carried { Ok(()) } else { fails(format!("{NO_HOST} {} on {port}", route.host)) }
    }

    /// The port on pods that the number of a server means: as the oldest Service in front of them that has it says.
    fn translated(self, number: u64, space: &str, labels: &Value) -> u64 {
        let is_asked = |service: &&Value| {
            namespace(service) == space
                && has_selector(service)
                && is_subset(&service["spec"]["selector"], labels)
                && service["metadata"]["labels"][UNTRANSLATED].is_null()
                && port_of(service, number).is_some()
        };
        let mut services: Vec<_> = self.all("Service").filter(is_asked).collect();
        services.sort_by_key(|service| (created(service), name(service)));
        services.first().and_then(|service| port_of(service, number)).map_or(number, target)
    }
}

const NO_HOST: &str = "no virtual host for";

/// The entries of a gateway list; `None` where net-istio would refuse it.
fn entries(list: &Value, shipped: Value) -> Option<Vec<Entry>> {
    let list = match list.as_str() {
        None | Some("") => shipped,
        Some(text) => serde_json::from_str(text).ok()?,
    };
    let mut entries = Vec::new();
    for entry in list.as_array()? {
        entries.push(Entry {
            gateway: (entry["namespace"].as_str()?.to_owned(), entry["name"].as_str()?.to_owned()),
            service: entry["service"].as_str()?.to_owned(),
            selector: Some(entry["labelSelector"]["matchLabels"].clone()).filter(|labels| !labels.is_null()),
        });
    }
    (entries.iter().filter(|entry| entry.selector.is_none()).count() == 1).then_some(entries)
}

/// The entries for some labels: those that select them, else the one that selects nothing.
fn chosen(entries: &[Entry], labels: &Value) -> Vec<Entry> {
    let by = |entry: &&Entry| entry.selector.as_ref().is_some_and(|selector| is_subset(selector, labels));
    let selected: Vec<_> = entries.iter().filter(by).cloned().collect();
    if selected.is_empty() {
        return entries.iter().filter(|entry| entry.selector.is_none()).cloned().collect();
    }
    selected
}

/// The labels of a component's Knative service.
fn labels_of(service: &Value, component: &str) -> Value {
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("component".to_owned(), component.into());
    labels.insert("serving.kserve.io/inferenceservice".to_owned(), name(service).into());
    labels.into()
}

fn front(service: &Value) -> &'static str {
    if service["spec"]["transformer"].is_null() { "predictor" } else { "transformer" }
}

fn reference(text: &str, own: &str) -> (String, String) {
    let (space, name) = text.split_once('/').unwrap_or((own, text));
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

fn is_http(server: &Value) -> bool {
    matches!(server["port"]["protocol"].as_str(), Some("HTTP" | "HTTP2" | "GRPC"))
}

fn is_subset(selector: &Value, labels: &Value) -> bool {
    selector.as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value)
}

fn has_selector(service: &Value) -> bool {
    service["spec"]["selector"].as_object().is_some_and(|selector| !selector.is_empty())
}

fn port_of(service: &Value, number: u64) -> Option<&Value> {
    service["spec"]["ports"].as_array()?.iter().find(|port| port["port"] == number)
}

fn target(port: &Value) -> u64 {
    port["targetPort"].as_u64().or(port["port"].as_u64()).unwrap_or(0)
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
