//! PL503.

use crate::data_plane::endpoints::{Caller, Endpoints, connect, resolve};
use crate::finding::Finding;
use crate::model::istio_config::GatewayEntry;
use crate::object::{FieldPath, Site};
use crate::quote;
use crate::rules::case::{Explanation, field, labels, object};
use crate::rules::declare::declare_rule;
use crate::rules::suggest::{host_before, leads_to};
use crate::rules::{derived, remedy};
use crate::walk::Walker;

declare_rule! {
    /// An entry of `local-gateways` names a Gateway and a Service that do not belong together.
    ///
    /// ## What breaks
    ///
    /// Direct calls to Knative services (`iris-predictor.models`), and with them transformers and explainers. Requests by an
    /// InferenceService's URL do not use the entry's `service` and may work.
    ///
    /// ## Why
    ///
    /// Knative points the name of a Knative service at the entry's `service`, and binds its routes to the entry's Gateway.
    /// net-istio checks neither against the other. This is what kserve#4387 began with: the entry kept the shipped
    /// `knative-local-gateway` and took the Service of new gateway pods, on which that Gateway is not. With the operator, the
    /// shipped Gateway follows only when `spec.ingress.istio.knative-local-gateway.selector` moves it.
    ///
    /// ## How to fix
    ///
    /// Name a Gateway and a Service of the same pods and port.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: custom-local-gateway.istio-system.svc.cluster.local
    /// ```
    ///
    /// Another Service in front of the same pods and port belongs to them as well:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: ml-gateway
    ///   namespace: istio-system
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {app: istio-ingressgateway}
    ///   ports: [{name: http, port: 80, targetPort: 8081}]
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: ml-gateway.istio-system.svc.cluster.local
    /// ```
    pub(in crate::rules) ENTRY_SERVICE_ELSEWHERE = 503 "entry-service-elsewhere" {
        summary: "An entry of local-gateways names a Gateway and a Service that do not belong together",
        severity: Warning,
        hops: [],
        reads: {
            ConfigMap: ["data.local-gateways"],
            KnativeServing: ["spec.config.istio", "spec.ingress.istio.knative-local-gateway.selector"],
            Service: ["spec.selector", "spec.ports"],
            IstioGateway: ["spec.selector", "spec.servers"],
            Deployment: ["spec.template.metadata.labels"],
            Pod: ["metadata.labels"],
        },
    }
}

pub(super) fn elsewhere(walker: &Walker<'_, '_>) -> Vec<Finding> {
    let Some(istio) = walker.configuration.istio() else { return Vec::new() };
    let written = istio.local.iter().filter(|entry| !entry.is_shipped_default);
    written.filter_map(|entry| check(walker, entry)).collect()
}

fn check(walker: &Walker<'_, '_>, entry: &GatewayEntry) -> Option<Finding> {
    let gateway = walker.view.gateway(&entry.gateway.namespace, &entry.gateway.name).present()?;
    let service = resolve(walker.view, &entry.service, &walker.facts.cluster_domain, Caller::Client).ok()?;
    // Servers for the mesh alone cannot be followed from here.
    if gateway.servers.iter().any(|server| server.tls.is_some_and(|tls| tls.istio_mutual)) {
        return None;
    }
    // Without pods nothing is provable here; whether the Service has any is another question.
    if !matches!(connect(walker.view, &service, 80, Caller::Client), Endpoints::Pods { .. })
        || leads_to(walker.view, walker.facts, &service, &gateway)
    {
        return None;
    }
    let config = walker.facts.istio_config();
    let at = |name: &str| {
        derived::exact(walker.view, &Site { object: config.clone(), path: entry.field(name), line: entry.line })
    };
    let message = format!(
        "{} leads to {}, where {} does not listen: the two of one entry must belong to the same pods and port",
        field(&at("service")),
        object(&service.key),
        object(&gateway.key)
    );
    let ports: Vec<String> = gateway.servers.iter().map(|server| server.number.to_string()).collect();
    let listens = format!("{}, port {}", labels(&gateway.selector), ports.join(" and "));
    let text = format!("name in {} a Service that leads to {}", field(&at("service")), object(&gateway.key));
    let mut explanation =
        Explanation::new(&ENTRY_SERVICE_ELSEWHERE, message, at("service"), quote::quoted(&entry.service))
            .and(gateway.key.site(FieldPath::of("spec.selector")), listens)
            .and(service.key.site(FieldPath::of("spec.selector")), labels(&service.selector));
    if let Some(host) = host_before(walker.view, walker.facts, &gateway) {
        explanation = explanation.remedy(remedy::set_text(walker.view, walker.facts, &at("service"), &host));
    }
    let words = ("hazard", "direct calls to Knative services, and transformers' calls to predictors, fail");
    Some(explanation.remedy_if_none(|| remedy::by_hand(&config, text)).into_finding(
        walker.view,
        walker.facts,
        None,
        words,
    ))
}
