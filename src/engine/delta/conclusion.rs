//! The verdict and the warnings.

use super::Delta;
use crate::engine::{Judgement, Verdict, Warning};
use crate::finding::{Code, Finding};
use crate::rules;

impl Delta<'_, '_> {
    /// Sums up.
    pub(in crate::engine) fn conclude(self, by_operator: bool) -> Judgement {
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
            let text = format!("nobody can be said to be affected: InferenceServices cannot be read: {why}");
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
        warnings
            .extend(self.lesser.into_findings().map(|finding| Warning { code: finding.code, text: finding.message }));
        warnings.extend(self.unknown.into_iter().map(|(why, affected)| Warning {
            code: rules::CANNOT_BE_PROVEN,
            text: format!("{} InferenceService(s) can no longer be followed: {why}", affected.total()),
        }));
        Judgement { verdict, findings, warnings, needs: std::collections::BTreeSet::new(), turned: self.turned }
    }
}

fn still_broken(finding: &Finding) -> Warning {
    let hop = finding.hop.map(|hop| format!(" at {hop}")).unwrap_or_default();
    let next = finding.remedies.first().map(|remedy| format!("; next: {}", remedy.text())).unwrap_or_default();
    let code: Code = finding.code;
    Warning { code, text: format!("still broken{hop}: {}{next}", finding.message) }
}
