use std::collections::BTreeSet;

use super::*;
use crate::engine::Warning;
use crate::exception::{ALLOW, Span, TRANSITION, TRANSITION_UNTIL};
use crate::finding::{Affected, Severity};
use crate::object::{FieldPath, Kind};

const NOW: Moment = Moment(1_780_315_200);
const ASKING: Policy = Policy { longest: Span(3_600), require_rbac: true };

fn finding(code: u16) -> Finding {
    Finding {
        code: Code(code),
        severity: Severity::Error,
        hop: None,
        reason: "",
        symptom: "",
        message: String::new(),
        site: ObjectKey::new(Kind::Service, "a", "b").site(FieldPath::root()),
        says: String::new(),
        related: Vec::new(),
        remedies: Vec::new(),
        affected: Affected::default(),
    }
}

fn denied(codes: &[u16]) -> Judgement {
    Judgement {
        verdict: if codes.is_empty() { Verdict::Allow } else { Verdict::Deny },
        findings: codes.iter().copied().map(finding).collect(),
        warnings: vec![Warning { code: Code(504), text: "follows later".to_owned() }],
        needs: BTreeSet::new(),
        turned: Vec::new(),
    }
}

fn write(annotations: &[(&str, &str)]) -> Change {
    let annotations: serde_json::Map<_, _> =
        annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let metadata = serde_json::json!({"namespace": "a", "name": "b", "annotations": annotations});
    let (key, object) = Object::from_value(Kind::Service, serde_json::json!({ "metadata": metadata })).unwrap();
    Change { key, before: None, after: Some(object), actor: Actor::Anybody }
}

fn open() -> Change {
    write(&[(TRANSITION, "move"), (TRANSITION_UNTIL, &NOW.after(Span(60)).to_string())])
}

fn settled(judgement: Judgement, change: &Change) -> Ruling {
    match weigh(judgement, change, &Policy::default(), NOW) {
        Weighed::Settled(ruling) => ruling,
        Weighed::Covered(covered) => panic!("nobody is asked: {covered:?}"),
    }
}

fn codes(ruling: &Ruling) -> Vec<u16> {
    ruling.judgement.findings.iter().map(|finding| finding.code.0).collect()
}

#[test]
fn a_denial_that_is_covered_in_part_stays_one_and_says_which_part() {
    let ruling = settled(denied(&[1, 110, 107]), &open());
    assert_eq!((ruling.judgement.verdict, codes(&ruling)), (Verdict::Deny, vec![1, 110, 107]));
    assert_eq!(ruling.transition, None);
    let remarks: Vec<_> = ruling.remarks.iter().map(|remark| remark.text.as_str()).collect();
    let says = "transition move, until 12:01Z, would cover PL107, PL110, but cannot cover PL001: no exception lets \
                configuration through that its controller refuses";
    assert_eq!(remarks, [says]);
}

#[test]
fn a_suppression_and_a_transition_share_a_denial() {
    let mut change = open();
    let object = write(&[
        (TRANSITION, "move"),
        (TRANSITION_UNTIL, &NOW.after(Span(60)).to_string()),
        (&format!("{ALLOW}PL110"), "known"),
        (&format!("{ALLOW}PL504"), "known too"),
    ]);
    change.after = object.after;
    let ruling = settled(denied(&[110, 107, 110]), &change);
    assert_eq!(ruling.judgement.verdict, Verdict::Allow);
    assert_eq!(ruling.suppressed.len(), 2);
    assert_eq!(ruling.covered.iter().map(|finding| finding.code.0).collect::<Vec<_>>(), [107]);
    assert!(ruling.judgement.warnings.is_empty(), "a suppressed code is no warning either");
    assert_eq!(ruling.verdict(), "excepted");
}

#[test]
fn only_a_right_that_is_granted_lets_a_change_through() {
    for (permission, verdict, found, remarks) in [
        (Permission::Granted, Verdict::Allow, vec![], 0),
        (Permission::Refused, Verdict::Deny, vec![110, 706], 0),
        (Permission::Unasked("the deadline passed".to_owned()), Verdict::Deny, vec![110], 1),
    ] {
        let Weighed::Covered(covered) = weigh(denied(&[110]), &open(), &ASKING, NOW) else { panic!("not asked") };
        let question = covered.question(None);
        assert_eq!((&*question.namespace, &*question.transition), ("a", "move"));
        let ruling = covered.decide(&question, permission);
        assert_eq!((ruling.judgement.verdict, codes(&ruling)), (verdict, found));
        assert_eq!(ruling.remarks.len(), remarks);
    }
}

#[test]
fn nobody_is_asked_where_nothing_is_needed_or_nothing_can_be_had() {
    for (codes, change) in [(&[][..], open()), (&[1], open()), (&[110], write(&[(TRANSITION, "move")]))] {
        assert!(matches!(weigh(denied(codes), &change, &ASKING, NOW), Weighed::Settled(_)), "{codes:?}");
    }
}

#[test]
fn what_the_operator_writes_declares_nothing() {
    let change = Change { actor: Actor::Operator, ..write(&[(TRANSITION, "move")]) };
    assert_eq!(settled(denied(&[]), &change).judgement.verdict, Verdict::Allow);
}

#[test]
fn a_transition_lasts_until_its_end_and_no_longer_than_allowed() {
    let ends = |seconds: i64| {
        let until = NOW.after(Span(seconds)).to_string();
        let ruling = settled(denied(&[110]), &write(&[(TRANSITION, "move"), (TRANSITION_UNTIL, &until)]));
        ruling.codes().iter().map(|code| code.0).filter(|code| *code >= 700).collect::<Vec<_>>()
    };
    assert_eq!([ends(-1), ends(0), ends(1), ends(3_600), ends(3_601)], [[704], [704], [700], [700], [705]]);
}

#[test]
fn a_write_that_only_declares_something_rests_on_nothing() {
    let (change, plain) = (open(), write(&[]));
    let settings = crate::engine::JudgeSettings::default();
    let judged = |before: Option<Object>, after: Option<Object>| {
        let change = Change { before, after, ..change.clone() };
        crate::engine::judge(&crate::view::Snapshot::default(), &change, &settings)
    };
    assert!(judged(plain.after.clone(), change.after.clone()).needs.is_empty());
    assert!(!judged(None, change.after.clone()).needs.is_empty());
}
