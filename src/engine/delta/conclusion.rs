//! The verdict and the warnings.

use super::Delta;
use crate::engine::{Judgement, Verdict, Warning};
use crate::finding::{Code, Finding};
use crate::object::ObjectKey;
use crate::rules;

impl Delta<'_, '_> {
    /// Sums up.
    pub(in crate::engine) fn conclude(self, changed: &[&ObjectKey], by_operator: bool) -> Judgement {
        let hazards = if self.broken.is_empty() { self.hazards(changed) } else { Vec::new() };
        let mut findings: Vec<Finding> = self.broken.into_findings().collect();
        // The most people first; a refused configuration stops everybody.
        findings.sort_by_key(|finding| {
            let refused = finding.reason == rules::CONTROLLER_ERROR;
            (std::cmp::Reverse(refused), std::cmp::Reverse(finding.affected.total()), finding.code)
        });
        let mut warnings = Vec::new();
        let mut verdict = if findings.is_empty() { Verdict::Allow } else { Verdict::Deny };
        if by_operator && verdict == Verdict::Deny {
            // The KnativeServing was admitted; its operator would only try again and again.
            verdict = Verdict::Allow;
            warnings.extend(findings.drain(..).map(|finding| Warning {
                code: finding.code,
                text: format!("written by the Knative operator, so not refused: {}", finding.message),
            }));
        }
        if let Some(why) = self.after.view.population_unread() {
            let text = format!("InferenceServices: {why}; so nobody can be said to be affected");
            warnings.push(Warning { code: rules::CANNOT_BE_PROVEN, text });
        }
        warnings.extend(self.still_refused.iter().map(|(key, refusal)| {
            let finding = rules::explain_refusal(self.after.view, self.facts, key, refusal);
            Warning { code: finding.code, text: format!("still refused by its controller: {}", finding.message) }
        }));
        // One warning says what is still missing, the shallowest hop first: that is the next thing to mend.
        let next = self.still_broken.into_findings().min_by_key(|finding| (finding.hop, finding.code));
        if let Some(finding) = next.filter(|_| verdict == Verdict::Allow) {
            warnings.push(still_broken(&finding));
        }
        // What is refused for the same field, or fails in the same way, needs no second telling.
        let is_told = |lesser: &Finding| {
            findings.iter().any(|finding| finding.site == lesser.site || finding.reason == lesser.reason)
        };
        let lesser = self.lesser.into_findings().filter(|lesser| !is_told(lesser));
        warnings.extend(lesser.map(|finding| Warning { code: finding.code, text: finding.message }));
        warnings.extend(self.unknown.into_iter().map(|(why, crowd)| Warning {
            code: rules::CANNOT_BE_PROVEN,
            text: format!("{} InferenceService(s) can no longer be followed: {why}", crowd.affected().total()),
        }));
        // The reason first: it says what to grant or install, and a warning is cut after 120 characters.
        warnings.extend(self.unread.into_iter().map(|(why, crowd)| Warning {
            code: rules::CANNOT_BE_PROVEN,
            text: format!("{why}; so {} InferenceService(s) cannot be followed", crowd.affected().total()),
        }));
        warnings.extend(hazards.into_iter().map(|finding| Warning { code: finding.code, text: finding.message }));
        Judgement { verdict, findings, warnings, needs: std::collections::BTreeSet::new(), turned: self.turned }
    }

    /// What the change does not do, or leaves to chance, although no request is cut by it.
    fn hazards(&self, changed: &[&ObjectKey]) -> Vec<Finding> {
        let (before, after) = (self.before.walker(self.facts), self.after.walker(self.facts));
        changed.iter().flat_map(|key| rules::consequences(&before, &after, key)).collect()
    }
}

fn still_broken(finding: &Finding) -> Warning {
    let hop = finding.hop.map(|hop| format!(" at {hop}")).unwrap_or_default();
    let next = finding.remedies.first().map(|remedy| format!("; next: {}", remedy.text())).unwrap_or_default();
    let code: Code = finding.code;
    Warning { code, text: format!("still broken{hop}: {}{next}", finding.message) }
}
