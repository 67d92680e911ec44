//! The Services through which public requests enter.

use crate::finding::Remedy;
use crate::model::service::{EXTERNAL_DNS_ANNOTATION, Service, ServiceKind};
use crate::object::FieldPath;
use crate::quote;
use crate::rules::case::{Case, Explanation, field, labels, object};
use crate::rules::declare::declare_rule;
use crate::rules::remedy::{self, Patch};

declare_rule! {
    /// No Service leads into the cluster for the InferenceService's public name.
    ///
    /// ## What breaks
    ///
    /// Public URLs: the name no longer resolves, or resolves to an address at which nothing answers. In-cluster calls go on.
    ///
    /// ## Why
    ///
    /// A public name leads to the address of a `LoadBalancer` Service. Where external-dns manages the zone, its annotation
    /// `external-dns.alpha.kubernetes.io/hostname` *is* the record: removing it, or narrowing `*.example.com`, removes the
    /// name. Where the zone is kept by hand, the record points at the Service that has been in front of the pods of
    /// `ingressGateway` all along; deleting that Service gives its address away.
    ///
    /// ## How to fix
    ///
    /// Keep the Service and its annotation; put a second Service beside it and move the record before you remove the first.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: istio-ingressgateway
    ///   namespace: istio-system
    ///   labels: {istio: ingressgateway}
    ///   annotations: {external-dns.alpha.kubernetes.io/hostname: "*.example.org"}
    /// spec:
    ///   type: LoadBalancer
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8080}]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: istio-ingressgateway
    ///   namespace: istio-system
    ///   labels: {istio: ingressgateway}
    ///   annotations: {external-dns.alpha.kubernetes.io/hostname: "*.example.org,*.models.example.com"}
    /// spec:
    ///   type: LoadBalancer
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8080}]
    /// ```
    pub(in crate::rules) ENTRY_MISSING = 201 "entry-missing" {
        summary: "No Service leads into the cluster for the public name",
        severity: Error,
        hops: [Entry],
        reads: {
            Service: ["metadata.annotations[external-dns.alpha.kubernetes.io/hostname]", "spec.type", "spec.selector"],
            ConfigMap: ["data.ingress.ingressGateway", "data.external-gateways"],
            IstioGateway: ["spec.selector"],
        },
    }
}

declare_rule! {
    /// The Service through which public requests enter lacks the port that clients use.
    ///
    /// ## What breaks
    ///
    /// Public URLs time out or are refused. In-cluster calls go on.
    ///
    /// ## Why
    ///
    /// A URL without a port means 80 for `http` and 443 for `https` (`urlScheme` in KServe's configuration decides which one
    /// KServe gives out). The load balancer forwards the ports that the Service lists, and no others.
    ///
    /// ## How to fix
    ///
    /// Keep the port that the URLs imply; add other ports beside it.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: istio-ingressgateway
    ///   namespace: istio-system
    ///   labels: {istio: ingressgateway}
    ///   annotations: {external-dns.alpha.kubernetes.io/hostname: "*.example.com"}
    /// spec:
    ///   type: LoadBalancer
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: https, port: 443, targetPort: 8443}]
    /// ```
    ///
    /// A target port may move: istiod translates the Gateway's port through this very Service, so the listener follows.
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: istio-ingressgateway
    ///   namespace: istio-system
    ///   labels: {istio: ingressgateway}
    ///   annotations: {external-dns.alpha.kubernetes.io/hostname: "*.example.com"}
    /// spec:
    ///   type: LoadBalancer
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8090}]
    /// ```
    pub(in crate::rules) ENTRY_PORT = 203 "entry-port-missing" {
        summary: "The Service through which public requests enter lacks the port that clients use",
        severity: Error,
        hops: [Entry],
        reads: {
            Service: ["spec.ports[].port", "spec.ports[].protocol"],
            ConfigMap: ["data.ingress.urlScheme"],
        },
    }
}

declare_rule! {
    /// The selector of the Service through which public requests enter finds no pods.
    ///
    /// ## What breaks
    ///
    /// Public URLs: the load balancer has no healthy target and refuses, times out or answers 503 itself.
    ///
    /// ## Why
    ///
    /// As for PL104: every pair of a Service's selector must be among the pods' labels. The labels of a gateway's pods come
    /// from its Deployment, those of Istio's Helm chart from its release name.
    ///
    /// ## How to fix
    ///
    /// Give the Service the labels that the pods of the public gateway carry.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: istio-ingressgateway
    ///   namespace: istio-system
    ///   labels: {istio: ingressgateway}
    ///   annotations: {external-dns.alpha.kubernetes.io/hostname: "*.example.com"}
    /// spec:
    ///   type: LoadBalancer
    ///   selector: {istio: ingressgateway, version: v2}
    ///   ports: [{name: http2, port: 80, targetPort: 8080}]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: istio-ingressgateway
    ///   namespace: istio-system
    ///   labels: {istio: ingressgateway}
    ///   annotations: {external-dns.alpha.kubernetes.io/hostname: "*.example.com"}
    /// spec:
    ///   type: LoadBalancer
    ///   selector: {istio: ingressgateway, app: istio-ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8080}]
    /// ```
    pub(in crate::rules) ENTRY_PODS = 204 "entry-without-pods" {
        summary: "The selector of the Service through which public requests enter finds no pods",
        severity: Error,
        hops: [Entry],
        reads: {
            Service: ["spec.selector"],
            Deployment: ["spec.template.metadata.labels"],
            Pod: ["metadata.labels"],
        },
    }
}

pub(in crate::rules) fn no_entry(case: &Case<'_>, host: &str) -> Explanation {
    let site = &case.broken.site;
    let Some(gateway) = case.expected_gateway() else {
        let message = format!(
            "no Service leads into the cluster for the public name {}: {} names no Gateway that exists",
            quote::name(host),
            field(site)
        );
        return Explanation::new(&ENTRY_MISSING, message, site.clone(), "no such Gateway")
            .remedy(remedy::by_hand(&site.object, format!("name an existing Gateway in {}", field(site))));
    };
    let message = format!(
        "no Service leads into the cluster for the public name {}: none carries it for external-dns, and none that its \
         clients used is left to lead to {}",
        quote::name(host),
        object(&gateway.key)
    );
    let mut explanation =
        Explanation::new(&ENTRY_MISSING, message, site.clone(), quote::quoted(&gateway.key.qualified_name()));
    let services = case.view().services_selecting(&gateway.selector);
    for service in &services {
        let Some(names) = service.public_names() else { continue };
        explanation = explanation.and(service.key.site(dns_path()), quote::quoted(names));
        if service.serves_public_name(host) != Some(true) {
            explanation = explanation.remedy(with_name(case, service, names, host));
        } else if service.kind != ServiceKind::LoadBalancer {
            let site = service.key.site(FieldPath::of("spec.type"));
            let say = |field: &str| format!("set {field} to LoadBalancer");
            let to = case.change(&site, say, |path| Patch::default().add(path, "LoadBalancer"));
            explanation.message = format!(
                "{} carries the public name {} for external-dns, and is of a type that has no address outside",
                object(&service.key),
                quote::name(host)
            );
            explanation = explanation.and(site, "no LoadBalancer").remedy((!service.headless).then_some(to));
        }
    }
    let text = format!(
        "keep (or create) a Service of type LoadBalancer that selects {} and so leads to {}",
        labels(&gateway.selector),
        object(&gateway.key)
    );
    let entry = case.walk.request.entries.first().map_or(&gateway.key, |(entry, _)| entry);
    explanation.remedy(remedy::by_hand(entry, text))
}

/// The annotation by which external-dns gives a Service its names.
pub(super) fn dns_path() -> FieldPath {
    FieldPath::of("metadata.annotations").key(EXTERNAL_DNS_ANNOTATION)
}

/// Adds a name to those that external-dns gives a Service.
pub(super) fn with_name(case: &Case<'_>, service: &Service, names: &str, host: &str) -> Remedy {
    let kserve = case.walker.configuration.kserve();
    let is_shared = kserve.is_some_and(|kserve| kserve.path_template.is_some() && kserve.ingress_domain.value == *host);
    let record = match host.split_once('.') {
        // A record for the whole subdomain, as public names are usually kept; with a pathTemplate all share one.
        Some((_, rest)) if !is_shared => format!("*.{rest}"),
        _ => host.to_owned(),
    };
    let value = format!("{names},{record}");
    let say = |field: &str| format!("add {} to {field}", quote::quoted(&record));
    case.change(&service.key.site(dns_path()), say, |path| Patch::default().test(path, names).replace(path, value))
}
