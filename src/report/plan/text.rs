//! A plan for people: every step with what it changes, and the way of requests after it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::difference;
use super::settle::{Settling, settling};
use crate::engine::KSERVE_CONTROLLER;
use crate::finding::{Affected, Finding};
use crate::plan::{Action, Aside, AsideReason, Outcome, Plan, Route, Step, Wave};
use crate::quote;
use crate::report::words::{counted, how_many, listed, requests};
use crate::rules;

/// How many fields of one write are told.
const FIELDS: usize = 12;
/// How wide the first column is.
const LABELS: usize = 9;

/// Renders a plan.
#[must_use]
pub fn render(plan: &Plan) -> String {
    let mut text = headline(plan);
    if plan.waves.is_empty() {
        asides(&mut text, plan);
        return text;
    }
    if !plan.start.is_empty() {
        section(&mut text, "Today");
        for route in &plan.start {
            way(&mut text, route);
        }
    }
    asides_of(&mut text, plan, AsideReason::First);
    let mut number = 0;
    for (index, wave) in plan.waves.iter().enumerate() {
        let order = if wave.steps.len() > 1 { ": in any order" } else { "" };
        section(&mut text, &format!("Wave {}{order}", index + 1));
        for told in &wave.steps {
            number += 1;
            step(&mut text, number, told);
        }
        after(&mut text, wave);
    }
    asides(&mut text, plan);
    text.push('\n');
    text.push_str(closing(plan));
    text
}

fn headline(plan: &Plan) -> String {
    let writes = plan.steps().count();
    let numbers = format!("{} in {}", counted(writes, "write"), counted(plan.waves.len(), "wave"));
    match &plan.outcome {
        Outcome::Safe if writes == 0 => "Nothing that a request depends on differs.\n".to_owned(),
        Outcome::Safe => {
            let bridges = plan.steps().filter(|step| step.bridge.is_some()).count();
            let bridged = if bridges == 0 {
                String::new()
            } else {
                let alone = if plan.exhausted { "have no safe order" } else { "showed no safe order" };
                let between = counted(bridges, "version");
                format!(
                    "\nThe wanted versions alone {alone}; with {between} in between there is one: expand, switch, contract."
                )
            };
            format!(
                "Safe: {numbers}. The webhook admits each, and every request that works today works after each.{bridged}\n"
            )
        }
        Outcome::Cuts if writes == 0 => {
            "No order of these writes comes to what is wanted: the Knative operator undoes some of them. Change the KnativeServing\n\
             that it derives those objects from, and not the objects.\n"
                .to_owned()
        }
        Outcome::Cuts => {
            let looked = if plan.exhausted { "No order of these writes is safe" } else { "No safe order was found" };
            format!(
                "{looked}, nor one with any of the versions in between that were tried.\n\
                 Of the orders looked at, this one cuts the fewest requests for the fewest steps: {numbers}.\n"
            )
        }
        Outcome::Unsound(findings) => {
            let mut text =
                String::from("What is wanted cuts requests that work today, whatever the order. Mend it first:\n");
            for finding in findings {
                problem(&mut text, finding);
            }
            writeln!(text, "\nThe order that cuts the fewest requests for the fewest steps: {numbers}.").ok();
            text
        }
    }
}

fn section(text: &mut String, title: &str) {
    writeln!(text, "\n{title}").ok();
}

fn labelled(text: &mut String, label: &str, what: &str) {
    writeln!(text, "  {label:<LABELS$} {}", quote::printable(what)).ok();
}

fn way(text: &mut String, route: &Route) {
    let Route { subject, kind, through, ends } = route;
    let mut stations: Vec<String> = through.iter().map(ToString::to_string).collect();
    stations.push(ends.clone().unwrap_or_else(|| "its model".to_owned()));
    labelled(text, kind.name(), &format!("{subject}: {}", stations.join(" > ")));
}

fn step(text: &mut String, number: usize, step: &Step) {
    labelled(text, &format!("{number:>2} {}", step.action.verb()), &step.key.to_string());
    let mut more = |what: &str| labelled(text, "", &format!("  {what}"));
    if let Some(bridge) = step.bridge {
        more(&format!("in between: {bridge}"));
    }
    if let (Action::Change, Some(before), Some(after)) = (step.action, &step.before, &step.after) {
        let fields = difference::lines(before, after);
        fields.iter().take(FIELDS).for_each(|field| more(field));
        if fields.len() > FIELDS {
            more(&format!("and {} more fields", fields.len() - FIELDS));
        }
    }
    for key in &step.follows {
        more(&format!("the Knative operator then writes {key}"));
    }
    for warning in &step.judgement.warnings {
        more(&format!("warning {}: {}", warning.code, warning.text));
    }
    if !step.is_admitted() {
        more(
            "CUT: the webhook refuses this step unless a transition is declared on the object (plumbline.dev/transition)",
        );
        for finding in &step.judgement.findings {
            problem(text, finding);
        }
    }
}

/// A finding, and whom it concerns.
fn problem(text: &mut String, finding: &Finding) {
    let name = rules::rule(finding.code).map(|rule| format!(" {}", rule.name)).unwrap_or_default();
    labelled(text, "", &format!("  {}{name}: {}", finding.code, finding.message));
    if !finding.affected.namespaces.is_empty() {
        labelled(text, "", &format!("    {}", whom(finding)));
    }
}

fn whom(finding: &Finding) -> String {
    let kinds = requests(&finding.affected);
    let kinds = if kinds.is_empty() { String::new() } else { format!("{} requests to ", listed(&kinds)) };
    format!("{kinds}{}: {}", how_many(&finding.affected), crate::report::words::who(&finding.affected))
}

fn after(text: &mut String, wave: &Wave) {
    for waits in wave.steps.iter().filter_map(settling) {
        let until = match waits {
            Settling::Rollout(key) => format!("until the pods of {key} are up to date"),
            Settling::Kserve(key) => format!(
                "KServe does not watch it: restart Deployment {}/{KSERVE_CONTROLLER}, which writes all routes anew",
                key.namespace
            ),
            Settling::Operator(key) => format!("until the operator has followed {key}, and that is Ready again"),
        };
        labelled(text, "wait", &until);
    }
    let mut mended: BTreeMap<&str, Affected> = BTreeMap::new();
    for turned in wave.steps.iter().flat_map(|step| &step.judgement.turned).filter(|turned| turned.reached) {
        mended.entry(turned.kind.name()).or_default().join(&turned.affected);
    }
    for (kind, affected) in mended {
        labelled(text, "then", &format!("{kind} requests to {} arrive that did not", how_many(&affected)));
    }
    for finding in &wave.cut {
        labelled(text, "cut", &whom(finding));
    }
    for route in &wave.routes {
        way(text, route);
    }
}

fn asides(text: &mut String, plan: &Plan) {
    use AsideReason::{LeftAlone, Model, NoEffect, Operator};
    for why in [NoEffect, Operator, Model, LeftAlone] {
        asides_of(text, plan, why);
    }
}

fn asides_of(text: &mut String, plan: &Plan, why: AsideReason) {
    let aside: Vec<&Aside> = plan.aside.iter().filter(|aside| aside.why == why).collect();
    if aside.is_empty() {
        return;
    }
    section(
        text,
        match why {
            AsideReason::First => "First: what is in these namespaces needs them",
            AsideReason::NoEffect => "At any time: no request depends on what differs",
            AsideReason::Operator => "Not by hand: the Knative operator writes these from the KnativeServing",
            AsideReason::Model => "Last, or at any time: no other request depends on these",
            AsideReason::LeftAlone => "Left alone: a plan deletes no namespace and no model",
        },
    );
    for Aside { key, action, .. } in aside {
        labelled(text, action.verb(), &key.to_string());
    }
}

fn closing(plan: &Plan) -> &'static str {
    if plan.is_safe() {
        "Let every wave settle before the next: the plan counts on controllers having caught up. `-o script` writes it as a\n\
         script that waits and checks in between; `-o argocd` and `-o flux` write it for those tools.\n"
    } else {
        "Nothing has been changed.\n"
    }
}
