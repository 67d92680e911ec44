//! YAML as `sigs.k8s.io/yaml` reads it: resolved by `go.yaml.in/yaml/v2`, then turned into JSON's data model.
//!
//! The grammar is YAML 1.2's, whose few differences from libyaml that people meet are levelled out in `refusal`,
//! `mend` and `build`. Left as they are, since nobody writes them: what `tests/differential/yaml.rs` lists as known differences,
//! nearly all of them texts that libyaml reads and this refuses; surrogate escapes in pairs, where it is the other way round;
//! U+0085, U+2028 and U+2029, which are line breaks to libyaml alone.

mod build;
mod mend;
mod refusal;
mod scalar;
mod stream;

use granit_parser::{ErrorKind, Parser, ScanError};

use super::{MAX_DEPTH, Node, SyntaxError};
use crate::quote;
use build::Builder;
use mend::{MAX_MENDS, Mend, Stop};
use refusal::Refusal;
pub(crate) use scalar::number_as_string;
pub use stream::parse_documents;
pub(crate) use stream::parse_documents_from;

/// Reads the first YAML document of a text; what follows it is not looked at, just as `yaml.Unmarshal` does not.
///
/// Scalars resolve as in YAML 1.1 (`yes`, `on`, `0x1f`, `017`; a quoted one is a string), keys become strings, merge
/// keys are applied, and of equal keys the last one stays. Mappings come out sorted by key, because that is the order
/// in which Go's JSON decoder meets them. A value reached through an alias has the place where it is written. An empty
/// text is `null`.
///
/// Documents that grow by aliases end at a fixed number of nodes and bytes, and nesting ends at [`MAX_DEPTH`].
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    parse_at(text, 0)
}

/// As [`parse`], for a document that stands at byte `base` of a longer text, which all places then refer to.
fn parse_at(text: &str, base: usize) -> Result<Node, SyntaxError> {
    reject_control_characters(text, base)?;
    let mut mended: Option<String> = None;
    let mut first_error = None;
    for _ in 0..=MAX_MENDS {
        let current = mended.as_deref().unwrap_or(text);
        match parse_events(current, text, base) {
            Ok(node) => return Ok(node),
            Err(Stop { error, mend }) => {
                let error = first_error.get_or_insert(error);
                let Some(mend) = mend else {
                    return Err(error.clone());
                };
                mended = Some(mend.apply(current));
            }
        }
    }
    Err(first_error.unwrap_or_else(|| SyntaxError::new("did not find expected key", base)))
}

fn parse_events(text: &str, original: &str, base: usize) -> Result<Node, Stop> {
    let options = granit_parser::options! {
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(text, base);
    let mut refusal = Refusal::new(text, original, base);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| in_go_words(&error, text, base))?;
        let range = span.byte_range().unwrap_or_default();
        refusal.watch(&event, range.clone())?;
        if let Some(root) = builder.accept(event, range)? {
            return Ok(root);
        }
    }
    refusal.watch_nothing()?;
    Ok(builder.nothing())
}

/// libyaml reads no control characters, not even in comments.
fn reject_control_characters(text: &str, base: usize) -> Result<(), SyntaxError> {
    let bytes = text.as_bytes();
    // Nearly all texts hold none of the bytes that such a character begins with.
    if !bytes.iter().any(|byte| matches!(byte, 0..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f | 0xc2 | 0xef)) {
        return Ok(());
    }
    let refused = |character: char| {
        matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}'
            | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
    };
    match text.char_indices().find(|(_, character)| refused(*character)) {
        None => Ok(()),
        Some((offset, _)) => Err(SyntaxError::new("control characters are not allowed", base + offset)),
    }
}

/// The parser's error, in the words of Go's library where they say more.
fn in_go_words(error: &ScanError, text: &str, base: usize) -> Stop {
    let offset = text.floor_char_boundary(error.marker().byte_offset().unwrap_or_default());
    let mend = match error.kind() {
        ErrorKind::CommentNotSeparated if text[offset..].starts_with('#') => Some(Mend::Comment(offset)),
        ErrorKind::TabInBlockIndentation => {
            Some(Mend::Tab(text[..offset].rfind('\n').map_or(0, |newline| newline + 1)))
        }
        ErrorKind::SimpleKeyExpected => Mend::header(text, offset),
        // Behind a whole document; libyaml takes the bracket for the next one's.
        ErrorKind::MisplacedFlowCollectionEnd if text.trim_start().starts_with(['[', '{']) => Some(Mend::Rest(offset)),
        _ => None,
    };
    let message = match error.kind() {
        ErrorKind::RecursionLimitExceeded => format!("exceeded max depth of {MAX_DEPTH}"),
        ErrorKind::UnknownAnchor => {
            let name = text[offset..].trim_start_matches('*').split([' ', '\t', '\r', '\n', ',', ']', '}']).next();
            format!("unknown anchor '{}' referenced", quote::excerpt(name.unwrap_or_default()))
        }
        ErrorKind::UnexpectedCharacter { character } => {
            format!("found character that cannot start any token: '{}'", character.escape_debug())
        }
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => refusal::TAB.to_owned(),
        ErrorKind::SimpleKeyExpected => "could not find expected ':'".to_owned(),
        ErrorKind::UnclosedQuotedScalar => "found unexpected end of stream: unclosed quote".to_owned(),
        ErrorKind::UnclosedFlowCollection { open: '[' } => "did not find expected ',' or ']': unclosed '['".to_owned(),
        ErrorKind::UnclosedFlowCollection { .. } => "did not find expected ',' or '}': unclosed '{'".to_owned(),
        ErrorKind::UnexpectedEofImplicitFlowMapping => "did not find expected node content".to_owned(),
        _ => error.info(),
    };
    Stop { error: SyntaxError::new(message, base + offset), mend }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
