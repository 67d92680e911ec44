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
}

impl Mend {
    pub(super) fn apply(self, text: &str) -> String {
        let (start, end) = match self {
            Self::Comment(start) => (start, text[start..].find('\n').map_or(text.len(), |length| start + length)),
            // A text with one such line has many, so all that follow are done at once.
            Self::Tab(start) => (start, start + indented_by_tabs(&text[start..])),
        };
        let blanks = match self {
            Self::Comment(_) => " ".repeat(end - start),
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
