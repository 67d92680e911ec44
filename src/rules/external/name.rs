//! Public names that are not given out any more.

use super::entry::{dns_path, with_name};
use crate::model::kserve_config::KserveConfig;
use crate::quote;
use crate::rules::case::{Case, Explanation};
use crate::rules::declare::declare_rule;
use crate::rules::remedy;

declare_rule! {
    /// The public name that clients use is not given out any more.
    ///
    /// ## What breaks
    ///
    /// Public URLs. Where another name takes the place of the old one, nothing leads to it yet, and the InferenceServices'
    /// status shows a URL that does not resolve. In-cluster calls go on.
    ///
    /// ## Why
    ///
    /// Knative makes a service's public name of `config-domain` and of the `domain-template` in `config-network`; KServe makes
    /// the InferenceService's of that, or takes `ingressDomain` for all of them where there is a `pathTemplate`. A domain that
    /// leaves `config-domain`, or that has got a `selector` which these services do not match, leaves them with the name
    /// inside the cluster alone. A new domain is a new name, and external-dns points it at a Service only where the Service's
    /// annotation says so.
    ///
    /// ## How to fix
    ///
    /// Add the new name to the annotation first, then change the domain, and keep the old one for as long as clients use it.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-domain, namespace: knative-serving}
    /// data: {example.org: ""}
    /// ```
    ///
    /// A domain below the one that external-dns knows is covered by its wildcard, and one for other services takes nothing
    /// away:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-domain, namespace: knative-serving}
    /// data:
    ///   models.example.com: ""
    ///   example.org: |
    ///     selector: {team: other}
    /// ```
    pub(in crate::rules) NAME_GONE = 216 "public-name-gone" {
        summary: "The public name that clients use is not given out any more",
        severity: Error,
        hops: [Entry],
        reads: {
            ConfigMap: [
                "data[<domain>]", "data.domain-template", "data.ingress.ingressDomain", "data.ingress.pathTemplate",
                "data.ingress.additionalIngressDomains",
            ],
            Service: ["metadata.annotations[external-dns.alpha.kubernetes.io/hostname]"],
        },
    }
}

pub(in crate::rules) fn name_gone(case: &Case<'_>, from: &str, to: Option<&str>) -> Explanation {
    let site = &case.broken.site;
    let (old, mut field) = (quote::name(from), case.field(site));
    let kserve = case.walker.configuration.kserve();
    let is_shared = site.object == case.facts().kserve_config() && kserve.is_some_and(|it| it.path_template.is_some());
    // Either of the two may be what has been written.
    let path = is_shared.then(|| site.object.site(KserveConfig::path("pathTemplate")));
    if let Some(path) = &path {
        field = format!("{} and {field}", case.field(path));
    }
    let text = format!("leave {field} as before for as long as clients use the old names");
    let keep = remedy::by_hand(&site.object, text);
    let Some(to) = to else {
        let message = format!("the public name {old} would end: {field} gives these services none any more");
        return Explanation::new(&NAME_GONE, message, site.clone(), "no name for these services").remedy(keep);
    };
    let to_name = quote::name(to);
    let message =
        format!("the public name {old} would become {to_name} by {field}, which no Service carries for external-dns");
    let mut explanation = Explanation::new(&NAME_GONE, message, site.clone(), format!("makes it {to_name}"));
    if let Some(path) = path {
        explanation = explanation.and(path, "set, so that all public URLs share ingressDomain");
    }
    for service in case.view().load_balancers() {
        if let Some(names) = service.public_names().filter(|_| service.serves_public_name(from) == Some(true)) {
            explanation = explanation
                .and(service.key.site(dns_path()), quote::quoted(names))
                .remedy(with_name(case, &service, names, to));
        }
    }
    explanation.remedy(keep)
}
