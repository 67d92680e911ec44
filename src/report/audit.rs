//! What the audit found, for people and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::json::{finding as finding_json, object};
use super::snippet;
use super::words::{counted, place, who};
use crate::exception::Moment;
use crate::finding::{Finding, Severity};
use crate::quote;
use crate::survey::{Declaration, Entry, InForce, Standing, State, Survey};

/// The longest part of a reason that is repeated.
const REASON: usize = 120;

/// Writes a survey as text.
#[must_use]
pub fn text(survey: &Survey, colour: bool) -> String {
    let mut text = String::new();
    let (plain, excepted): (Vec<_>, Vec<_>) =
        survey.entries.iter().partition(|entry| entry.standing == Standing::Plain);
    for entry in plain {
        text.push_str(&snippet::render(&entry.finding, None, &[], colour));
        text.push('\n');
    }
    section(&mut text, "excepted", excepted.into_iter().map(|entry| self::excepted(entry, survey.at)));
    section(&mut text, "transitions", survey.transitions.iter().map(|declared| transition(declared, survey.at)));
    section(&mut text, "suppressions in force", survey.suppressions.iter().map(suppression));
    section(&mut text, "not judged", survey.unknown.iter().map(|why| quote::printable(why)));
    if !survey.is_drift_known {
        text.push_str("where net-istio has put services was not looked at\n");
    }
    text.push_str(&sum(survey));
    text
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    writeln!(text, "{title}:").ok();
    for line in lines {
        writeln!(text, "  {line}").ok();
    }
    text.push('\n');
}

/// A finding that does not count, on one line.
#[must_use]
pub fn excepted(entry: &Entry, now: Moment) -> String {
    let Entry { finding, standing } = entry;
    let why = match standing {
        Standing::Plain => String::new(),
        Standing::Excepted(transition) => {
            format!("; until {} by transition {}", transition.until.told_at(now), transition.name)
        }
        Standing::Suppressed(reason) => format!("; suppressed, since {}", self::reason(reason)),
    };
    let whom = affected(finding).map(|whom| format!(" ({whom})")).unwrap_or_default();
    let message = quote::printable(&finding.message);
    format!("{} {}: {message}{whom}{why}", finding.code, place(&finding.site))
}

/// A transition of one object, on one line.
#[must_use]
pub fn transition(declared: &Declaration, now: Moment) -> String {
    let Declaration { object, transition, state, broken } = declared;
    let codes: Vec<String> = broken.iter().map(ToString::to_string).collect();
    let broken =
        if codes.is_empty() { "nothing is broken".to_owned() } else { format!("broken: {}", codes.join(", ")) };
    let time = transition.until.told_at(now);
    let state = match state {
        State::Open => format!("open until {time}"),
        State::Overdue => format!("overdue since {time}"),
        State::Done => format!("over since {time}"),
    };
    format!("{} on {} {}: {state}; {broken}", transition.name, object.kind, quote::name(&object.qualified_name()))
}

/// A suppression, on one line.
#[must_use]
pub fn suppression(suppression: &InForce) -> String {
    let InForce { object, code, reason, findings } = suppression;
    let takes = match findings {
        0 => "takes out nothing at present".to_owned(),
        number => format!("takes out {}", counted(*number, "finding")),
    };
    format!(
        "{code} on {} {}, since {}: {takes}",
        object.kind,
        quote::name(&object.qualified_name()),
        self::reason(reason)
    )
}

/// A finding and what to do about it, in a sentence or two.
#[must_use]
pub fn note(finding: &Finding) -> String {
    let whom = affected(finding).map(|whom| format!(" Affects {whom}.")).unwrap_or_default();
    let remedy = finding.remedies.first().map(|remedy| format!(" To fix: {}.", remedy.text())).unwrap_or_default();
    quote::printable(&format!("{}: {}.{whom}{remedy}", finding.code, finding.message))
}

/// Who is affected, where somebody is.
#[must_use]
pub fn affected(finding: &Finding) -> Option<String> {
    (!finding.affected.namespaces.is_empty()).then(|| who(&finding.affected))
}

/// A reason as it is repeated.
#[must_use]
pub fn reason(reason: &str) -> String {
    format!("\"{}\"", quote::shortened(&quote::escaped(reason), REASON))
}

/// How much there is of everything, on one line.
#[must_use]
pub fn sum(survey: &Survey) -> String {
    let severity = |severity, what: &str| counted(survey.plain(severity).count(), what);
    format!(
        "{}: {}, {}; {} open, {} overdue; {}\n",
        counted(survey.inference_services, "InferenceService"),
        severity(Severity::Error, "error"),
        severity(Severity::Warning, "warning"),
        counted(survey.transitions_that_are(State::Open), "transition"),
        survey.transitions_that_are(State::Overdue),
        counted(survey.suppressions.len(), "suppression"),
    )
}

/// The same as JSON; fields are added, never renamed.
#[must_use]
pub fn json(survey: &Survey) -> Value {
    let finding = |entry: &Entry| {
        let mut value = finding_json(&entry.finding);
        value["standing"] = entry.standing.name().into();
        match &entry.standing {
            Standing::Plain => {}
            Standing::Excepted(transition) => value["transition"] = (*transition.name).into(),
            Standing::Suppressed(reason) => value["because"] = (**reason).into(),
        }
        value
    };
    let transition = |declared: &Declaration| {
        json!({
            "name": &*declared.transition.name,
            "until": declared.transition.until.to_string(),
            "state": declared.state.name(),
            "object": object(&declared.object),
            "broken": declared.broken.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    let suppression = |suppression: &InForce| {
        json!({
            "object": object(&suppression.object),
            "code": suppression.code.to_string(),
            "because": &*suppression.reason,
            "findings": suppression.findings,
        })
    };
    json!({
        "at": survey.at.to_string(),
        "inferenceServices": survey.inference_services,
        "findings": survey.entries.iter().map(finding).collect::<Vec<_>>(),
        "transitions": survey.transitions.iter().map(transition).collect::<Vec<_>>(),
        "suppressions": survey.suppressions.iter().map(suppression).collect::<Vec<_>>(),
        "notJudged": survey.unknown,
        "driftIsKnown": survey.is_drift_known,
    })
}
