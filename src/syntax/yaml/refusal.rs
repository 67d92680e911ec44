//! What libyaml refuses and the parser, which goes by YAML 1.2, reads all the same: tabs, for the most part.

use std::ops::Range;

use granit_parser::{Event, ScalarStyle, StructureStyle};

use crate::syntax::SyntaxError;

pub(super) const TAB: &str = "found character that cannot start any token: a tab does not indent";

/// Watches the events of one document.
pub(super) struct Refusal<'t> {
    /// What the parser reads.
    text: &'t str,
    /// What libyaml would read.
    original: &'t str,
    base: usize,
    has_tabs: bool,
    /// Where the outermost flow collection began, and how deep it nests by now.
    flow: (usize, usize),
    /// Multi-line scalars and flow collections, on whose lines tabs are content or mere separation.
    lenient: Vec<Range<usize>>,
}

impl<'t> Refusal<'t> {
    pub(super) fn new(text: &'t str, original: &'t str, base: usize) -> Self {
        Self { text, original, base, has_tabs: original.contains('\t'), flow: (0, 0), lenient: Vec::new() }
    }

    pub(super) fn watch(&mut self, event: &Event<'_>, range: Range<usize>) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(_, ScalarStyle::Plain, ..) if self.flow.1 > 0 => {
                let written = self.text.get(range.clone()).unwrap_or_default();
                if let Some(mark) = written.find('?').filter(|mark| *mark > 0) {
                    return self.refuse("did not find expected ',' or ']': quote a text with '?'", range.start + mark);
                }
            }
            Event::Scalar(text, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                let message = "found a tab character where an indentation space is expected";
                // Where the header gives no number, a tab leaves open how far the block is indented.
                if text.trim_start_matches('\n').starts_with('\t') && !self.has_indentation_indicator(range.start) {
                    return self.refuse(message, range.start);
                }
                // The range begins behind the first line's indentation.
                let before = self.text.get(..range.start).unwrap_or_default();
                let range = before.rfind('\n').unwrap_or(range.start)..range.end;
                // Tabs that were overwritten for the parser's sake count here.
                if self.text.get(range.clone()) != self.original.get(range.clone()) {
                    return self.refuse(message, range.start);
                }
                self.allow_tabs(range);
            }
            Event::Scalar(_, ScalarStyle::Plain, ..) => {
                // libyaml looks for a further line of the scalar, in which tabs are white space.
                let rest = self.text.get(range.end..).unwrap_or_default();
                let blank = &rest[..rest.len() - rest.trim_start().len()];
                let length = blank.find("\n\t").map_or(blank.len(), |tab| tab + 1);
                self.allow_tabs(range.start..range.end + length);
            }
            Event::Scalar(..) => self.allow_tabs(range),
            Event::SequenceStart(StructureStyle::Flow, ..) | Event::MappingStart(StructureStyle::Flow, ..) => {
                if self.flow.1 == 0 {
                    self.flow.0 = range.start;
                }
                self.flow.1 += 1;
            }
            Event::SequenceEnd | Event::MappingEnd if self.flow.1 > 0 => {
                self.flow.1 -= 1;
                if self.flow.1 == 0 {
                    self.allow_tabs(self.flow.0..range.end);
                }
            }
            Event::DocumentStart(_, Some(version)) if (version.major, version.minor) != (1, 1) => {
                return self.refuse("found incompatible YAML document: libyaml reads version 1.1 alone", range.start);
            }
            Event::DocumentEnd => return self.check_tabs(range.start),
            _ => {}
        }
        Ok(())
    }

    fn allow_tabs(&mut self, range: Range<usize>) {
        if self.has_tabs && self.flow.1 == 0 {
            self.lenient.push(range);
        }
    }

    /// Refuses a tab before the first token of a line, and between a `-` and what it announces.
    fn check_tabs(&self, document_end: usize) -> Result<(), SyntaxError> {
        if !self.has_tabs {
            return Ok(());
        }
        let mut lenient = self.lenient.iter().peekable();
        let mut line_start = 0;
        for line in self.original.get(..document_end).unwrap_or_default().split_inclusive('\n') {
            while lenient.next_if(|range| range.end <= line_start).is_some() {}
            let inside = lenient.peek().is_some_and(|range| range.start < line_start);
            if !inside && let Some(column) = tab_in_indentation(line) {
                return self.refuse(TAB, line_start + column);
            }
            line_start += line.len();
        }
        Ok(())
    }

    /// Whether the header of the block scalar whose content begins at `start` holds a digit.
    fn has_indentation_indicator(&self, start: usize) -> bool {
        let before = self.text.get(..start).unwrap_or_default().trim_end();
        let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
        line.rfind(['|', '>']).is_some_and(|header| line[header..].contains(|digit: char| digit.is_ascii_digit()))
    }

    fn refuse(&self, message: &str, offset: usize) -> Result<(), SyntaxError> {
        Err(SyntaxError::new(message, self.base + offset))
    }
}

/// Finds a tab in a line's indentation, of which a `- ` is part.
fn tab_in_indentation(line: &str) -> Option<usize> {
    for (column, byte) in line.bytes().enumerate() {
        match byte {
            b'\t' => return Some(column),
            b' ' => {}
            b'-' if matches!(line.as_bytes().get(column + 1), Some(b' ' | b'\t')) => {}
            _ => return None,
        }
    }
    None
}
