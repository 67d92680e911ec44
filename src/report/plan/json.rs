//! A plan as JSON, stable: fields are added, never renamed.

use serde_json::{Value, json};

use super::difference;
use crate::finding::Finding;
use crate::plan::{Aside, AsideReason, Outcome, Plan, Route, Step, Wave};
use crate::report::json::{self, object};

/// The whole plan.
#[must_use]
pub fn render(plan: &Plan) -> Value {
    let (outcome, findings): (_, &[Finding]) = match &plan.outcome {
        Outcome::Safe => ("safe", &[]),
        Outcome::Cuts if plan.exhausted => ("no-safe-order", &[]),
        Outcome::Cuts => ("no-safe-order-found", &[]),
        Outcome::Unsound(findings) => ("unsound", findings),
    };
    json!({
        "outcome": outcome,
        "findings": findings.iter().map(json::finding).collect::<Vec<_>>(),
        "today": plan.start.iter().map(route).collect::<Vec<_>>(),
        "waves": plan.waves.iter().map(wave).collect::<Vec<_>>(),
        "aside": plan.aside.iter().map(aside).collect::<Vec<_>>(),
        "judged": plan.judged,
    })
}

fn wave(wave: &Wave) -> Value {
    json!({
        "steps": wave.steps.iter().map(step).collect::<Vec<_>>(),
        "routes": wave.routes.iter().map(route).collect::<Vec<_>>(),
        "cut": wave.cut.iter().map(json::finding).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    let changes = match (&step.before, &step.after) {
        (Some(before), Some(after)) => difference::lines(before, after),
        _ => Vec::new(),
    };
    let mut report = json::report(&step.judgement.findings, &step.judgement.warnings);
    json!({
        "object": object(&step.key),
        "action": step.action.verb(),
        "admitted": step.is_admitted(),
        "intermediate": step.bridge,
        "changes": changes,
        "operatorWrites": step.follows.iter().map(object).collect::<Vec<_>>(),
        "findings": report["findings"].take(),
        "warnings": report["warnings"].take(),
        "manifest": step.after,
    })
}

fn route(route: &Route) -> Value {
    json!({
        "inferenceService": route.subject,
        "request": route.kind.name(),
        "through": route.through.iter().map(object).collect::<Vec<_>>(),
        "ends": route.ends,
    })
}

fn aside(aside: &Aside) -> Value {
    let why = match aside.why {
        AsideReason::First => "first",
        AsideReason::NoEffect => "no-effect",
        AsideReason::Operator => "operator",
        AsideReason::Model => "model",
        AsideReason::LeftAlone => "left-alone",
    };
    json!({"object": object(&aside.key), "action": aside.action.verb(), "why": why})
}
