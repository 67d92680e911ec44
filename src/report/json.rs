//! Findings as JSON, stable: fields are added, never renamed.

use serde_json::{Value, json};

use super::exception;
use crate::engine::Warning;
use crate::exception::Moment;
use crate::finding::{Affected, Finding, Remedy};
use crate::object::{ObjectKey, Site};
use crate::rehearsal::{Rehearsal, Step};
use crate::rules;
use crate::walk::Hop;

/// Everything that was found: `{"findings": […], "warnings": […]}`.
#[must_use]
pub fn report(findings: &[Finding], warnings: &[Warning]) -> Value {
    let warning = |warning: &Warning| json!({"code": warning.code.to_string(), "message": warning.text});
    json!({
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(warning).collect::<Vec<_>>(),
    })
}

/// The same of a set of writes: what is wrong and to be said of it, whether it and its order are sound, and what the webhook
/// would say to each write.
#[must_use]
pub fn rehearsal(rehearsal: &Rehearsal, findings: &[Finding], warnings: &[Warning], now: Moment) -> Value {
    let step = |step: &Step| {
        let ruling = &step.ruling;
        let transition = ruling.transition.as_ref();
        let mut value = report(&ruling.judgement.findings, &exception::warnings(ruling, now));
        value["object"] = object(&step.key);
        value["verdict"] = ruling.verdict().into();
        value["asked"] = step.is_asked.into();
        value["transition"] = transition.map_or(
            Value::Null,
            |transition| json!({"name": &*transition.name, "until": transition.until.to_string()}),
        );
        value
    };
    let mut value = report(findings, warnings);
    value["setIsSound"] = rehearsal.is_set_sound().into();
    value["orderIsSound"] = rehearsal.wrong().next().is_none().into();
    value["writes"] = rehearsal.steps.iter().map(step).collect();
    value
}

/// One finding.
#[must_use]
pub fn finding(finding: &Finding) -> Value {
    let related = |(site, says): &(Site, String)| {
        let mut value = place(site);
        value["says"] = says.as_str().into();
        value
    };
    let mut value = place(&finding.site);
    let more = json!({
        "code": finding.code.to_string(),
        "name": rules::rule(finding.code).map(|rule| rule.name),
        "severity": finding.severity.name(),
        "hop": finding.hop.map(Hop::label),
        "reason": finding.reason,
        "symptom": finding.symptom,
        "message": finding.message,
        "says": finding.says,
        "related": finding.related.iter().map(related).collect::<Vec<_>>(),
        "remedies": finding.remedies.iter().map(remedy).collect::<Vec<_>>(),
        "affected": affected(&finding.affected),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// A site: the object, the field in it, and the line inside the text of a ConfigMap's key.
fn place(site: &Site) -> Value {
    json!({"object": object(&site.object), "field": site.path.to_string(), "line": site.line})
}

/// An object.
pub(super) fn object(key: &ObjectKey) -> Value {
    json!({"group": key.kind.group(), "kind": key.kind.name(), "namespace": &*key.namespace, "name": &*key.name})
}

fn remedy(remedy: &Remedy) -> Value {
    json!({"object": object(&remedy.object), "text": remedy.text(), "patch": remedy.patch})
}

fn affected(affected: &Affected) -> Value {
    let namespaces = affected.namespaces.iter().map(|(namespace, (count, names))| {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        json!({"namespace": &**namespace, "inferenceServices": count, "first": names})
    });
    json!({
        "inferenceServices": affected.total(),
        "synthetic": affected.synthetic,
        "requests": affected.requests,
        "namespaces": namespaces.collect::<Vec<_>>(),
    })
}
