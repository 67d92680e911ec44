//! What libyaml reads and the parser, which goes by YAML 1.2, refuses: overwritten with blanks, which moves nothing.

use crate::syntax::SyntaxError;

/// How often a document is read anew with one more place mended.
pub(super) const MAX_MENDS: usize = 32;

/// Why reading ended early, and whether it can go on.
pub(super) struct Stop {
    pub(super) error: SyntaxError,
    pub(super) mend: Option<Mend>,
}

impl From<SyntaxError> for Stop {
    fn from(error: SyntaxError) -> Self {
        Self { error, mend: None }
    }
}

/// A place that blanks make readable.
#[derive(Clone, Copy)]
pub(super) enum Mend {
    /// A comment right behind a quote or a bracket.
    Comment(usize),
    /// A line that begins with a tab, which libyaml allows inside of flow collections; elsewhere
    /// [`super::refusal::Refusal`] refuses it after all.
    Tab(usize),
    /// A block's `|` or `>` on a line of its own and no further in than what it belongs to.
    Header { start: usize, end: usize },
    /// Text behind a document that is a flow collection: all from there is nobody's.
    Rest(usize),
}

impl Mend {
    /// Puts the block's header at `header` behind what announces it, where that is all there is between them and comments.
    pub(super) fn header(text: &str, header: usize) -> Option<Self> {
        let line_start = text[..header].rfind('\n')? + 1;
        if !text[header..].starts_with(['|', '>']) || !text[line_start..header].trim_matches(' ').is_empty() {
            return None;
        }
        let mut end = line_start - 1;
        loop {
            let start = text[..end].rfind('\n').map_or(0, |newline| newline + 1);
            let line = &text[start..end];
            if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
                let comments = line.match_indices(" #").map(|(at, _)| &line[..at]);
                let announcing = comments.chain([line]).find(|part| announces(part))?;
                // Further out it would end what is to hold it.
                if column_of_collection(announcing) != header - line_start {
                    return None;
                }
                return Some(Self::Header { start: start + announcing.trim_end().len(), end: header });
            }
            end = start.checked_sub(1)?;
        }
    }

    pub(super) fn apply(self, text: &str) -> String {
        let (start, end) = match self {
            Self::Comment(start) => (start, text[start..].find('\n').map_or(text.len(), |length| start + length)),
            // A text with one such line has many, so all that follow are done at once.
            Self::Tab(start) => (start, start + indented_by_tabs(&text[start..])),
            Self::Header { start, end } => (start, end),
            Self::Rest(start) => (start, text.len()),
        };
        let blanks = match self {
            Self::Comment(_) | Self::Header { .. } | Self::Rest(_) => " ".repeat(end - start),
            Self::Tab(_) => text[start..end].split_inclusive('\n').map(without_tabs).collect(),
        };
        format!("{}{blanks}{}", &text[..start], &text[end..])
    }
}

/// The length of the lines at the start of a text that begin with a tab, maybe behind spaces.
fn indented_by_tabs(text: &str) -> usize {
    text.split_inclusive('\n').take_while(|line| line.trim_start_matches(' ').starts_with('\t')).map(str::len).sum()
}

fn without_tabs(line: &str) -> String {
    let content = line.trim_start_matches(['\t', ' ']);
    " ".repeat(line.len() - content.len()) + content
}

/// The column of the innermost list or mapping that has an entry on a line.
fn column_of_collection(line: &str) -> usize {
    let mut column = line.len() - line.trim_start_matches(' ').len();
    while let Some(rest) = line[column..].strip_prefix(['-', '?']).filter(|rest| rest.starts_with(' ')) {
        let inner = line.len() - rest.trim_start_matches(' ').len();
        if inner == line.len() || line[inner..].starts_with(['&', '!']) {
            break;
        }
        column = inner;
    }
    column
}

/// Whether a line ends with what a value must follow, maybe on the next line, be it with an anchor or a tag before the value.
fn announces(line: &str) -> bool {
    let mut words = line.split_whitespace().rev().skip_while(|word| word.starts_with(['&', '!']));
    words.next().is_some_and(|word| word.ends_with(':') || matches!(word, "-" | "?"))
}
