//! Text that others wrote, made fit for one line of a message.

/// The longest text that a message repeats, in characters.
const LONGEST: usize = 80;
/// The longest message of a parser that is passed on, in characters.
const LONGEST_MESSAGE: usize = 300;
/// What takes the place of the rest of a shortened text.
const REST: &str = "...";

/// Quotes a text: escaped, on one line, at most 80 characters of it.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(&escaped(text), LONGEST))
}

/// Repeats a name as it is where it can pass for one, and quotes it where it cannot.
#[must_use]
pub fn name(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-._/*:".contains(character);
    if !text.is_empty() && text.len() <= LONGEST && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

/// Repeats a list of names, the first few of a long one.
#[must_use]
pub fn names<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = texts.into_iter().map(name).collect();
    let mut shown = 0;
    let mut length = 0;
    for name in &names {
        length += name.chars().count() + 2;
        if shown > 0 && length > LONGEST {
            break;
        }
        shown += 1;
    }
    let mut list = names[..shown].join(", ");
    if shown < names.len() {
        list = format!("{list} and {} more", names.len() - shown);
    }
    list
}

/// Cuts a text to a number of characters, the three dots that say so included.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(REST.len())).collect();
    kept.push_str(REST);
    kept
}

/// Escapes what a terminal or a log would not show as it is: control characters, invisible ones, quotes.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.chars()
        .map(|character| if character == '\'' { "'".to_owned() } else { character.escape_debug().to_string() })
        .collect()
}

/// Escapes what a terminal or a log would not show as it is, quotes excepted: a last guard for a whole line.
#[must_use]
pub fn printable(line: &str) -> String {
    let shown = |character: char| match character {
        '\'' | '"' | '\\' => character.to_string(),
        _ => character.escape_debug().to_string(),
    };
    line.chars().map(shown).collect()
}

/// A text that others wrote, to stand between quotes that are not its own: escaped, on one line, at most 80 characters of it.
#[must_use]
pub fn excerpt(text: &str) -> String {
    line(text, LONGEST)
}

/// What a parser says, which may repeat the text it read as it is, made fit for a line.
#[must_use]
pub fn message(text: &str) -> String {
    line(text, LONGEST_MESSAGE)
}

/// A text that others wrote as one line of at most some characters.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    shortened(&printable(text), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_stays_on_its_line_and_is_short() {
        assert_eq!(quoted("a\"b\n\u{1b}[31m"), r#""a\"b\n\u{1b}[31m""#);
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("\u{202e}evil"), "\"\\u{202e}evil\"");
        let long = quoted(&"x".repeat(500));
        assert_eq!(long.chars().count(), LONGEST + 2);
        assert!(long.ends_with("...\""));
    }

    #[test]
    fn a_name_is_quoted_only_where_it_could_mislead() {
        assert_eq!(name("istio-system/knative-local-gateway"), "istio-system/knative-local-gateway");
        assert_eq!(name("*.models.svc.cluster.local"), "*.models.svc.cluster.local");
        assert_eq!(name(""), "\"\"");
        assert_eq!(name("a b"), "\"a b\"");
    }

    #[test]
    fn a_long_list_says_how_much_it_leaves_out() {
        assert_eq!(names(["a", "b"]), "a, b");
        let hosts: Vec<String> = (0..40).map(|index| format!("*.team-{index}.svc.cluster.local")).collect();
        assert_eq!(
            names(hosts.iter().map(String::as_str)),
            "*.team-0.svc.cluster.local, *.team-1.svc.cluster.local and 38 more"
        );
    }

    #[test]
    fn a_line_never_holds_a_control_character() {
        assert_eq!(printable("say \"a\\b\"\r\n"), "say \"a\\b\"\\r\\n");
    }
}
