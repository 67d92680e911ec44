//! The part of Go's `text/template` that host and path templates use.

/// A template of texts and fields. Anything richer is legal, and beyond what plumbline evaluates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{{ .Name }}`.
    Field(String),
    /// An action that only Go could evaluate.
    Action,
}

/// What the predefined words of a Go template are (`text/template/parse` lexer keys, `text/template` builtins).
const KNOWN_WORDS: [&str; 32] = [
    "and", "block", "break", "call", "continue", "define", "else", "end", "eq", "false", "ge", "gt", "html", "if",
    "index", "js", "le", "len", "lt", "ne", "nil", "not", "or", "print", "printf", "println", "range", "slice",
    "template", "true", "urlquery", "with",
];

impl GoTemplate {
    /// Reads a template. An error is one that Go finds too; its text is close to Go's.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut open_blocks = 0_usize;
        while let Some(open) = rest.find("{{") {
            push_text(&mut parts, &rest[..open]);
            let body = &rest[open + 2..];
            let Some(close) = action_end(body) else {
                return Err(
                    if body.contains('}') { "unexpected \"}\" in operand" } else { "unclosed action" }.to_owned()
                );
            };
            parts.push(action(&body[..close])?);
            match keyword(&body[..close]) {
                "if" | "with" | "range" | "block" | "define" => open_blocks += 1,
                "end" => open_blocks = open_blocks.checked_sub(1).ok_or("unexpected {{end}}")?,
                "else" if open_blocks == 0 => return Err("unexpected {{else}}".to_owned()),
                _ => {}
            }
            rest = &body[close + 2..];
        }
        if open_blocks > 0 {
            return Err("unexpected EOF".to_owned());
        }
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    /// The fields that are read for certain: those outside richer actions.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let is_rich = self.parts.contains(&Part::Action);
        self.parts.iter().filter_map(move |part| match part {
            // Inside an `if` or a `with` a field may never be read, or mean another value.
            Part::Field(name) if !is_rich => Some(name.as_str()),
            _ => None,
        })
    }

    /// Fills in the fields; `None` when an action cannot be evaluated here or a field has no value.
    #[must_use]
    pub fn render(&self, fields: &[(&str, &str)]) -> Option<String> {
        let mut rendered = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => rendered.push_str(text),
                Part::Field(name) => rendered.push_str(fields.iter().find(|(field, _)| field == name)?.1),
                Part::Action => return None,
            }
        }
        Some(rendered)
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// The length of an action's body: up to the `}}` that is not inside a quoted string or character.
fn action_end(body: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (index, character) in body.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '`' | '\'') => quote = Some(character),
            (None, '}') => return body[index..].starts_with("}}").then_some(index),
            _ => {}
        }
    }
    None
}

/// An action without the marks that trim the text around it.
fn untrimmed(body: &str) -> &str {
    let inner = body.strip_prefix("- ").unwrap_or(body);
    inner.strip_suffix(" -").unwrap_or(inner)
}

/// The word that an action begins with, where it is one.
fn keyword(body: &str) -> &str {
    let inner = untrimmed(body).trim();
    &inner[..word_length(inner)]
}

fn action(body: &str) -> Result<Part, String> {
    let inner = untrimmed(body);
    let trims = inner.len() != body.len();
    let inner = inner.trim();
    if inner.is_empty() {
        return Err("missing value for command".to_owned());
    }
    if let Some(name) = inner.strip_prefix('.')
        && !name.is_empty()
        && name.chars().all(|character| character.is_alphanumeric() || character == '_')
    {
        // Trimming reaches into the neighbouring text; nobody writes that in a host name.
        return Ok(if trims { Part::Action } else { Part::Field(name.to_owned()) });
    }
    match undefined_function(inner) {
        Some(word) => Err(format!("function {word:?} not defined")),
        None => Ok(Part::Action),
    }
}

/// The first word of an action that would have to be a function and is none: a name that is no field, no variable, no
/// text and no number, wherever it stands (`text/template/parse` knows functions while it parses).
fn undefined_function(action: &str) -> Option<&str> {
    if action.starts_with("/*") {
        return None;
    }
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut rest = action;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '`' | '\'' => quoted_length(rest, first),
            '.' | '$' => 1 + word_length(&rest[1..]),
            _ if is_word(first) => word_length(rest),
            _ => first.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        if (first.is_alphabetic() || first == '_') && !KNOWN_WORDS.contains(&word) {
            return Some(word);
        }
        rest = behind;
    }
    None
}

fn word_length(text: &str) -> usize {
    text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len())
}

/// The length of a quoted text, both quotes included.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if character == quote => return index + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_in() {
        let template = GoTemplate::parse("{{ .Name }}-{{.Namespace}}.{{ .IngressDomain }}").unwrap();
        let fields = [("Name", "iris"), ("Namespace", "models"), ("IngressDomain", "example.com")];
        assert_eq!(template.render(&fields).as_deref(), Some("iris-models.example.com"));
        assert_eq!(template.render(&fields[..1]), None);
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for (text, message) in [
            ("/serving/{{ .Namespace }/{{ .Name }}", "unexpected \"}\" in operand"),
            ("/serving/{{ .Namespace", "unclosed action"),
            ("/serving/{{ }}", "missing value for command"),
            ("/serving/{{ Name }}", "function \"Name\" not defined"),
            ("/serving/{{ .Name | lower }}", "function \"lower\" not defined"),
            ("/serving/{{ printf \"%s\" (trim .Name) }}", "function \"trim\" not defined"),
            ("/serving/{{ if .Name }}a", "unexpected EOF"),
            ("/serving/{{ end }}", "unexpected {{end}}"),
            ("/serving/{{ else }}", "unexpected {{else}}"),
        ] {
            assert_eq!(GoTemplate::parse(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn richer_actions_are_legal_but_not_evaluated() {
        let template = GoTemplate::parse(r#"{{ if eq .Name "}}" }}a{{ end }}"#).unwrap();
        assert_eq!(template.render(&[("Name", "iris")]), None);
        for legal in [
            "{{ /* a comment */ }}",
            "{{ $name := .Name }}{{ $name }}",
            "{{ printf `%s-x` .Name | html }}",
            "{{ with .Name }}{{ . }}{{ else }}{{ \"it's a lower case name\" }}{{ end }}",
            "{{ if gt (len .Name) 0x10 }}{{ .Namespace }}{{ else if true }}b{{ end }}",
        ] {
            assert_eq!(GoTemplate::parse(legal).map(|_| ()), Ok(()), "{legal}");
        }
    }
}
