//! How a rule is written down.

/// Declares a [`Rule`](super::Rule): its doc comment is its documentation, in the code, in `plumbline explain` and on its
/// page.
macro_rules! declare_rule {
    (
        $(#[doc = $docs:literal])+
        $visibility:vis $constant:ident = $code:literal $name:literal {
            summary: $summary:literal,
            severity: $severity:ident,
            hops: [$($hop:ident),* $(,)?],
            reads: { $($kind:ident: [$($field:literal),+ $(,)?]),+ $(,)? } $(,)?
        }
    ) => {
        $(#[doc = $docs])+
        $visibility const $constant: $crate::rules::Rule = $crate::rules::Rule {
            code: $crate::finding::Code($code),
            name: $name,
            summary: $summary,
            severity: $crate::finding::Severity::$severity,
            hops: &[$($crate::walk::Hop::$hop),*],
            docs: concat!($($docs, "\n"),+),
            reads: &[$($crate::rules::Reads {
                kind: $crate::object::Kind::$kind,
                fields: &[$($field),+],
            }),+],
            status: $crate::rules::Status::Stable,
        };
    };
}

pub(crate) use declare_rule;
