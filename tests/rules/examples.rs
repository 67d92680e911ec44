//! Each rule's examples, taken from its docs and judged.

use plumbline::engine::{JudgeSettings, inspect};
use plumbline::finding::Severity;
use plumbline::rules::{RULES, Rule};

use crate::cluster::{Cluster, mends};

/// The text of an example in a rule's docs.
pub(crate) fn example(rule: &Rule, kind: &str) -> String {
    let lines = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    let fence = format!("```yaml {kind}");
    let text: Vec<&str> = lines.skip_while(|line| *line != fence).skip(1).take_while(|line| *line != "```").collect();
    assert!(!text.is_empty(), "{} has no {kind} example", rule.code);
    text.join("\n")
}

#[test]
fn the_first_example_of_each_rule_gives_its_code() {
    let mut failures = Vec::new();
    for rule in RULES {
        let (cluster, change) = Cluster::example(&example(rule, "bad"));
        let codes = cluster.judge(&change).codes();
        if !codes.contains(&rule.code) {
            failures.push(format!("{} {}: got {codes:?}", rule.code, rule.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_second_example_of_each_rule_does_not() {
    let mut failures = Vec::new();
    for rule in RULES {
        let (cluster, change) = Cluster::example(&example(rule, "good"));
        let judged = cluster.judge(&change);
        if judged.codes().contains(&rule.code) {
            failures.push(format!("{} {}: its near miss gives it", rule.code, rule.name));
        }
        // A near miss that is refused for something else would teach the wrong thing.
        for finding in &judged.judgement.findings {
            failures.push(format!("{} {}: its near miss is refused: {}", rule.code, rule.name, finding.message));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_example_begins_with_a_cluster_that_works() {
    let stock = Cluster::stock();
    let inspected = inspect(&stock.snapshot(), &JudgeSettings::default());
    assert!(inspected.findings.is_empty(), "{:#?}", inspected.findings);
    for rule in RULES {
        for kind in ["bad", "good"] {
            let (cluster, _) = Cluster::example(&example(rule, kind));
            let found = inspect(&cluster.snapshot(), &JudgeSettings::default()).findings;
            let errors: Vec<_> = found.iter().filter(|finding| finding.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{} {kind}: {errors:#?}", rule.code);
        }
    }
}

#[test]
fn every_patch_of_a_remedy_mends_what_it_is_for() {
    let mut failures = Vec::new();
    let mut tried = 0;
    for rule in RULES {
        let (cluster, change) = Cluster::example(&example(rule, "bad"));
        let judged = cluster.judge(&change);
        let codes = judged.codes();
        for finding in judged.findings() {
            for remedy in &finding.remedies {
                let Some(patch) = &remedy.patch else { continue };
                tried += 1;
                if let Err(why) = mends(&cluster, &change, &codes, finding.code, (&remedy.object, patch)) {
                    failures.push(format!(
                        "{} in the example of {}: {}: {why}",
                        finding.code,
                        rule.code,
                        remedy.text()
                    ));
                }
            }
        }
    }
    assert!(tried > 40, "only {tried} patches were tried");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
