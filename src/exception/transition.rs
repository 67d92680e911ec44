use std::sync::Arc;

use super::{Moment, TRANSITION, TRANSITION_UNTIL};
use crate::model::Labels;

/// The longest name, as of a label's value.
const LONGEST_NAME: usize = 63;

/// A declared transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What ties the objects of one larger change together.
    pub name: Arc<str>,
    /// When the change is over.
    pub until: Moment,
}

/// Why annotations declare no transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A name, and no time.
    Endless,
    /// A time, and no name.
    Nameless,
    /// A name that is none.
    Name(Arc<str>),
    /// A time that is none.
    Time(Arc<str>),
    /// Over already.
    Over(Transition),
    /// Too far ahead.
    TooLong(Transition),
}

/// Reads the transition that annotations declare; `None` where they say nothing of one.
pub(super) fn read(annotations: &Labels) -> Option<Result<Transition, Mistake>> {
    let (name, until) = (annotations.get(TRANSITION), annotations.get(TRANSITION_UNTIL));
    let (name, until) = match (name, until) {
        (None, None) => return None,
        (Some(_), None) => return Some(Err(Mistake::Endless)),
        (None, Some(_)) => return Some(Err(Mistake::Nameless)),
        (Some(name), Some(until)) => (name.clone(), until),
    };
    if !is_name(&name) {
        return Some(Err(Mistake::Name(name)));
    }
    let until = Moment::parse(until).ok_or_else(|| Mistake::Time(until.clone()));
    Some(until.map(|until| Transition { name, until }))
}

/// Whether two objects declare the same, right or wrong.
pub(super) fn is_same(one: &Labels, other: &Labels) -> bool {
    [TRANSITION, TRANSITION_UNTIL].iter().all(|key| one.get(*key) == other.get(*key))
}

/// Letters, digits, `-`, `_` and `.`, a letter or digit at both ends: fit for a Role's `resourceNames` and for a message.
fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= LONGEST_NAME
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(annotations: &[(&str, &str)]) -> Option<Result<Transition, Mistake>> {
        read(&annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    }

    #[test]
    fn a_transition_is_a_name_and_a_time() {
        let until = "2026-01-01T12:30:00Z";
        let right = Transition { name: "to-custom_gateway.v2".into(), until: Moment::parse(until).unwrap() };
        assert_eq!(declared(&[(TRANSITION, &right.name), (TRANSITION_UNTIL, until)]), Some(Ok(right)));
        assert_eq!(declared(&[("plumbline.dev/allow.PL110", "x")]), None);
    }

    #[test]
    fn each_mistake_is_told_from_the_others() {
        let until = "2026-01-01T12:30:00Z";
        assert_eq!(declared(&[(TRANSITION, "move")]), Some(Err(Mistake::Endless)));
        assert_eq!(declared(&[(TRANSITION_UNTIL, until)]), Some(Err(Mistake::Nameless)));
        for name in ["", " ", "-a", "a-", "a b", "a/b", "ü", &"a".repeat(64)] {
            let found = declared(&[(TRANSITION, name), (TRANSITION_UNTIL, until)]);
            assert_eq!(found, Some(Err(Mistake::Name(name.into()))), "{name:?}");
        }
        for time in ["", "1h", "2026-01-01", "2026-01-01 12:30"] {
            let found = declared(&[(TRANSITION, "move"), (TRANSITION_UNTIL, time)]);
            assert_eq!(found, Some(Err(Mistake::Time(time.into()))), "{time:?}");
        }
    }
}
