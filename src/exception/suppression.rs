use std::sync::Arc;

use super::ALLOW;
use crate::finding::Code;
use crate::model::Labels;
use crate::rules::{self, Family};

/// A code that does not matter on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The code.
    pub code: Code,
    /// Why it does not matter, as somebody wrote it.
    pub reason: Arc<str>,
}

/// An annotation that suppresses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Futile {
    /// The annotation's key.
    pub key: Arc<str>,
    /// Why.
    pub why: Why,
}

/// Why an annotation suppresses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no such code.
    UnknownCode,
    /// It gives no reason.
    NoReason,
    /// No object may keep a controller from reading its configuration.
    Configuration,
    /// The code is about exceptions itself.
    Exception,
}

/// Reads the suppressions that annotations make, and those that they try to make.
pub(super) fn read(annotations: &Labels) -> (Vec<Suppression>, Vec<Futile>) {
    let (mut suppressions, mut futile) = (Vec::new(), Vec::new());
    for (key, reason) in annotations {
        let Some(code) = key.strip_prefix(ALLOW) else { continue };
        match suppressible(code, reason) {
            Ok(code) => suppressions.push(Suppression { code, reason: reason.clone() }),
            Err(why) => futile.push(Futile { key: key.clone(), why }),
        }
    }
    (suppressions, futile)
}

fn suppressible(code: &str, reason: &str) -> Result<Code, Why> {
    let rule = code.parse().ok().and_then(rules::rule).ok_or(Why::UnknownCode)?;
    match rule.family() {
        Family::Configuration => Err(Why::Configuration),
        Family::Exception => Err(Why::Exception),
        _ if reason.trim().is_empty() => Err(Why::NoReason),
        _ => Ok(rule.code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suppression_needs_a_known_code_and_a_reason() {
        let annotations: Labels = [
            ("plumbline.dev/allow.PL001", "we know"),
            ("plumbline.dev/allow.PL104", "TLS ends in front of this gateway"),
            ("plumbline.dev/allow.PL110", " \n"),
            ("plumbline.dev/allow.PL700", "open for good"),
            ("plumbline.dev/allow.PL999", "whatever"),
            ("plumbline.dev/allow.everything", "please"),
            ("plumbline.dev/allow.pl107", "in lower case"),
        ]
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect();
        let (suppressions, futile) = read(&annotations);
        let codes: Vec<u16> = suppressions.iter().map(|suppression| suppression.code.0).collect();
        assert_eq!(codes, [104, 107]);
        let why: Vec<(&str, Why)> = futile.iter().map(|futile| (&futile.key[ALLOW.len()..], futile.why)).collect();
        assert_eq!(
            why,
            [
                ("PL001", Why::Configuration),
                ("PL110", Why::NoReason),
                ("PL700", Why::Exception),
                ("PL999", Why::UnknownCode),
                ("everything", Why::UnknownCode),
            ]
        );
    }
}
