//! What libyaml refuses and the parser, which goes by YAML 1.2, reads all the same: tabs, for the most part.

use std::ops::Range;

use granit_parser::{Event, ScalarStyle, StructureStyle};

use super::build::start_of_list;
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
    /// The columns of the block collections that are open.
    columns: Vec<usize>,
    /// Where the last event ended.
    last_end: usize,
    /// Multi-line scalars and flow collections, on whose lines tabs are content or mere separation.
    lenient: Vec<Range<usize>>,
}

impl<'t> Refusal<'t> {
    pub(super) fn new(text: &'t str, original: &'t str, base: usize) -> Self {
        Self {
            text,
            original,
            base,
            has_tabs: original.contains('\t'),
            flow: (0, 0),
            columns: Vec::new(),
            last_end: 0,
            lenient: Vec::new(),
        }
    }

    /// Looks at a text that held no document.
    pub(super) fn watch_nothing(&self) -> Result<(), SyntaxError> {
        self.check_tabs(self.text.len())
    }

    pub(super) fn watch(&mut self, event: &Event<'_>, range: Range<usize>) -> Result<(), SyntaxError> {
        self.check_properties(event, &range)?;
        if !matches!(event, Event::DocumentStart(..)) {
            self.last_end = range.end;
        }
        match event {
            Event::Scalar(text, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                let message = "found a tab character where an indentation space is expected";
                // Where the header gives no number, a tab leaves open how far the block is indented.
                if text.trim_start_matches('\n').starts_with('\t') && !self.has_indentation_indicator(range.start) {
                    return self.refuse(message, range.start);
                }
                // The range begins behind the first line's indentation.
                let before = self.text.get(..range.start).unwrap_or_default();
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                let end = self.block_end(&range, range.start - line_start);
                let range = line_start.saturating_sub(1)..end;
                // Tabs that were overwritten for the parser's sake count here.
                let [read, original] =
                    [self.text, self.original].map(|text| text.get(range.clone()).unwrap_or_default());
                if read.bytes().zip(original.bytes()).any(|(read, original)| original == b'\t' && read != original) {
                    return self.refuse(message, range.start);
                }
                self.allow_tabs(range);
            }
            Event::Scalar(_, ScalarStyle::Plain, ..) => return self.watch_plain(range),
            Event::Scalar(..) => self.allow_tabs(range),
            Event::SequenceStart(StructureStyle::Flow, ..) | Event::MappingStart(StructureStyle::Flow, ..) => {
                if self.flow.1 == 0 {
                    self.flow.0 = range.start;
                }
                self.flow.1 += 1;
            }
            Event::SequenceStart(..) => self.columns.push(self.column(start_of_list(self.text, range.start))),
            Event::MappingStart(..) => self.columns.push(self.column(range.start)),
            Event::SequenceEnd | Event::MappingEnd if self.flow.1 > 0 => {
                self.flow.1 -= 1;
                if self.flow.1 == 0 {
                    self.allow_tabs(self.flow.0..range.end);
                }
            }
            Event::SequenceEnd | Event::MappingEnd => drop(self.columns.pop()),
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

    /// Refuses an anchor or a tag that libyaml cannot read, or of which it would read more.
    fn check_properties(&self, event: &Event<'_>, range: &Range<usize>) -> Result<(), SyntaxError> {
        const NAME: &str = "did not find expected alphabetic or numeric character";
        let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if matches!(event, Event::Alias(_)) {
            let name = self.text.get(range.clone()).unwrap_or_default().trim().trim_start_matches('*');
            return if name.chars().all(is_name) { Ok(()) } else { self.refuse(NAME, range.start) };
        }
        let (Event::Scalar(_, _, anchor, tag)
        | Event::SequenceStart(_, anchor, tag)
        | Event::MappingStart(_, anchor, tag)) = event
        else {
            return Ok(());
        };
        let from = self.last_end.min(range.start);
        let before = self.text.get(from..range.start).unwrap_or_default();
        let word = |at: usize| self.text[from + at + 1..].split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
        if let Some(at) = before.find('&').filter(|_| *anchor != 0) {
            let name = word(at).trim_end_matches([',', ']', '}']);
            if !name.chars().all(is_name) {
                return self.refuse(NAME, from + at);
            }
        }
        if let Some(at) = before.find('!').filter(|_| tag.is_some()) {
            let is_read = |character: char| is_name(character) || "!.:/".contains(character);
            let name = word(at);
            let uri = name.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
            if !uri.map_or_else(|| name.to_owned(), |uri| uri.replace(',', "")).chars().all(is_read) {
                return self.refuse("while scanning a tag, did not find expected whitespace or line break", from + at);
            }
        }
        Ok(())
    }

    /// Looks at a plain scalar and at the blanks behind it, where libyaml looks for a further line of it.
    fn watch_plain(&mut self, range: Range<usize>) -> Result<(), SyntaxError> {
        if range.is_empty() {
            return Ok(());
        }
        let rest = self.text.get(range.end..).unwrap_or_default();
        let range = range.start..range.end + rest.len() - rest.trim_start().len();
        let written = self.text.get(range.clone()).unwrap_or_default();
        if let Some(mark) = written.find('?').filter(|mark| self.flow.1 > 0 && *mark > 0) {
            return self.refuse("did not find expected ',' or ']': quote a text with '?'", range.start + mark);
        }
        if self.flow.1 > 0 && written.starts_with(':') {
            return self.refuse("did not find expected node content: quote a text that begins with ':'", range.start);
        }
        if self.has_tabs {
            let least = self.columns.last().map_or(0, |column| column + 1);
            let mut line_start = range.start;
            for line in self.original.get(range.clone()).unwrap_or_default().split_inclusive('\n') {
                let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
                if line_start > range.start && spaces < least && line[spaces..].starts_with('\t') {
                    return self.refuse("found a tab character that violates indentation", line_start + spaces);
                }
                line_start += line.len();
            }
        }
        self.allow_tabs(range);
        Ok(())
    }

    fn column(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        // As libyaml counts them.
        before[before.rfind('\n').map_or(0, |newline| newline + 1)..].chars().count()
    }

    /// Where a block that is indented by some columns ends; the parser's range goes on to the next token.
    fn block_end(&self, range: &Range<usize>, indentation: usize) -> usize {
        let written = self.text.get(range.clone()).unwrap_or_default();
        let content = written.trim_end().len();
        let rest = &written[content..];
        let is_inside = |line: &&str| {
            let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
            spaces >= indentation || line[spaces..].trim_matches(['\r', '\n']).is_empty()
        };
        let mut lines = rest.split_inclusive('\n');
        let last = lines.next().map_or(0, str::len);
        range.start + content + last + lines.take_while(is_inside).map(str::len).sum::<usize>()
    }

    /// Refuses a tab before the first token of a line, and between a `-` and what it announces.
    fn check_tabs(&self, document_end: usize) -> Result<(), SyntaxError> {
        if !self.has_tabs {
            return Ok(());
        }
        // Behind the document libyaml looks for one more token.
        let behind = self.original.get(document_end..).unwrap_or_default();
        let is_blank = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let mut blank = behind.split_inclusive('\n');
        let skipped: usize = blank.by_ref().take_while(is_blank).map(str::len).sum();
        let next = behind[skipped..].split_inclusive('\n').next().map_or(0, str::len);
        let document_end = document_end + skipped + next;
        let mut lenient = self.lenient.iter().peekable();
        let mut line_start = 0;
        for line in self.original.get(..document_end).unwrap_or_default().split_inclusive('\n') {
            while lenient.next_if(|range| range.end <= line_start).is_some() {}
            if let Some(tab) = tab_in_indentation(line).map(|column| line_start + column)
                && lenient.peek().is_none_or(|range| range.start >= line_start || range.end <= tab)
            {
                return self.refuse(TAB, tab);
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
