//! PL710.

use super::{annotation, finding};
use crate::exception::{Futile, Remark, Why};
use crate::finding::Finding;
use crate::model::ANNOTATION_PREFIX as PREFIX;
use crate::object::ObjectKey;
use crate::quote;
use crate::rules::declare::declare_rule;

declare_rule! {
    /// An annotation that should suppress a code has no effect.
    ///
    /// ## What breaks
    ///
    /// Nothing: the annotation is ignored, and what it names is refused as ever.
    ///
    /// ## Why
    ///
    /// `plumbline.dev/allow.<code>` takes a code that exists and is about requests, and its value says why the code does not matter on
    /// this object. Configuration that its controller refuses to read (`PL0xx`) cannot be suppressed, nor can what plumbline says about
    /// exceptions (`PL7xx`).
    ///
    /// ## How to fix
    ///
    /// Correct the code, or give the reason; `plumbline explain` lists the codes.
    ///
    /// ## Example
    ///
    /// A reason is missing. This gives PL710:
    ///
    /// ```yaml bad
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/allow.PL110: ""
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*"]
    /// ```
    ///
    /// With a reason, the code is suppressed:
    ///
    /// ```yaml good
    /// apiVersion: networking.istio.io/v1
    /// kind: Gateway
    /// metadata:
    ///   name: knative-local-gateway
    ///   namespace: knative-serving
    ///   annotations:
    ///     plumbline.dev/allow.PL110: "models are called by their short names alone"
    /// spec:
    ///   selector: {istio: ingressgateway}
    ///   servers:
    ///   - port: {number: 8081, name: http, protocol: HTTP}
    ///     hosts: ["*.models"]
    /// ```
    pub(in crate::rules) FUTILE = 710 "suppression-without-effect" {
        summary: "An annotation that should suppress a code has no effect",
        severity: Warning,
        hops: [],
        reads: {
            ConfigMap: ["metadata.annotations"],
            KnativeServing: ["metadata.annotations"],
            IstioGateway: ["metadata.annotations"],
            Service: ["metadata.annotations"],
        },
    }
}

/// Remarks that an annotation suppresses nothing.
pub(crate) fn futile(changed: &ObjectKey, futile: &Futile) -> Remark {
    let key = quote::name(futile.key.strip_prefix(PREFIX).unwrap_or(&futile.key));
    let why = match futile.why {
        Why::UnknownCode => "there is no such code",
        Why::NoReason => "its value has to give the reason",
        Why::Configuration => "what a controller refuses to read cannot be suppressed",
        Why::Exception => "what is said of exceptions cannot be suppressed",
    };
    let text = format!("{key} of {} {} has no effect: {why}", changed.kind, quote::name(&changed.name));
    Remark { code: FUTILE.code, text }
}

/// Tells of an annotation that suppresses nothing.
pub(crate) fn futile_found(object: &ObjectKey, futile: &Futile, reason: &str) -> Finding {
    let Remark { text, .. } = self::futile(object, futile);
    let site = annotation(object, &futile.key);
    let says = quote::quoted(reason);
    Finding {
        symptom: "it suppresses nothing",
        ..finding(&FUTILE, site, &says, text, ["take it away, or mend it".to_owned()])
    }
}
