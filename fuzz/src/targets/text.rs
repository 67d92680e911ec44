//! What holds for every text that people or machines are shown.

/// Fails on a text that a terminal or a log would not show as it is.
pub(super) fn shown(what: &str, text: &str) {
    let hidden = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(hidden), "{what} holds what no terminal shows: {text:?}");
}

/// Fails on a text of more than one line, or on what [`shown`] does.
pub(super) fn one_line(what: &str, text: &str) {
    shown(what, text);
    assert!(!text.contains('\n'), "{what} has lines: {text:?}");
}
