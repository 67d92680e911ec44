//! Exceptions to a refusal, declared on the object that is written: transitions and suppressions.
//!
//! A *transition* says that a write is one step of a larger change: what it cuts is admitted until a stated time. A
//! *suppression* says of one code, for good and with a reason, that it does not matter on this object. Both are annotations of
//! the object under review (of the stored one, where it is deleted): whoever writes it answers for it, and an annotation
//! elsewhere covers nothing. Neither covers configuration that its controller would refuse to read (`PL0xx`).
//!
//! Pure: what time it is, and whether the user may declare a transition, are told from outside.

mod moment;
mod permission;
mod suppression;
mod transition;
mod weigh;

pub use moment::{Moment, Span};
pub use permission::{Asker, Permission, Question};
pub use suppression::{Futile, Suppression, Why};
pub use transition::{Mistake, Transition};
pub use weigh::{Covered, Remark, Ruling, Weighed, weigh};
pub(crate) use weigh::{is_about_exceptions, is_beyond_exceptions};

use crate::model::{Labels, Object};

/// The annotation that names a transition.
pub const TRANSITION: &str = "plumbline.dev/transition";
/// The annotation that says when it ends.
pub const TRANSITION_UNTIL: &str = "plumbline.dev/transition-until";
/// What annotations begin with that suppress a code.
pub const ALLOW: &str = "plumbline.dev/allow.";

/// What a transition may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How far ahead a transition may end.
    pub longest: Span,
    /// Whether declaring one needs a right.
    pub require_rbac: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { longest: Span(3_600), require_rbac: false }
    }
}

/// What is declared on an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The transition, or what is wrong with it.
    pub transition: Option<Result<Transition, Mistake>>,
    /// The suppressions that have an effect.
    pub suppressions: Vec<Suppression>,
    /// Those that have none.
    pub futile: Vec<Futile>,
}

impl Declared {
    /// Reads what is declared on an object.
    #[must_use]
    pub fn on(object: &Object) -> Self {
        let annotations: &Labels = &object.meta().annotations;
        if annotations.is_empty() {
            return Self::default();
        }
        let (suppressions, futile) = suppression::read(annotations);
        Self { transition: transition::read(annotations), suppressions, futile }
    }
}
