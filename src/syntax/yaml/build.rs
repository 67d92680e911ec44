//! From a parser's events to a node.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, ScalarStyle, StructureStyle, Tag};

use super::scalar::{Scalar, json_number};
use crate::quote;
use crate::syntax::{Entry, MAX_DEPTH, Node, Span, SyntaxError, Value};

/// How many nodes a document may hold for its anchors and gain by its aliases, all in all.
///
/// Go gives up at 400,000 decoded nodes of which 99 in 100 come from aliases; a ConfigMap written by people has dozens.
const MAX_ALIASED_NODES: usize = 200_000;

/// The same for the bytes of their strings, which Go shares between copies.
const MAX_ALIASED_BYTES: usize = 16 << 20;

/// Puts together the node of one document.
pub(super) struct Builder<'t> {
    text: &'t str,
    base: usize,
    open: Vec<Collection>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    has_aliases: bool,
    nodes_left: usize,
    bytes_left: usize,
}

/// A list or mapping whose end has not come yet.
struct Collection {
    start: usize,
    style: StructureStyle,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, key: Option<Key> },
}

enum Key {
    Named(String, Span),
    Merge,
}

/// Refuses a key inside brackets that is not on one line with its colon, which libyaml takes for a text without a value.
fn refuse_broken_key(text: &str, base: usize, span: Span) -> Result<(), SyntaxError> {
    let (before, behind) = (&text[..span.start - base], &text[span.end - base..]);
    let mut after = behind.trim_start();
    while let Some(comment) = after.strip_prefix('#') {
        after = comment.trim_start_matches(|character| character != '\n').trim_start();
    }
    let colon = text.len() - after.len();
    let is_on_one_line = !text[span.start - base..colon].contains('\n');
    if is_on_one_line || before.trim_end().ends_with('?') || !text[colon..].starts_with(':') {
        return Ok(());
    }
    Err(SyntaxError::new("did not find expected ',' or '}'", span.end))
}

/// Where a list begins whose range begins, as the parser has it, behind its first `-` where it is not indented.
pub(super) fn start_of_list(text: &str, start: usize) -> usize {
    let (before, here) = (text[..start].trim_end(), &text[start..]);
    let is_behind = !["[", "- ", "-\n", "-\r"].iter().any(|dash| here.starts_with(dash)) && before.ends_with('-');
    if is_behind { before.len() - 1 } else { start }
}

/// A value whose turn it is to be put somewhere.
struct Arrival {
    node: Node,
    /// What it is as a key, where a node does not tell: the null, the float of a certain precision.
    scalar: Option<Scalar>,
    is_merge_key: bool,
    is_alias: bool,
}

impl Arrival {
    const fn collection(node: Node) -> Self {
        Self { node, scalar: None, is_merge_key: false, is_alias: false }
    }
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str, base: usize) -> Self {
        Self {
            text,
            base,
            open: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            // Anchors nobody refers to need no copy kept.
            has_aliases: text.contains('*'),
            nodes_left: MAX_ALIASED_NODES,
            bytes_left: MAX_ALIASED_BYTES,
        }
    }

    /// The node of a text without a document.
    pub(super) fn nothing(&self) -> Node {
        let end = self.base + self.text.len();
        Node { value: Value::Null, span: Span { start: end, end } }
    }

    /// Takes the next event; returns the root at the end of the document.
    pub(super) fn accept(&mut self, event: Event<'_>, range: Range<usize>) -> Result<Option<Node>, SyntaxError> {
        let span = Span { start: self.base + range.start, end: self.base + range.end };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let arrival = self.scalar(&text, style, tag.as_deref(), span)?;
                if anchor != 0 {
                    refuse_unwritable(&arrival)?;
                }
                self.remember(anchor, &arrival.node)?;
                self.place(arrival)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    let name = &self.text[range];
                    let name = quote::excerpt(name.trim_start_matches('*'));
                    let message = format!("anchor '{name}' value contains itself");
                    return Err(SyntaxError::new(message, span.start));
                };
                charge(node, &mut self.nodes_left, &mut self.bytes_left, span.start)?;
                let node = node.clone();
                self.place(Arrival { node, scalar: None, is_merge_key: false, is_alias: true })
            }
            Event::SequenceStart(style, anchor, _) => {
                let start = self.base + start_of_list(self.text, range.start);
                self.open(style, anchor, Span { start, ..span }, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(style, anchor, _) => {
                self.open(style, anchor, span, Content::Mapping { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::DocumentEnd => return Ok(self.root.take()),
            // The other bounds of streams and documents; comments and the like are not asked for.
            _ => Ok(()),
        }?;
        Ok(None)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Arrival, SyntaxError> {
        let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
        let core_tag = tag.as_deref().and_then(|tag| tag.strip_prefix("tag:yaml.org,2002:"));
        let is_plain = style == ScalarStyle::Plain;
        let scalar = match (&tag, core_tag) {
            (None, _) if is_plain => Scalar::plain(text),
            (_, Some(core_tag)) => {
                Scalar::tagged(core_tag, text).map_err(|message| SyntaxError::new(message, span.start))?
            }
            _ => Scalar::Text(text.to_owned()),
        };
        let value = match &scalar {
            Scalar::Bool(truth) => Value::Bool(*truth),
            Scalar::Integer(digits) => Value::Number(digits.clone()),
            Scalar::Float(float) if float.is_finite() => Value::Number(json_number(*float)),
            // What JSON cannot write may still be a key, which is made of the scalar; `value_of` refuses it elsewhere.
            Scalar::Null | Scalar::Float(_) => Value::Null,
            Scalar::Text(text) => Value::String(text.clone()),
        };
        let is_merge_key = text == "<<" && ((tag.is_none() && is_plain) || core_tag == Some("merge"));
        let span = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.without_line_ends(span),
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => span,
        };
        Ok(Arrival { node: Node { value, span }, scalar: Some(scalar), is_merge_key, is_alias: false })
    }

    /// A block scalar's range, which the parser extends to the next token.
    fn without_line_ends(&self, span: Span) -> Span {
        let content = self.text[span.start - self.base..span.end - self.base].trim_end();
        Span { start: span.start, end: span.start + content.len() }
    }

    fn open(&mut self, style: StructureStyle, anchor: usize, span: Span, content: Content) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SyntaxError::new(format!("exceeded max depth of {MAX_DEPTH}"), span.start));
        }
        self.open.push(Collection { start: span.start, style, anchor, content });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), SyntaxError> {
        let Some(Collection { start, style, anchor, content }) = self.open.pop() else {
            return Ok(());
        };
        let (value, last) = match content {
            Content::Sequence(items) => {
                let last = items.last().map(|item| item.span.end);
                (Value::Sequence(items), last)
            }
            Content::Mapping { entries, .. } => {
                let last = entries.iter().map(|entry| entry.value.span.end.max(entry.key_span.end)).max();
                (Value::Mapping(in_go_order(entries)), last)
            }
        };
        // A block collection ends, for the parser, where the next thing begins.
        let end = match style {
            StructureStyle::Flow => span.end,
            StructureStyle::Block => last.unwrap_or(start).clamp(start, span.end.max(start)),
        };
        let mut node = Node { value, span: Span { start, end } };
        if style == StructureStyle::Flow {
            self.unpair(&mut node);
        }
        self.remember(anchor, &node)?;
        self.place(Arrival::collection(node))
    }

    /// Takes back a pair that is none: in `[fd00::]` libyaml sees a text, as no blank follows the colon.
    fn unpair(&self, node: &mut Node) {
        if let Value::Mapping(entries) = &node.value
            && let [entry] = entries.as_slice()
            && entry.value.is_null()
            && self.at(node.span.start).is_some_and(|opening| opening != b'{')
            && self.text[..entry.key_span.end - self.base].ends_with(':')
            && matches!(self.at(entry.key_span.end), Some(b',' | b']'))
        {
            *node = Node { value: Value::String(entry.key.clone()), span: entry.key_span };
        }
    }

    fn at(&self, offset: usize) -> Option<u8> {
        self.text.as_bytes().get(offset - self.base).copied()
    }

    /// Puts a value where it belongs.
    fn place(&mut self, arrival: Arrival) -> Result<(), SyntaxError> {
        let span = arrival.node.span;
        let Some(collection) = self.open.last_mut() else {
            self.root = Some(value_of(arrival)?);
            return Ok(());
        };
        match &mut collection.content {
            Content::Sequence(items) => items.push(value_of(arrival)?),
            Content::Mapping { entries, key } => match key.take() {
                None => {
                    let mut bare = None;
                    if collection.style == StructureStyle::Flow {
                        refuse_broken_key(self.text, self.base, span)?;
                        bare = with_colon(self.text, self.base, span);
                    }
                    *key = Some(bare.map_or_else(|| key_of(arrival), Ok)?);
                }
                Some(Key::Named(key, key_span)) => {
                    entries.push(Entry { key, key_span, value: value_of(arrival)? });
                }
                Some(Key::Merge) => merge(entries, arrival).map_err(|message| SyntaxError::new(message, span.start))?,
            },
        }
        Ok(())
    }

    /// Keeps a copy of an anchored value for the aliases to come.
    fn remember(&mut self, anchor: usize, node: &Node) -> Result<(), SyntaxError> {
        if anchor != 0 && self.has_aliases {
            charge(node, &mut self.nodes_left, &mut self.bytes_left, node.span.start)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(())
    }
}

fn charge(node: &Node, nodes: &mut usize, bytes: &mut usize, offset: usize) -> Result<(), SyntaxError> {
    take(node, nodes, bytes).ok_or_else(|| SyntaxError::new("document contains excessive aliasing", offset))
}

/// Subtracts a node's size from what is left; `None` when that is too little.
fn take(node: &Node, nodes: &mut usize, bytes: &mut usize) -> Option<()> {
    *nodes = nodes.checked_sub(1)?;
    match &node.value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(text) | Value::String(text) => *bytes = bytes.checked_sub(text.len())?,
        Value::Sequence(items) => items.iter().try_for_each(|item| take(item, nodes, bytes))?,
        Value::Mapping(entries) => entries.iter().try_for_each(|entry| {
            *bytes = bytes.checked_sub(entry.key.len())?;
            take(&entry.value, nodes, bytes)
        })?,
    }
    Some(())
}

fn value_of(arrival: Arrival) -> Result<Node, SyntaxError> {
    refuse_unwritable(&arrival)?;
    Ok(arrival.node)
}

/// JSON has no infinity, and nothing that is not a number.
fn refuse_unwritable(arrival: &Arrival) -> Result<(), SyntaxError> {
    let name = match arrival.scalar {
        Some(Scalar::Float(float)) if float.is_nan() => "NaN",
        Some(Scalar::Float(f64::INFINITY)) => "+Inf",
        Some(Scalar::Float(f64::NEG_INFINITY)) => "-Inf",
        _ => return Ok(()),
    };
    Err(SyntaxError::new(format!("json: unsupported value: {name}"), arrival.node.span.start))
}

fn key_of(arrival: Arrival) -> Result<Key, SyntaxError> {
    if arrival.is_merge_key {
        return Ok(Key::Merge);
    }
    let span = arrival.node.span;
    if let Value::Number(digits) = &arrival.node.value
        && digits.parse::<u64>().is_ok_and(|number| number > i64::MAX.unsigned_abs())
    {
        return Err(SyntaxError::new("unsupported map key of type: uint64", span.start));
    }
    let key = match arrival.scalar {
        Some(scalar) => scalar.into_key(),
        None if matches!(arrival.node.value, Value::Sequence(_) | Value::Mapping(_)) => {
            return Err(SyntaxError::new("invalid map key: a list or mapping cannot be a key", span.start));
        }
        None => arrival.node.coerced_string().map(std::borrow::Cow::into_owned),
    };
    let Some(key) = key else {
        return Err(SyntaxError::new("unsupported map key: null cannot be a key", span.start));
    };
    Ok(Key::Named(key, span))
}

/// Gives a plain key of a flow collection the colon behind it, where libyaml takes it for part of the key.
fn with_colon(text: &str, base: usize, span: Span) -> Option<Key> {
    let (start, end) = (span.start - base, span.end - base);
    let is_plain = !text[start..].starts_with(['"', '\'', '*', '[', '{']);
    let takes = is_plain && start < end && matches!(&text.as_bytes()[end..], [b':', b',' | b']' | b'}', ..]);
    takes.then(|| Key::Named(text[start..=end].to_owned(), Span { start: span.start, end: span.end + 1 }))
}

/// Applies a merge key (`<<`): its entries come in as if they were written here.
fn merge(entries: &mut Vec<Entry>, arrival: Arrival) -> Result<(), &'static str> {
    const WANT_MAP: &str = "map merge requires map or sequence of maps as the value";
    match arrival.node.value {
        Value::Mapping(merged) => entries.extend(merged),
        // Go follows an alias to a mapping here, but not to a list.
        Value::Sequence(items) if !arrival.is_alias => {
            // The first of the list counts most, so it comes last.
            for item in items.into_iter().rev() {
                let Value::Mapping(merged) = item.value else {
                    return Err(WANT_MAP);
                };
                entries.extend(merged);
            }
        }
        _ => return Err(WANT_MAP),
    }
    Ok(())
}

/// Sorts by key and keeps the last of equal ones: a Go map, written as JSON.
fn in_go_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|left, right| left.key.cmp(&right.key));
    entries.dedup_by(|later, earlier| {
        let equal = later.key == earlier.key;
        if equal {
            std::mem::swap(later, earlier);
        }
        equal
    });
    entries
}
