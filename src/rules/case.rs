//! A break with everything that its explanation draws on.

use super::{Rule, derived};
use crate::data_plane::host;
use crate::finding::{Affected, Finding, Remedy};
use crate::model::Labels;
use crate::model::istio_gateway::{IstioGateway, Protocol, Server};
use crate::object::{Kind, ObjectKey, Site};
use crate::quote;
use crate::view::View;
use crate::walk::{Break, Candidate, ClusterFacts, Hop, Mismatch, Step, Unrouted, Walk, Walker};

/// The port of HTTPS.
const HTTPS_PORT: u16 = 443;

/// A break, the walk that met it and the cluster it was met in.
pub(super) struct Case<'a> {
    pub(super) walker: Walker<'a, 'a>,
    pub(super) walk: &'a Walk,
    pub(super) broken: &'a Break,
}

/// A finding in the making. The first piece of evidence is the field to look at first.
pub(super) struct Explanation {
    pub(super) rule: &'static Rule,
    pub(super) message: String,
    pub(super) evidence: Vec<(Site, String)>,
    pub(super) remedies: Vec<Remedy>,
}

impl Explanation {
    pub(super) fn new(rule: &'static Rule, message: String, site: Site, says: impl Into<String>) -> Self {
        Self { rule, message, evidence: vec![(site, says.into())], remedies: Vec::new() }
    }

    pub(super) fn and(mut self, site: Site, says: impl Into<String>) -> Self {
        self.evidence.push((site, says.into()));
        self
    }

    pub(super) fn remedy(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
        let remedy = remedy.into();
        self.remedies.extend(remedy.filter(|new| self.remedies.iter().all(|known| known.action != new.action)));
        self
    }

    /// Gives an instruction where nothing better was found.
    pub(super) fn remedy_if_none(self, remedy: impl FnOnce() -> Remedy) -> Self {
        if self.remedies.is_empty() { self.remedy(remedy()) } else { self }
    }

    /// The finding. What the Knative operator derives is told with the field that it derives it from.
    pub(super) fn into_finding(
        self,
        view: &View<'_>,
        facts: &ClusterFacts,
        hop: Option<Hop>,
        (reason, symptom): (&'static str, &'static str),
    ) -> Finding {
        let Self { rule, message, evidence, remedies } = self;
        let mut told = Vec::with_capacity(evidence.len() + 1);
        for (site, says) in evidence {
            let site = derived::exact(view, &site);
            if let Some(source) = derived::source_of(view, facts, &site) {
                told.push((source, says));
                told.push((site, "what the Knative operator writes from it".to_owned()));
            } else {
                told.push((site, says));
            }
        }
        let (site, says) = told.remove(0);
        Finding {
            code: rule.code,
            severity: rule.severity,
            hop,
            reason,
            symptom,
            message,
            site,
            says,
            related: told,
            remedies,
            affected: Affected::default(),
        }
    }
}

impl<'a> Case<'a> {
    pub(super) fn view(&self) -> &'a View<'a> {
        self.walker.view
    }

    pub(super) fn facts(&self) -> &'a ClusterFacts {
        self.walker.facts
    }

    /// A field as a sentence names it, with its very line: the one that people write, not the one derived from it.
    pub(super) fn field(&self, site: &Site) -> String {
        let source = derived::source_of(self.view(), self.facts(), site);
        field(&derived::exact(self.view(), source.as_ref().unwrap_or(site)))
    }

    /// The rule for the way in from outside, or the one for the way inside the cluster.
    pub(super) fn pick(&self, local: &'static Rule, external: &'static Rule) -> &'static Rule {
        if self.is_external() { external } else { local }
    }

    /// Whether the break is on the way in from outside.
    pub(super) fn is_external(&self) -> bool {
        matches!(self.broken.hop, Hop::Entry | Hop::ExternalRoute)
    }

    /// Whether the break is at Knative's own gateway.
    pub(super) fn is_at_knative(&self) -> bool {
        matches!(self.broken.hop, Hop::KnativeListener | Hop::KnativeRoute)
    }

    /// Whether a gateway, rather than the client, is the one that meets the break.
    pub(super) fn is_forwarded(&self) -> bool {
        self.broken.hop == Hop::Destination
            || self.walk.passed.iter().any(|passed| matches!(passed.step, Step::Forward { .. }))
    }

    /// Whether the client speaks TLS to the entry.
    pub(super) fn is_secure(&self) -> bool {
        let entered = self.walk.passed.iter().find_map(|passed| match passed.step {
            Step::Service { port, .. } => Some(port),
            _ => None,
        });
        self.is_external() && entered == Some(HTTPS_PORT)
    }

    /// The field that named the Service at which, or behind which, the request breaks.
    pub(super) fn leading(&self) -> Option<&'a Site> {
        self.walk.passed.iter().rev().find_map(|passed| match passed.step {
            Step::Name { .. } | Step::Forward { .. } => passed.sites.first(),
            _ => None,
        })
    }

    /// The port by which the request came through a Service.
    pub(super) fn port_of(&self, used: &ObjectKey) -> Option<u16> {
        self.walk.passed.iter().rev().find_map(|passed| match &passed.step {
            Step::Service { service, port, .. } if service == used => Some(*port),
            _ => None,
        })
    }

    /// Whose VirtualService would have to carry the request.
    pub(super) fn route_owner(&self, candidate: &Candidate) -> &'static str {
        if candidate.site.object == self.facts().kserve_config() { "KServe" } else { "Knative" }
    }

    /// What the field that names a Gateway says.
    pub(super) fn named(&self, candidate: &Candidate) -> String {
        let gateway = candidate.gateway.to_string();
        match self.entry_at(&candidate.site) {
            Some(entry) if entry.is_shipped_default => format!("not set, which means {}", quote::name(&gateway)),
            _ => quote::quoted(&gateway),
        }
    }

    /// What the message adds where only some of the pods fail.
    pub(super) fn partly(&self) -> &'static str {
        if self.broken.partial { ", on some of its pods only, so that requests fail now and then" } else { "" }
    }
}

/// The candidate that is nearest to carrying the route; the first of equals.
pub(super) fn nearest(unrouted: &Unrouted) -> Option<&Candidate> {
    let distance = |candidate: &&Candidate| match candidate.mismatch {
        Mismatch::HostsNotCovered { .. } | Mismatch::NamespaceKeptOut { .. } => 0,
        Mismatch::NotHttp { .. } | Mismatch::Dropped { .. } => 1,
        Mismatch::OtherPort { .. } => 2,
        Mismatch::OtherPods(_) => 3,
        Mismatch::Missing => 4,
    };
    unrouted.candidates.iter().min_by_key(distance)
}

/// A field as a sentence names it.
pub(super) fn field(site: &Site) -> String {
    if site.path.0.is_empty() {
        return object(&site.object);
    }
    let line = site.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{}{line} of {}", quote::printable(&site.path.to_string()), object(&site.object))
}

/// An object as a sentence names it.
pub(super) fn object(key: &ObjectKey) -> String {
    format!("{} {}", key.kind, quote::name(&key.qualified_name()))
}

/// Labels or a selector as a sentence repeats them.
pub(super) fn labels(labels: &Labels) -> String {
    if labels.is_empty() {
        return "nothing".to_owned();
    }
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{}={}", quote::name(key), value)).collect();
    quote::line(&pairs.join(", "), 160)
}

/// A server's hosts as a sentence repeats them.
pub(super) fn hosts(server: &Server) -> String {
    quote::names(server.hosts.iter().map(AsRef::as_ref))
}

/// A server's protocol as a sentence names it.
pub(super) fn protocol(server: &Server) -> &'static str {
    match server.protocol {
        Protocol::Http if server.is_tls() => "HTTP over TLS",
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
        Protocol::Tls => "TLS",
        Protocol::Opaque => "a protocol without HTTP routes",
    }
}

/// Whether a server is bound to an address of its own although its hosts would cover the request.
pub(super) fn is_bound_elsewhere(gateway: &IstioGateway, server: usize, unrouted: &Unrouted) -> bool {
    let Some(server) = gateway.servers.get(server) else { return false };
    let own = &gateway.key.namespace;
    !matches!(&*server.bind, "" | "0.0.0.0" | "::" | "[::]")
        && server.hosts.iter().any(|pattern| host::covers(pattern, own, &unrouted.host, &unrouted.namespace))
}

/// A Gateway that a configuration names.
pub(super) fn gateway_key(candidate: &Candidate) -> ObjectKey {
    let reference = &candidate.gateway;
    ObjectKey::new(Kind::IstioGateway, reference.namespace.as_str(), reference.name.as_str())
}
