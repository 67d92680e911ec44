//! From a file's bytes to objects.

use std::cell::OnceCell;
use std::fs;
use std::io;
use std::sync::Arc;

use super::files::{Content, Found};
use super::{ManifestObject, Note, Problem};
use crate::object::{Kind, ObjectKey};
use crate::syntax::{Lines, Node, Span, SyntaxError, Value, json, line_column, yaml};

/// Reads the objects of files, in their order.
pub(super) struct Reader<'n> {
    default_namespace: &'n str,
    read: Vec<Part>,
    skipped: usize,
}

/// What files hold, as it was met.
pub(super) enum Part {
    Object(ManifestObject),
    Note(Note),
    Problem(Problem),
}

/// The file at hand.
struct Source {
    file: Arc<str>,
    text: Arc<str>,
    /// Found when the first place is wanted.
    lines: OnceCell<Lines>,
}

impl Source {
    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::new(&self.text))
    }
}

/// What an item of a typed list (`ConfigMapList`) leaves to its list to say.
#[derive(Clone, Copy, Default)]
struct Inherited<'l> {
    api_version: Option<&'l str>,
    kind: Option<&'l str>,
}

impl<'n> Reader<'n> {
    pub(super) fn new(default_namespace: &'n str) -> Self {
        Self { default_namespace, read: Vec::new(), skipped: 0 }
    }

    /// What was read, and how many objects were of kinds that decide nothing.
    pub(super) fn finish(self) -> (Vec<Part>, usize) {
        (self.read, self.skipped)
    }

    pub(super) fn take(&mut self, Found { file, content }: &Found) {
        match content {
            Content::File(path) => match fs::read(path) {
                Ok(bytes) => self.text(file, &bytes),
                Err(error) => self.unreadable(file, &error),
            },
            Content::Read(Ok(bytes)) => self.text(file, bytes),
            Content::Read(Err(error)) => self.unreadable(file, error),
            Content::Note(message) => {
                self.read.push(Part::Note(Note { file: file.clone(), line: None, message: (*message).to_owned() }));
            }
        }
    }

    fn unreadable(&mut self, file: &Arc<str>, error: &io::Error) {
        let message = format!("cannot be read: {error}");
        self.read.push(Part::Problem(Problem { file: file.clone(), place: None, message }));
    }

    fn text(&mut self, file: &Arc<str>, bytes: &[u8]) {
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let place = Some(line_column(&valid, valid.len()));
                let message = "is not UTF-8 text: save it as UTF-8".to_owned();
                self.read.push(Part::Problem(Problem { file: file.clone(), place, message }));
                return;
            }
        };
        let source = Source { file: file.clone(), text: text.into(), lines: OnceCell::new() };
        for document in documents(&source.text) {
            match document {
                Ok(node) => self.document(&source, node, Inherited::default()),
                Err(error) => {
                    let template = source.text.find("{{");
                    self.problem(&source, error.offset, explain(&source.text, error, template));
                    if template.is_some() {
                        // Every further document would fail for the same reason.
                        return;
                    }
                }
            }
        }
    }

    /// Takes an object, or every object of a list.
    fn document(&mut self, source: &Source, mut node: Node, inherited: Inherited<'_>) {
        let named = |key: &str| node.field(key).and_then(|entry| entry.value.as_str()).map(str::to_owned);
        let api_version = named("apiVersion").or(inherited.api_version.map(str::to_owned));
        let kind = named("kind").or(inherited.kind.map(str::to_owned));
        let (Some(api_version), Some(kind)) = (api_version, kind) else {
            self.skipped += 1;
            self.note(source, node.span, "not read: no object of Kubernetes, which has a kind and an apiVersion");
            return;
        };
        if let Some(item_kind) = kind.strip_suffix("List")
            && let Some(items) = take_items(&mut node)
        {
            let inherited = if item_kind.is_empty() {
                Inherited::default()
            } else {
                Inherited { api_version: Some(&api_version), kind: Some(item_kind) }
            };
            for item in items {
                self.document(source, item, inherited);
            }
            return;
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        match Kind::from_group_kind(group, &kind) {
            Some(kind) => self.object(source, kind, api_version, node),
            None => self.skipped += 1,
        }
    }

    fn object(&mut self, source: &Source, kind: Kind, api_version: String, node: Node) {
        let metadata = node.field("metadata").map(|entry| &entry.value);
        let name = match named_in(metadata, "name") {
            Ok(Some(name)) => name,
            Ok(None) if matches!(named_in(metadata, "generateName"), Ok(Some(_))) => {
                self.skipped += 1;
                self.note(source, node.span, &format!("not read: a {kind} that gets its name from the API server"));
                return;
            }
            Ok(None) => {
                let span = metadata.map_or(node.span, |metadata| metadata.span);
                return self.problem(source, span.start, format!("this {kind} has no metadata.name: give it one"));
            }
            Err((span, message)) => return self.problem(source, span.start, format!("{kind}: {message}")),
        };
        let namespace = match named_in(metadata, "namespace") {
            _ if !kind.is_namespaced() => "",
            Ok(namespace) => namespace.unwrap_or(self.default_namespace),
            Err((span, message)) => return self.problem(source, span.start, format!("{kind} {name}: {message}")),
        };
        let key = ObjectKey::new(kind, namespace, name);
        let line = source.lines().line(node.span.start);
        let (file, text) = (source.file.clone(), source.text.clone());
        let object = ManifestObject { key, api_version, file, line, position: 0, text, node };
        self.read.push(Part::Object(object));
    }

    fn note(&mut self, source: &Source, span: Span, message: &str) {
        let line = Some(source.lines().line(span.start));
        self.read.push(Part::Note(Note { file: source.file.clone(), line, message: message.to_owned() }));
    }

    fn problem(&mut self, source: &Source, offset: usize, message: String) {
        let place = Some(source.lines().line_column(&source.text, offset));
        self.read.push(Part::Problem(Problem { file: source.file.clone(), place, message }));
    }
}

/// Reads a file's documents as kubectl does: one that begins with a brace is a stream of JSON values; where the first
/// or second of them is not JSON after all, the rest is YAML.
fn documents(text: &str) -> Vec<Result<Node, SyntaxError>> {
    if !text.trim_start().starts_with('{') {
        return yaml::parse_documents(text);
    }
    let mut documents = Vec::new();
    let mut at = 0;
    loop {
        match json::parse_next(text, at) {
            Ok(None) => return documents,
            Ok(Some(node)) => {
                at = node.span.end;
                documents.push(Ok(node));
            }
            Err(error) if documents.len() > 1 => {
                documents.push(Err(error));
                return documents;
            }
            Err(error) => {
                at += text[at..].len() - text[at..].trim_start().len();
                let mut rest = yaml::parse_documents_from(text, at);
                if let Some(first @ Err(_)) = rest.first_mut()
                    && text[at..].starts_with('{')
                {
                    *first = Err(error);
                }
                documents.extend(rest);
                return documents;
            }
        }
    }
}

fn explain(text: &str, error: SyntaxError, template: Option<usize>) -> String {
    let SyntaxError { message, .. } = error;
    match template {
        None => message,
        Some(braces) => format!(
            "{message}. This looks like a template ('{{{{' in line {}): render it first, for example with `helm template`",
            line_column(text, braces).0
        ),
    }
}

/// Takes the items out of a list; `None` where there is no list of items.
fn take_items(node: &mut Node) -> Option<Vec<Node>> {
    let Value::Mapping(entries) = &mut node.value else {
        return None;
    };
    match &mut entries.iter_mut().rfind(|entry| entry.key == "items")?.value.value {
        Value::Sequence(items) => Some(std::mem::take(items)),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

/// Reads a name of the metadata; an empty one is none.
fn named_in<'m>(metadata: Option<&'m Node>, field: &str) -> Result<Option<&'m str>, (Span, String)> {
    let Some(value) = metadata.and_then(|metadata| metadata.field(field)).map(|entry| &entry.value) else {
        return Ok(None);
    };
    if value.is_null() {
        return Ok(None);
    }
    let Some(name) = value.as_str() else {
        return Err((value.span, format!("metadata.{field} must be a string: put it in quotes")));
    };
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if !name.bytes().all(is_allowed) {
        let mut message = format!("metadata.{field} {name:?} may hold lower case letters, digits, '-' and '.' only");
        if name.contains(['{', '$']) {
            message.push_str(": if this is a template, render it first");
        }
        return Err((value.span, message));
    }
    Ok((!name.is_empty()).then_some(name))
}
