//! The Service that KServe's route forwards to.

use std::sync::Arc;

use super::case::{Case, Explanation, object};
use super::declare::declare_rule;
use super::remedy::{self, Patch};
use super::service;
use crate::model::service::{EXPORT_TO_ANNOTATION, Service};
use crate::object::{FieldPath, ObjectKey};
use crate::quote::quoted;

declare_rule! {
    /// KServe forwards to a host that istiod does not know in this spelling.
    ///
    /// ## What breaks
    ///
    /// Every request to an InferenceService, from inside and from outside: KServe's route takes it and forwards it to a
    /// cluster that the proxy does not have. The client reads 503, the gateway logs the flag `NC`.
    ///
    /// ## Why
    ///
    /// A VirtualService's destination is looked up in istiod's registry *letter by letter*. A Service is registered under its
    /// full name alone: `name.namespace.svc.cluster.local`, lower case, without a dot at its end. DNS is more tolerant, so
    /// `knative-local-gateway.istio-system.svc.cluster.local.` resolves and still is no destination. Of short forms, only a
    /// name without any dot is completed, with the namespace of the *InferenceService*.
    ///
    /// Where `knativeLocalGatewayService` is empty, `localGatewayService` is the destination too, and must be both: a name for
    /// DNS and a host for istiod.
    ///
    /// ## How to fix
    ///
    /// Write the full name without a trailing dot.
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
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local.",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// In `config-istio` the dot is harmless: there the name is used for DNS alone.
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: config-istio, namespace: knative-serving}
    /// data:
    ///   local-gateways: |
    ///     - name: knative-local-gateway
    ///       namespace: knative-serving
    ///       service: knative-local-gateway.istio-system.svc.cluster.local.
    /// ```
    pub(super) SPELLING = 120 "destination-spelling" {
        summary: "KServe forwards to a host that istiod does not know in this spelling",
        severity: Error,
        hops: [Destination],
        reads: {
            ConfigMap: ["data.ingress.knativeLocalGatewayService", "data.ingress.localGatewayService"],
        },
    }
}

declare_rule! {
    /// The Service that KServe forwards to does not exist.
    ///
    /// ## What breaks
    ///
    /// Every request to an InferenceService, from inside and from outside: 503 from the gateway. The public URL breaks as well,
    /// because it too is forwarded to Knative's local gateway.
    ///
    /// ## Why
    ///
    /// KServe's route does not lead to the model. It sets the `Host` of the Knative service (`iris-predictor.models.svc…`)
    /// and forwards to one Service for all of them: `knativeLocalGatewayService`, or `localGatewayService` where that is
    /// empty. istiod resolves the name when a request comes, not when the route is written, so a missing Service is no error
    /// anywhere but in the client.
    ///
    /// ## How to fix
    ///
    /// Name the Service in front of Knative's local gateway (the `service` of its entry in `config-istio` is a good guess), or
    /// create it first.
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
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "knativeLocalGatewayService": "knative-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// An empty value is not a missing Service: `localGatewayService` takes its place.
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
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "knativeLocalGatewayService": "",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    pub(super) MISSING = 121 "destination-missing" {
        summary: "The Service that KServe forwards to does not exist",
        severity: Error,
        hops: [Destination],
        reads: {
            ConfigMap: ["data.ingress.knativeLocalGatewayService", "data.ingress.localGatewayService"],
            Service: ["metadata.name"],
        },
    }
}

declare_rule! {
    /// The Service that KServe forwards to has no port 80.
    ///
    /// ## What breaks
    ///
    /// Every request to an InferenceService, from inside and from outside: 503 from the gateway.
    ///
    /// ## Why
    ///
    /// KServe writes port 80 into every destination; it cannot be configured. istiod knows a Service port by port, so one
    /// without port 80 is to KServe's route as good as none.
    ///
    /// ## How to fix
    ///
    /// Give the Service a port 80 that leads to where Knative's local Gateway listens.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: knative-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http, port: 8081, targetPort: 8081}]
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "knativeLocalGatewayService": "knative-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: knative-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports:
    ///   - {name: http, port: 80, targetPort: 8081}
    ///   - {name: http-alt, port: 8081, targetPort: 8081}
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: {name: inferenceservice-config, namespace: kserve}
    /// data:
    ///   deploy: '{"defaultDeploymentMode": "Knative"}'
    ///   ingress: |
    ///     {
    ///       "ingressGateway": "knative-serving/knative-ingress-gateway",
    ///       "localGateway": "knative-serving/knative-local-gateway",
    ///       "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
    ///       "knativeLocalGatewayService": "knative-gateway.istio-system.svc.cluster.local",
    ///       "ingressDomain": "example.com"
    ///     }
    /// ```
    pub(super) PORT = 122 "destination-port-missing" {
        summary: "The Service that KServe forwards to has no port 80",
        severity: Error,
        hops: [Destination],
        reads: {
            Service: ["spec.ports[].port", "spec.ports[].protocol"],
        },
    }
}

declare_rule! {
    /// The selector of the Service that KServe forwards to finds no pods.
    ///
    /// ## What breaks
    ///
    /// Every request to an InferenceService, from inside and from outside: KServe's route takes it, and the gateway answers
    /// 503 ("no healthy upstream", flag `UH`).
    ///
    /// ## Why
    ///
    /// As for PL104, one gateway further on: the Service exists, so istiod makes a cluster of it, with no endpoint in it. In
    /// the stock installation this Service and the one of PL104 are the same, `knative-local-gateway`; in-cluster calls then
    /// break before they come here, and the public URL breaks here.
    ///
    /// ## How to fix
    ///
    /// Give the Service the labels that the pods of Knative's local gateway carry.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: knative-local-gateway, namespace: istio-system}
    /// spec:
    ///   selector: {istio: ingress-gateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8081}]
    /// ```
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: istio-system
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {istio: ingressgateway, app: istio-ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8081}]
    /// ```
    pub(super) PODS = 123 "destination-without-pods" {
        summary: "The selector of the Service that KServe forwards to finds no pods",
        severity: Error,
        hops: [Destination],
        reads: {
            Service: ["spec.selector", "spec.ports[].targetPort"],
            Deployment: ["spec.template.metadata.labels"],
            Pod: ["metadata.labels"],
        },
    }
}

declare_rule! {
    /// The Service that KServe forwards to is hidden from the gateway that forwards.
    ///
    /// ## What breaks
    ///
    /// Requests that enter through gateway pods of another namespace: 503, as if the Service did not exist.
    ///
    /// ## Why
    ///
    /// The annotation `networking.istio.io/exportTo` limits which namespaces' proxies know a Service: `.` its own, `~` none,
    /// a name that namespace, `*` (or no annotation) all. The proxies that matter here are those of KServe's local gateway,
    /// and of the public one.
    ///
    /// ## How to fix
    ///
    /// Remove the annotation, or add the namespace of the gateway's pods to it.
    ///
    /// ## Example
    ///
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: istio-system
    ///   annotations: {networking.istio.io/exportTo: "~"}
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8081}]
    /// ```
    ///
    /// The gateway's pods live in the Service's own namespace here, so `.` includes them:
    ///
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: istio-system
    ///   annotations: {networking.istio.io/exportTo: "."}
    ///   labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   ports: [{name: http2, port: 80, targetPort: 8081}]
    /// ```
    pub(super) HIDDEN = 124 "destination-hidden" {
        summary: "The Service that KServe forwards to is hidden from the gateway that forwards",
        severity: Error,
        hops: [Destination],
        reads: {
            Service: ["metadata.annotations[networking.istio.io/exportTo]"],
        },
    }
}

pub(super) fn spelling(case: &Case<'_>, host: &str) -> Explanation {
    let site = &case.broken.site;
    let message = format!(
        "istiod knows no host {}: {}, to which KServe forwards, must be a Service's full name in lower case, without a dot at its end",
        quoted(host),
        case.field(site)
    );
    let mut explanation = Explanation::new(&SPELLING, message, site.clone(), quoted(host));
    if let Some(full) = case.meant_service(host) {
        explanation = explanation.remedy(case.set(site, &full));
    }
    for name in case.services_to_name(host) {
        explanation = explanation.remedy(case.set(site, &name));
    }
    explanation.remedy_if_none(|| {
        let text = format!("set {} to the full name of the Service of Knative's local gateway", case.field(site));
        remedy::by_hand(&site.object, text)
    })
}

pub(super) fn missing(case: &Case<'_>, host: &str, missing: &ObjectKey) -> Explanation {
    let site = &case.broken.site;
    let message = format!(
        "{} does not exist, and {} makes KServe forward every request to it",
        object(missing),
        case.field(site)
    );
    let explanation = Explanation::new(&MISSING, message, site.clone(), quoted(host))
        .and(missing.site(FieldPath::root()), "does not exist");
    service::other_services(case, explanation, site, missing)
}

pub(super) fn port(case: &Case<'_>, found: &Arc<Service>, number: u16) -> Explanation {
    service::port(case, &PORT, found, number)
}

pub(super) fn pods(case: &Case<'_>, found: &Arc<Service>, number: u16) -> Explanation {
    let explanation = service::pods(case, &PODS, found, number);
    match case.leading() {
        Some(leading) => explanation.and(leading.clone(), "makes KServe forward to this Service"),
        None => explanation,
    }
}

pub(super) fn hidden(case: &Case<'_>, found: &Arc<Service>, from: &str) -> Explanation {
    let annotations = FieldPath::of("metadata.annotations");
    let site = found.key.site(annotations.key(EXPORT_TO_ANNOTATION));
    let says = found.meta.annotations.get(EXPORT_TO_ANNOTATION).map_or("", AsRef::as_ref);
    let message =
        format!("{} is hidden from the gateway's pods in namespace {from}, which forward to it", object(&found.key));
    let remove = |field: &str| format!("remove {field}");
    let shown_to = [says, from]
        .iter()
        .map(|part| part.trim())
        .filter(|part| !matches!(*part, "" | "~"))
        .collect::<Vec<_>>()
        .join(",");
    let extend = format!("set {{field}} to {}", quoted(&shown_to));
    Explanation::new(&HIDDEN, message, site.clone(), quoted(says))
        .remedy(case.change(&site, remove, |path| Patch::default().remove(path)))
        .remedy(case.change(
            &site,
            |field| extend.replace("{field}", field),
            |path| Patch::default().replace(path, shown_to.clone()),
        ))
}
