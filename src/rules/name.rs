//! Names that cluster DNS does not know.

use super::case::{Case, Explanation};
use super::declare::declare_rule;
use super::remedy;
use crate::model::names::is_dns_label;
use crate::object::{Kind, ObjectKey};
use crate::quote::quoted;
use crate::view::Lookup;
use crate::walk::ClusterFacts;

declare_rule! {
    /// The name that an InferenceService stands for is not the full name of a Service, so it resolves to nothing.
    ///
    /// ## What breaks
    ///
    /// Every in-cluster call to an InferenceService by its URL. The client's resolver answers NXDOMAIN ("could not resolve
    /// host"); no gateway ever sees the request, so their logs stay silent. Public URLs may go on working.
    ///
    /// ## Why
    ///
    /// For each InferenceService `iris` in `models`, KServe writes a Service `iris` of type `ExternalName` whose target is
    /// `localGatewayService`. An `ExternalName` is a CNAME record, and a CNAME's target is an absolute name: the search list
    /// of a pod's `resolv.conf`, which lets a *client* write `knative-local-gateway.istio-system`, is never applied to it. Only
    /// the full form `service.namespace.svc.cluster.local` resolves. The same holds for `service` of an entry in
    /// `config-istio`, to which Knative points its own placeholder Services.
    ///
    /// A trailing dot is fine for DNS (but not for a destination, see PL120). A port suffix is not: a name has no port.
    ///
    /// ## How to fix
    ///
    /// Write the full name, with your cluster's own domain at its end.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// A trailing dot says that the name is absolute, which it is anyway; as `knativeLocalGatewayService` takes over as
    /// the destination, nothing else reads it:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local.",
    ///       "knativeLocalGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    pub(super) UNRESOLVABLE = 101 "name-unresolvable" {
        summary: "The name of the local gateway's Service is not its full name, and resolves to nothing",
        severity: Error,
        hops: [Name, Service],
        reads: {
            ConfigMap: ["data.ingress.localGatewayService", "data.local-gateways[].service"],
        },
    }
}

pub(super) fn unresolvable(case: &Case<'_>, host: &str) -> Explanation {
    let site = &case.broken.site;
    let domain = &case.facts().cluster_domain;
    let message = format!(
        "{} is no full Service name, so it resolves to nothing: {} must read SERVICE.NAMESPACE.svc.{domain}",
        quoted(host),
        case.field(site)
    );
    let explanation = Explanation::new(&UNRESOLVABLE, message, site.clone(), quoted(host));
    let explanation = match case.meant_service(host) {
        Some(full) => explanation.remedy(case.set(site, &full)),
        None => explanation,
    };
    let others = case.services_to_name(host).into_iter();
    others.fold(explanation, |explanation, name| explanation.remedy(case.set(site, &name))).remedy_if_none(|| {
        let text =
            format!("set {} to the full name of the Service in front of the local gateway's pods", case.field(site));
        remedy::by_hand(&site.object, text)
    })
}

impl Case<'_> {
    /// The full name of the existing Service that a short or decorated name means.
    pub(super) fn meant_service(&self, host: &str) -> Option<String> {
        let full = full_form(host, self.facts())?;
        let mut labels = full.split('.');
        let (name, namespace) = (labels.next()?, labels.next()?);
        matches!(self.view().service(namespace, name), Lookup::Present(_)).then_some(full)
    }

    /// The full names of the Services that lead to the Gateway which this request should meet next, the most alike first.
    pub(super) fn services_to_name(&self, wanted: &str) -> Vec<String> {
        let Some(gateway) = self.expected_gateway() else { return Vec::new() };
        let wanted = wanted.split('.').next().unwrap_or_default();
        let services = self.services_before(&gateway, wanted);
        services.iter().take(2).map(|service| self.host_of(&service.key)).collect()
    }

    /// The host of a Service.
    pub(super) fn host_of(&self, service: &ObjectKey) -> String {
        debug_assert_eq!(service.kind, Kind::Service);
        self.facts().service_host(&service.name, &service.namespace)
    }
}

/// The full form of a name that has at least a Service and a namespace in it; whatever port, scheme, case or domain it has.
pub(super) fn full_form(host: &str, facts: &ClusterFacts) -> Option<String> {
    let host = host.trim().to_ascii_lowercase();
    let host = host.split_once("://").map_or(host.as_str(), |(_, rest)| rest);
    let host = host.split([':', '/']).next()?.trim_end_matches('.');
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [name, namespace] | [name, namespace, "svc", ..] if is_dns_label(name) && is_dns_label(namespace) => {
            Some(facts.service_host(name, namespace))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_form_is_found_in_what_was_written() {
        let facts = ClusterFacts::default();
        let full = Some("gw.istio-system.svc.cluster.local".to_owned());
        for written in [
            "gw.istio-system",
            "gw.istio-system.svc",
            "gw.istio-system.svc.cluster.local:80",
            "http://GW.istio-system.svc.cluster.local/",
            "gw.istio-system.svc.corp.local.",
        ] {
            assert_eq!(full_form(written, &facts), full, "{written}");
        }
        assert_eq!(full_form("gw", &facts), None);
        assert_eq!(full_form("gateway.prod.example.com", &facts), None);
    }
}
