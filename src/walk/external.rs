//! The public URL: through the external gateway's Services, to KServe's route and on to Knative's gateway.

use std::sync::Arc;

use super::local::{HTTP_PORT, HTTPS_PORT, entry_site};
use super::request::{Hop, Request, RequestKind, Subject};
use super::route::{Route, broken};
use super::{Cause, End, Passed, Step, Walk, Walker};
use crate::model::config_map::CONFIG_DOMAIN;
use crate::model::domain_config::DomainConfig;
use crate::model::inference_service::Component;
use crate::model::kserve_config::KserveConfig;
use crate::model::names::{GatewayRef, is_dns_subdomain};
use crate::model::service::{Service, ServiceKind};
use crate::object::{FieldPath, Kind, ObjectKey, Site};
use crate::view::Lookup;

/// A public request before it has entered: its host, and the route that should take it.
struct Public {
    route: Route,
    /// Whether KServe's virtual host takes it, and forwards to Knative's local gateway.
    through_kserve: bool,
    /// The field that makes its host what it is.
    named_by: Site,
}

impl Walker<'_, '_> {
    pub(super) fn external(&self, subject: &Subject, domain: Option<&Arc<str>>, before: Option<&Request>) -> Walk {
        let kind = domain.map_or(RequestKind::External, |domain| RequestKind::Additional(domain.clone()));
        let mut walk = Walk { request: Request::new(kind, String::new()), passed: Vec::new(), end: End::Reached };
        if let Err(end) = self.walk_external(subject, domain, before, &mut walk) {
            walk.end = end;
        }
        walk
    }

    fn walk_external(
        &self,
        subject: &Subject,
        domain: Option<&Arc<str>>,
        before: Option<&Request>,
        walk: &mut Walk,
    ) -> Result<(), End> {
        if subject.shape.cluster_local {
            return Err(End::NotMade);
        }
        let config = self.serverless_config(subject, Hop::Entry)?;
        let mut public = match (self.public(subject, &config, domain), before) {
            // The name that clients use is gone: nothing serves it any more.
            (Err(End::NotMade), Some(request)) if domain.is_none() || !config.disable_virtual_host.value => {
                return Err(self.name_gone(request, domain.is_some()));
            }
            (public, _) => public?,
        };
        let secure = config.url_scheme.value == "https";
        let scheme_port = if secure { HTTPS_PORT } else { HTTP_PORT };
        walk.request.url = format!("{}://{}", config.url_scheme.value, public.route.host);
        if !config.disable_virtual_host.value {
            self.check_written_objects(&config, Hop::Entry)?;
        }
        let entries = self.entries(&public, scheme_port, before, &mut walk.request)?;
        // What a client already uses must keep working; where nothing is known of clients, one working entry will do.
        let kept = before.is_some();
        let mut reached = Vec::new();
        let mut first_end = None;
        let mut first_passed = None;
        for (service, port) in entries {
            let mut attempt = Walk { request: walk.request.clone(), passed: Vec::new(), end: End::Reached };
            public.route.tls = port == HTTPS_PORT;
            match self.enter(subject, &config, &public, &service, port, &mut attempt) {
                Ok(()) => {
                    reached.push((service, port));
                    first_passed = first_passed.or(Some(attempt.passed));
                }
                Err(end) if kept => {
                    walk.passed = attempt.passed;
                    return Err(end);
                }
                Err(end) => first_end = first_end.or(Some((end, attempt.passed))),
            }
        }
        match (first_passed, first_end) {
            (Some(passed), _) => {
                walk.passed = passed;
                walk.request.entries = reached;
                Ok(())
            }
            (None, Some((end, passed))) => {
                walk.passed = passed;
                Err(end)
            }
            (None, None) => Err(self.no_entry(&public.route)),
        }
    }

    fn enter(
        &self,
        subject: &Subject,
        config: &KserveConfig,
        public: &Public,
        entry: &ObjectKey,
        port: u16,
        walk: &mut Walk,
    ) -> Result<(), End> {
        let service = match self.view.service(&entry.namespace, &entry.name) {
            Lookup::Present(service) => service,
            Lookup::Absent => return Err(no_entry(&public.route)),
            Lookup::Unknown(why) => return Err(End::Unknown { hop: Hop::Entry, why: format!("{entry}: {why}") }),
        };
        self.through(&service, port, Hop::Entry, &public.route, &mut walk.passed)?;
        if public.through_kserve {
            return self.destination(subject, config, &service, walk);
        }
        let backend = Step::Backend { host: public.route.host.clone() };
        walk.passed.push(Passed { hop: Hop::ExternalRoute, step: backend, sites: Vec::new() });
        Ok(())
    }

    /// The public host that Knative gives a component, and the domain in it.
    pub(super) fn knative_host(&self, subject: &Subject, component: Component) -> Result<(String, &str), End> {
        let hop = Hop::Entry;
        let network = match &self.configuration.network {
            Lookup::Present(network) => network,
            Lookup::Absent => return Err(End::NotMade),
            Lookup::Unknown(why) => return Err(End::Unknown { hop, why: format!("config-network: {why}") }),
        };
        let domains = match &self.configuration.domain {
            Lookup::Present(domains) => domains,
            // Without config-domain Knative gives its services the cluster's own domain.
            Lookup::Absent => return Err(End::NotMade),
            Lookup::Unknown(why) => return Err(End::Unknown { hop, why: format!("config-domain: {why}") }),
        };
        let labels = subject.service_labels(component);
        let Some(domain) = domains.domain_for(&labels, &self.facts.cluster_domain) else {
            return Err(End::NotMade);
        };
        let service = subject.service(component);
        let fields = [("Name", service.as_str()), ("Namespace", &*subject.namespace), ("Domain", domain)];
        let rendered = network.domain_template.as_ref().and_then(|template| template.render(&fields));
        let Some(host) = rendered else {
            return Err(End::Unknown { hop, why: "Knative's domain-template cannot be evaluated here".to_owned() });
        };
        Ok((host, domain))
    }

    /// The public host of an InferenceService and its route.
    fn public(&self, subject: &Subject, config: &KserveConfig, domain: Option<&Arc<str>>) -> Result<Public, End> {
        let (knative_host, own_domain) = self.knative_host(subject, subject.front())?;
        if config.disable_virtual_host.value {
            return match (&config.path_template, domain) {
                // KServe still gives out URLs under ingressDomain, and nothing routes them.
                (Some(_), None) => Ok(self.unrouted_path(subject, config)),
                (_, Some(_)) => Err(End::NotMade),
                (None, None) => {
                    let route = self.knative_public(subject, subject.front(), knative_host)?;
                    let named_by = self.domain_site(DomainConfig::path(own_domain));
                    Ok(Public { route, through_kserve: false, named_by })
                }
            };
        }
        let component = if subject.shape.transformer { "-transformer" } else { "-predictor" };
        // KServe cuts the component out of the host text, and prefers the form of its old names.
        let old = format!("{component}-default");
        let cut = if knative_host.contains("-default") { old.as_str() } else { component };
        let host = knative_host.replacen(cut, "", 1);
        let host = match domain {
            None if config.path_template.is_some() => config.ingress_domain.value.clone(),
            None => host,
            Some(additional) => {
                let Some(subdomain) = host.strip_suffix(own_domain) else { return Err(End::NotMade) };
                let host = format!("{subdomain}{additional}");
                if !config.additional_domains.value.iter().any(|domain| *domain == **additional)
                    || !is_dns_subdomain(&host)
                {
                    return Err(End::NotMade);
                }
                host
            }
        };
        let named_by = match domain {
            None if config.path_template.is_some() => self.kserve_site("ingressDomain", &config.ingress_domain),
            None => self.domain_site(DomainConfig::path(own_domain)),
            Some(_) => self.kserve_site("additionalIngressDomains", &config.additional_domains),
        };
        let gateway = self.kserve_gateway(subject, "ingressGateway", &config.ingress_gateway);
        let site = gateway.1.clone();
        let route = Route {
            meant: 1,
            namespace: subject.namespace.clone(),
            host,
            bound: self.kserve_bound(subject, config),
            gateways: vec![gateway],
            hops: (Hop::Entry, Hop::ExternalRoute),
            tls: false,
            site,
        };
        Ok(Public { route, through_kserve: true, named_by })
    }

    /// A public name that was served and is not given out any more.
    fn name_gone(&self, before: &Request, is_additional: bool) -> End {
        let site = if is_additional {
            self.facts.kserve_config().site(KserveConfig::path("additionalIngressDomains"))
        } else {
            self.domain_site(FieldPath::of("data"))
        };
        broken(Hop::Entry, Cause::NameGone { from: before.host().to_owned(), to: None }, site)
    }

    fn domain_site(&self, path: FieldPath) -> Site {
        ObjectKey::new(Kind::ConfigMap, self.facts.knative_namespace.clone(), CONFIG_DOMAIN).site(path)
    }

    fn unrouted_path(&self, subject: &Subject, config: &KserveConfig) -> Public {
        let route = Route {
            meant: 0,
            namespace: subject.namespace.clone(),
            host: config.ingress_domain.value.clone(),
            gateways: Vec::new(),
            bound: Vec::new(),
            hops: (Hop::Entry, Hop::ExternalRoute),
            tls: false,
            site: self.kserve_site("disableIstioVirtualHost", &config.disable_virtual_host),
        };
        Public { route, through_kserve: false, named_by: self.kserve_site("ingressDomain", &config.ingress_domain) }
    }

    /// Knative's route for a component's public host.
    pub(super) fn knative_public(&self, subject: &Subject, component: Component, host: String) -> Result<Route, End> {
        let istio = self.istio_config()?;
        let redirects = matches!(&self.configuration.network, Lookup::Present(network) if network.redirects_http);
        if redirects {
            let why = "http-protocol is redirected: Knative binds Gateways of its own".to_owned();
            return Err(End::Unknown { hop: Hop::ExternalRoute, why });
        }
        let config = self.facts.istio_config();
        let labels = subject.service_labels(component);
        let external = istio.external_for(&labels);
        let local = istio.local_for(&labels);
        // Knative's match for cluster-local hosts is the prefix that they share, which a public host mostly begins with too.
        let prefix = format!("{}.{}", subject.service(component), subject.namespace);
        let also = if host.starts_with(&prefix) { local.as_slice() } else { &[] };
        let named = external.iter().chain(also);
        Ok(Route {
            meant: external.len(),
            namespace: subject.namespace.clone(),
            host,
            gateways: named.map(|entry| (entry.gateway.clone(), entry_site(&config, entry, "name"))).collect(),
            bound: external.iter().chain(&local).map(|entry| entry.gateway.clone()).collect(),
            hops: (Hop::Entry, Hop::ExternalRoute),
            tls: false,
            site: config.site(FieldPath::of("data.external-gateways")),
        })
    }

    /// The Services through which the public name leads into the cluster.
    fn entries(
        &self,
        public: &Public,
        port: u16,
        before: Option<&Request>,
        request: &mut Request,
    ) -> Result<Vec<(ObjectKey, u16)>, End> {
        let route = &public.route;
        let by_dns = self.view.load_balancers();
        let by_dns = by_dns.iter().filter(|service| service.serves_public_name(&route.host) == Some(true));
        let used_port = before.and_then(|request| request.entries.first()).map_or(port, |(_, used)| *used);
        let entries: Vec<_> = by_dns.map(|service| (service.key.clone(), used_port)).collect();
        request.entries_by_dns = !entries.is_empty();
        if !entries.is_empty() {
            request.entries.clone_from(&entries);
            return Ok(entries);
        }
        let entries = match before {
            Some(request) if request.entries_by_dns && request.host() != route.host => {
                let (from, to) = (request.host().to_owned(), Some(route.host.clone()));
                return Err(broken(Hop::Entry, Cause::NameGone { from, to }, public.named_by.clone()));
            }
            Some(request) if request.entries_by_dns => return Err(self.no_entry(route)),
            Some(request) => request.entries.clone(),
            None => self.entries_by_selector(&route.gateways[..route.meant], port)?,
        };
        request.entries.clone_from(&entries);
        Ok(entries)
    }

    /// The Services in front of the pods of the route's Gateways, those that face the outside first of all.
    fn entries_by_selector(&self, gateways: &[(GatewayRef, Site)], port: u16) -> Result<Vec<(ObjectKey, u16)>, End> {
        let find = |(gateway, _): &(GatewayRef, Site)| self.view.gateway(&gateway.namespace, &gateway.name).present();
        let found: Vec<_> = gateways.iter().filter_map(find).collect();
        if let Some(gateway) = found.iter().find(|gateway| gateway.selector.is_empty()) {
            // It stands on the pods of every gateway, and nothing tells their Services from those of other pods.
            let why = format!("{} selects every gateway, so no Service is known to lead in", gateway.key);
            return Err(End::Unknown { hop: Hop::Entry, why });
        }
        let services: Vec<Arc<Service>> =
            found.iter().flat_map(|gateway| self.view.services_selecting(&gateway.selector)).collect();
        for kind in [ServiceKind::LoadBalancer, ServiceKind::NodePort, ServiceKind::ClusterIp] {
            let of_kind = services.iter().filter(|service| service.kind == kind && service.tcp_port(port).is_some());
            let mut entries: Vec<_> = of_kind.map(|service| (service.key.clone(), port)).collect();
            entries.sort();
            entries.dedup();
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        Ok(Vec::new())
    }

    /// That no Service leads in, where all that could be one has been read.
    fn no_entry(&self, route: &Route) -> End {
        let services = || self.view.services_unread().map(|why| format!("Services: {why}"));
        let unread =
            route.gateways.iter().find_map(|(gateway, _)| match self.view.gateway(&gateway.namespace, &gateway.name) {
                Lookup::Unknown(why) => Some(format!("Gateway {gateway}: {why}")),
                _ => None,
            });
        match unread.or_else(services) {
            Some(why) => End::Unknown { hop: Hop::Entry, why },
            None => no_entry(route),
        }
    }
}

fn no_entry(route: &Route) -> End {
    let site = route.gateways.first().map_or(&route.site, |(_, site)| site).clone();
    broken(Hop::Entry, Cause::NoEntry { host: route.host.clone() }, site)
}
