//! What tells InferenceServices apart: the hosts that a walk may consult, and the names in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::istio_gateway::IstioGateway;
use crate::model::names::GatewayRef;
use crate::population::Names;
use crate::view::{Lookup, View, host_parts};
use crate::walk::Configuration;

/// Labels that KServe and Knative give to a service, each with a name of its own in it.
const NAMING_LABELS: [&str; 4] = [
    "serving.kserve.io/inferenceservice",
    "serving.knative.dev/route",
    "serving.knative.dev/routeNamespace",
    "serving.knative.dev/service",
];

/// Every text that the walks of one verdict may compare with a name or a namespace.
#[derive(Debug, Default)]
pub struct Consulted {
    /// Each with the place where it stands: a server, an entry, a Service.
    texts: Vec<(u32, Arc<str>)>,
    places: u32,
    by_namespace: bool,
    by_labels: bool,
}

impl Consulted {
    /// Collects from each view of a verdict and what its configuration says.
    pub fn by<'a, 'v: 'a>(sides: impl IntoIterator<Item = (&'a View<'v>, &'a Configuration)>) -> Self {
        let mut consulted = Self::default();
        // A Gateway that is the same in both views says the same in both.
        let mut gateways: Vec<Arc<IstioGateway>> = Vec::new();
        for (view, configuration) in sides {
            for gateway in consulted.add_configuration(view, configuration) {
                if !gateways.iter().any(|known| Arc::ptr_eq(known, &gateway)) {
                    gateways.push(gateway);
                }
            }
        }
        for gateway in gateways {
            consulted.add_gateway(&gateway);
        }
        consulted
    }

    /// Adds what one view tells apart, but for the Gateways that its configuration names: these are returned.
    fn add_configuration(&mut self, view: &View<'_>, configuration: &Configuration) -> Vec<Arc<IstioGateway>> {
        let mut named: BTreeSet<GatewayRef> = BTreeSet::new();
        if let Some(kserve) = configuration.kserve() {
            for gateway in [&kserve.local_gateway.value, &kserve.ingress_gateway.value] {
                self.by_namespace |= gateway.starts_with("./") || !gateway.contains(['/', '.']);
                named.insert(GatewayRef::resolve(gateway, ""));
            }
            self.by_namespace |= !kserve.knative_local_gateway_service.value.contains('.');
        }
        if let Some(istio) = configuration.istio() {
            for selector in istio.local.iter().chain(&istio.external).filter_map(|entry| entry.selector.as_ref()) {
                for (label, value) in &selector.match_labels {
                    self.add_label(label, [value]);
                }
                for requirement in &selector.match_expressions {
                    self.add_label(&requirement.key, &requirement.values);
                }
            }
            named.extend(istio.local.iter().chain(&istio.external).map(|entry| entry.gateway.clone()));
        }
        if let Lookup::Present(domain) = &configuration.domain {
            for (label, value) in domain.domains.iter().flat_map(|(_, selector)| selector) {
                self.add_label(label, [value]);
            }
        }
        let template = configuration.network.as_ref().present().and_then(|network| network.domain_template.as_ref());
        let hosts_hold_names = template.is_none_or(|template| template.fields().any(|field| field == "Name"));
        for host in view.redirected_hosts(hosts_hold_names) {
            self.add_in_new_place(host);
        }
        for service in view.load_balancers() {
            if let Some(names) = service.public_names() {
                self.add_in_new_place(names.into());
            }
        }
        named.iter().filter_map(|gateway| view.gateway(&gateway.namespace, &gateway.name).present()).collect()
    }

    /// Adds a label that something selects by, and the values that it looks for.
    fn add_label<'l>(&mut self, label: &str, values: impl IntoIterator<Item = &'l Arc<str>>) {
        if NAMING_LABELS.contains(&label) {
            values.into_iter().for_each(|value| self.add_in_new_place(value.clone()));
        } else {
            self.by_labels = true;
        }
    }

    fn add_gateway(&mut self, gateway: &IstioGateway) {
        for server in &gateway.servers {
            for host in &server.hosts {
                self.texts.push((self.places, host.clone()));
                // The prefix means the Gateway's own namespace, which is told apart by it.
                if host.starts_with("./") {
                    self.texts.push((self.places, gateway.key.namespace.clone()));
                }
            }
            self.places += 1;
        }
    }

    fn add_in_new_place(&mut self, text: Arc<str>) {
        self.texts.push((self.places, text));
        self.places += 1;
    }
}

/// Where a word stands: the place, and the text before and behind it.
type Mention<'t> = (u32, &'t str, &'t str);

/// What tells InferenceServices apart.
#[derive(Debug)]
pub struct Distinctions<'t> {
    /// The DNS labels of every text, and their parts between dashes, each with all of its mentions in order.
    words: BTreeMap<&'t str, Vec<Mention<'t>>>,
    /// Whether a gateway or destination is named relative to the InferenceService's namespace.
    by_namespace: bool,
    /// Whether a gateway list or a domain selects by label.
    pub(super) by_labels: bool,
}

/// What is said of a namespace. Two of which the same is said, word for word but for their own name, fare alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said<'t> {
    /// The namespace itself, where each is apart from all others.
    own: &'t str,
    mentions: &'t [Mention<'t>],
}

impl Said<'_> {
    /// What is said of most namespaces.
    pub(super) const NOTHING: Self = Self { own: "", mentions: &[] };
}

impl<'t> Distinctions<'t> {
    /// Takes the texts apart.
    #[must_use]
    pub fn of(consulted: &'t Consulted) -> Self {
        let mut words: BTreeMap<&str, Vec<Mention<'_>>> = BTreeMap::new();
        for (place, text) in &consulted.texts {
            for part in host_parts(text) {
                let mention = (*place, &text[..part.start], &text[part.end..]);
                words.entry(&text[part]).or_default().push(mention);
            }
        }
        for mentions in words.values_mut() {
            mentions.sort_unstable();
        }
        Self { words, by_namespace: consulted.by_namespace, by_labels: consulted.by_labels }
    }

    /// What is said of a namespace.
    #[must_use]
    pub fn said_of<'s>(&'s self, namespace: &'s str) -> Said<'s> {
        if self.by_namespace {
            return Said { own: namespace, mentions: &[] };
        }
        self.words.get(namespace).map_or(Said::NOTHING, |mentions| Said { own: "", mentions })
    }

    /// The namespaces of which something is said.
    pub(super) fn told_apart<'p>(&'p self, namespaces: &'p BTreeMap<Arc<str>, Names>) -> BTreeMap<&'p str, Said<'p>> {
        if self.by_namespace {
            return namespaces.keys().map(|namespace| (&**namespace, self.said_of(namespace))).collect();
        }
        let known = self.words.keys().filter_map(|word| namespaces.get_key_value(*word));
        known.map(|(namespace, _)| (&**namespace, self.said_of(namespace))).collect()
    }

    /// The words that anything may be named by.
    pub(super) fn words(&self) -> impl Iterator<Item = &'t str> {
        self.words.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consulted(texts: &[(u32, &str)]) -> Consulted {
        let texts = texts.iter().map(|(place, text)| (*place, Arc::from(*text))).collect();
        Consulted { texts, ..Consulted::default() }
    }

    #[test]
    fn namespaces_are_alike_where_the_same_is_said_of_them_in_the_same_place() {
        let texts = consulted(&[
            (0, "*.alpha.svc.cluster.local"),
            (0, "*.alpha"),
            (0, "*.beta"),
            (0, "*.beta.svc.cluster.local"),
            (0, "*.gamma"),
            (1, "*.delta.svc.cluster.local"),
            (1, "*.delta"),
        ]);
        let distinctions = Distinctions::of(&texts);
        let said = |namespace| distinctions.said_of(namespace);
        assert_eq!(said("alpha"), said("beta"));
        assert_ne!(said("alpha"), said("gamma"), "one host less");
        assert_ne!(said("alpha"), said("delta"), "another server");
        assert_eq!(said("other"), Said::NOTHING);
        assert_ne!(said("alpha"), Said::NOTHING);
    }

    #[test]
    fn a_name_joined_by_a_dash_is_a_word_of_its_own() {
        let texts = consulted(&[(0, "iris-team-a.example.com")]);
        let words: Vec<_> = Distinctions::of(&texts).words().collect();
        assert_eq!(words, ["a", "com", "example", "iris", "iris-team", "iris-team-a", "team-a"]);
    }
}
