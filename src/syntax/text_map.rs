//! The way back from a string's text to the bytes it was read from.

use super::{Node, Span};

/// Leads from a place in the decoded text of a scalar to its place in the source.
///
/// Exact for JSON strings and for every YAML style: block scalars line by line, escapes one by one, folded lines up to
/// the white space at which they were folded. Each map is checked against the decoded text when it is made; where the
/// check fails, it knows no places and the caller has the scalar as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextMap {
    pieces: Vec<Piece>,
}

/// A stretch of decoded text and what it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    decoded: Span,
    source: Span,
}

impl TextMap {
    /// Aligns a string with `source`, the text that it was read from.
    ///
    /// For a node that is no string, or was read from another text, the map is empty.
    #[must_use]
    pub fn new(source: &str, node: &Node) -> Self {
        let (Some(decoded), Some(written)) = (node.as_str(), source.get(node.span.start..node.span.end)) else {
            return Self::default();
        };
        let inner = Span { start: node.span.start + 1, end: node.span.end.saturating_sub(1) };
        let quoted = match written.as_bytes() {
            [b'"', .., b'"'] => align(source, inner, decoded, Style::DoubleQuoted),
            [b'\'', .., b'\''] => align(source, inner, decoded, Style::SingleQuoted),
            _ => None,
        };
        let pieces = quoted
            .or_else(|| align_lines(source, node.span, decoded))
            .or_else(|| align(source, node.span, decoded, Style::Plain))
            .or_else(|| align(source, node.span, decoded, Style::Folded));
        Self { pieces: pieces.unwrap_or_default() }
    }

    /// The byte of the source at which a byte of the decoded text stands.
    #[must_use]
    pub fn offset(&self, decoded: usize) -> Option<usize> {
        let at = self.pieces.partition_point(|piece| piece.decoded.end <= decoded);
        let Some(piece) = self.pieces.get(at) else {
            // The end of the text stands where its last piece ends.
            return self.pieces.last().filter(|last| last.decoded.end == decoded).map(|last| last.source.end);
        };
        if decoded < piece.decoded.start {
            return None;
        }
        Some(if piece.is_verbatim() {
            piece.source.start + (decoded - piece.decoded.start)
        } else {
            piece.source.start
        })
    }

    /// The bytes of the source that hold a range of the decoded text.
    #[must_use]
    pub fn span(&self, decoded: Span) -> Option<Span> {
        let start = self.offset(decoded.start)?;
        if decoded.is_empty() {
            return Some(Span { start, end: start });
        }
        let at = self.pieces.partition_point(|piece| piece.decoded.end < decoded.end);
        let piece = self.pieces.get(at)?;
        let end = if piece.is_verbatim() {
            piece.source.start + decoded.end.saturating_sub(piece.decoded.start)
        } else {
            piece.source.end
        };
        Some(Span { start, end: end.max(start) })
    }
}

impl Piece {
    const fn is_verbatim(&self) -> bool {
        self.decoded.end - self.decoded.start == self.source.end - self.source.start
    }
}

impl Span {
    /// Whether this range holds no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    DoubleQuoted,
    SingleQuoted,
    Plain,
    /// A folded block.
    Folded,
}

/// Aligns a literal block, or any scalar on one line: each source line ends with a decoded line, indented by spaces.
fn align_lines(source: &str, span: Span, decoded: &str) -> Option<Vec<Piece>> {
    // The parser leaves out empty lines before the first one with content.
    let content = decoded.trim_start_matches('\n');
    let mut at = Span { start: decoded.len() - content.len(), end: 0 };
    let mut pieces = Vec::new();
    if at.start > 0 {
        pieces.push(piece(0, at.start, span.start, span.start));
    }
    let mut line_start = span.start;
    for line in content.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        let rest = source.get(line_start..)?;
        let written = rest.split('\n').next()?;
        let line_end = line_start + written.len();
        let written = written.strip_suffix('\r').unwrap_or(written);
        let text_start = if at.start == decoded.len() - content.len() {
            // The span begins behind the first line's indentation, and may end before its line does.
            written.starts_with(text).then_some(line_start)?
        } else if text.is_empty() {
            written.bytes().all(|byte| byte == b' ').then_some(line_start + written.len())?
        } else {
            let indent = written.strip_suffix(text)?;
            indent.bytes().all(|byte| byte == b' ').then_some(line_start + indent.len())?
        };
        at.end = at.start + text.len();
        pieces.push(piece(at.start, at.end, text_start, text_start + text.len()));
        let next_line = (line_end + 1).min(source.len());
        if line.len() > text.len() {
            pieces.push(piece(at.end, at.end + 1, text_start + text.len(), next_line));
        }
        at.start += line.len();
        line_start = next_line;
    }
    Some(pieces)
}

/// Aligns a text whose lines were folded or whose characters were escaped.
fn align(source: &str, span: Span, decoded: &str, style: Style) -> Option<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let written = source.get(..span.end)?;
    let (mut at, mut to) = (span.start, 0);
    if style == Style::Folded {
        // The parser leaves out empty lines before the first one with content.
        to = decoded.len() - decoded.trim_start_matches('\n').len();
        pieces.push(piece(0, to, at, at));
    }
    while let Some(character) = written.get(at..)?.chars().next() {
        let (read, taken) = match line_fold(&written[at..], style) {
            Some(fold) => fold,
            None if style == Style::DoubleQuoted && character == '\\' => {
                (escape_length(&written[at..]), Taken::Character)
            }
            None if style == Style::SingleQuoted && written[at..].starts_with("''") => (2, Taken::Character),
            None if decoded[to..].starts_with(character) => (character.len_utf8(), Taken::Character),
            None => return None,
        };
        let taken = match taken {
            Taken::Character => decoded[to..].chars().next()?.len_utf8(),
            Taken::Text(fold) => decoded[to..].starts_with(&fold).then_some(fold.len())?,
            Taken::Whitespace => whitespace(&decoded[to..]),
        };
        let new = piece(to, to + taken, at, at + read);
        match pieces.last_mut() {
            Some(last) if last.is_verbatim() && new.is_verbatim() => {
                last.decoded.end += taken;
                last.source.end += read;
            }
            _ => pieces.push(new),
        }
        (at, to) = (at + read, to + taken);
    }
    if style == Style::Folded {
        // A block scalar's last line end is not part of its range.
        let rest = whitespace(&decoded[to..]);
        pieces.push(piece(to, to + rest, at, at));
        to += rest;
    }
    (to == decoded.len()).then_some(pieces)
}

/// What a piece of source stands for in the decoded text.
enum Taken {
    Character,
    Text(String),
    Whitespace,
}

const fn piece(start: usize, end: usize, source_start: usize, source_end: usize) -> Piece {
    Piece { decoded: Span { start, end }, source: Span { start: source_start, end: source_end } }
}

/// How many bytes a line end takes, with the white space around it, and what it became; `None` when the line goes on.
fn line_fold(written: &str, style: Style) -> Option<(usize, Taken)> {
    let escaped = style == Style::DoubleQuoted && (written.starts_with("\\\n") || written.starts_with("\\\r\n"));
    let skipped = usize::from(escaped);
    let length = whitespace(&written[skipped..]);
    let breaks = written[skipped..skipped + length].bytes().filter(|byte| *byte == b'\n').count();
    let taken = match breaks {
        0 => return None,
        // Here lines that are indented more keep their line ends: what follows tells.
        _ if style == Style::Folded => Taken::Whitespace,
        1 => Taken::Text(if escaped { String::new() } else { " ".to_owned() }),
        _ => Taken::Text("\n".repeat(breaks - 1)),
    };
    Some((skipped + length, taken))
}

fn whitespace(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

/// How many bytes an escape sequence takes: every one stands for one character, a surrogate pair being one sequence.
fn escape_length(written: &str) -> usize {
    match written.as_bytes() {
        [b'\\', b'x', ..] => 4,
        [b'\\', b'U', ..] => 10,
        [b'\\', b'u', high @ ..] => {
            let surrogate = |digits: &[u8], range: &[u8]| {
                digits.len() >= 4
                    && digits[0].eq_ignore_ascii_case(&b'd')
                    && range.contains(&digits[1].to_ascii_lowercase())
            };
            let is_pair = surrogate(high, b"89ab")
                && high.get(4..6) == Some(b"\\u")
                && high.get(6..).is_some_and(|low| surrogate(low, b"cdef"));
            if is_pair { 12 } else { 6 }
        }
        _ => 1 + written.chars().nth(1).map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{json, yaml};

    /// Maps the place of `needle` in the only value of a mapping back to the source.
    fn mapped<'t>(text: &'t str, node: &Node, needle: &str) -> Option<(usize, &'t str)> {
        let value = &node.as_mapping().unwrap()[0].value;
        let start = value.as_str().unwrap().find(needle).unwrap();
        let span = TextMap::new(text, value).span(Span { start, end: start + needle.len() })?;
        Some((span.start, &text[span.start..span.end]))
    }

    #[test]
    fn leads_back_from_every_style() {
        let vectors = [
            ("k: |\n  a: é\n   b: c\n", "b: c", "b: c"),
            ("k: |2-\n    a\n\n  b", "b", "b"),
            ("k: |\n\n\n  a\n  \n  b\n", "b", "b"),
            ("k: |\r\n  a\r\n  b\r\n", "a\nb", "a\r\n  b"),
            ("k: >\n\n  a\n  b\n\n    c\n   d\n", "d", "d"),
            ("k: >-\n  a\n  b", "a b", "a\n  b"),
            ("k: a b # c", "b", "b"),
            ("k: a\n  b\n\n  c", "c", "c"),
            ("k: 'it''s\n\n  b'", "'s\nb", "''s\n\n  b"),
            ("k: \"a\\tb\\x41\\\n   c \n  d\\n e\"", "b", "b"),
            ("k: \"a\\tb\\x41\\\n   c \n  d\\n e\"", "A", "\\x41"),
            ("k: \"a\\tb\\x41\\\n   c \n  d\\n e\"", "d\n e", "d\\n e"),
            ("k: \"\\U0001F600b\"", "b", "b"),
            ("k: \"b\"", "b", "b"),
        ];
        for (text, needle, expected) in vectors {
            let node = yaml::parse(text).unwrap();
            let found = mapped(text, &node, needle).map(|(_, written)| written);
            assert_eq!(found, Some(expected), "{text:?} {needle:?}");
        }
    }

    #[test]
    fn leads_back_from_json_escapes() {
        let text = r#"{"k": "{\n  \"a\": \"\ud83d\ude00\ud83d\u00e9\",\n}"}"#;
        let node = json::parse(text).unwrap();
        let written = |needle| mapped(text, &node, needle).unwrap().1;
        assert_eq!(written("\"a\""), r#"\"a\""#);
        assert_eq!(written("😀"), r"\ud83d\ude00");
        assert_eq!(written("\u{fffd}é"), r"\ud83d\u00e9");
        assert_eq!(mapped(text, &node, "}"), Some((text.len() - 3, "}")));
    }

    #[test]
    fn knows_the_end_and_nothing_beyond() {
        let text = "k: |\n  ab\n";
        let node = yaml::parse(text).unwrap();
        let map = TextMap::new(text, &node.as_mapping().unwrap()[0].value);
        let offsets: Vec<_> = (0..5).map(|decoded| map.offset(decoded)).collect();
        assert_eq!(offsets, [Some(7), Some(8), Some(9), Some(10), None]);
        assert_eq!(map.span(Span { start: 1, end: 9 }), None);
        assert_eq!(map.span(Span { start: 2, end: 2 }), Some(Span { start: 9, end: 9 }));
    }

    #[test]
    fn knows_no_places_where_the_source_is_another_or_no_text() {
        let node = yaml::parse("k: abc").unwrap();
        let value = &node.as_mapping().unwrap()[0].value;
        for source in ["k: abd", "k: ab", "", "k:é abc"] {
            assert_eq!(TextMap::new(source, value), TextMap::default(), "{source}");
        }
        assert_eq!(TextMap::new("k: abc", &node).offset(0), None);
        let text = "k: !!binary YWJj";
        assert_eq!(mapped(text, &yaml::parse(text).unwrap(), "abc"), None);
    }
}
