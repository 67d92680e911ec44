//! Who is affected, and which field of which object says so, in the words that all renderers share.

use std::sync::Arc;

use crate::finding::Affected;
use crate::object::Site;
use crate::quote;

/// How many namespaces are named.
const NAMESPACES_NAMED: usize = 4;

/// A number of things.
pub(super) fn counted(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// How many InferenceServices are affected; of stand-ins, that there are none.
pub(super) fn how_many(affected: &Affected) -> String {
    let namespaces = counted(affected.namespaces.len(), "namespace");
    match affected.total() {
        0 => format!("new InferenceServices in {namespaces}"),
        total => format!("{} in {namespaces}", counted(total, "InferenceService")),
    }
}

/// Which InferenceServices are affected: in each namespace the first few by name, and how many more.
pub(super) fn who(affected: &Affected) -> String {
    let in_namespace = |(namespace, (count, names)): (&Arc<str>, &(usize, Vec<Arc<str>>))| {
        let namespace = quote::name(namespace);
        let named: Vec<String> = names.iter().map(|name| quote::name(name)).collect();
        match count.saturating_sub(names.len()) {
            0 if named.is_empty() => format!("any new one in {namespace}"),
            0 => format!("{} in {namespace}", named.join(", ")),
            more if named.is_empty() => format!("{more} in {namespace}"),
            more => format!("{} and {more} more in {namespace}", named.join(", ")),
        }
    };
    let mut told: Vec<String> = affected.namespaces.iter().take(NAMESPACES_NAMED).map(in_namespace).collect();
    if affected.namespaces.len() > NAMESPACES_NAMED {
        let rest: usize = affected.namespaces.values().skip(NAMESPACES_NAMED).map(|(count, _)| count).sum();
        let namespaces = counted(affected.namespaces.len() - NAMESPACES_NAMED, "more namespace");
        told.push(if rest == 0 { namespaces } else { format!("{rest} in {namespaces}") });
    }
    told.join("; ")
}

/// The kinds of requests that are cut, in the order in which they are told.
pub(super) fn requests(affected: &Affected) -> Vec<&'static str> {
    const ORDER: [&str; 3] = ["local", "external", "direct"];
    ORDER.into_iter().filter(|kind| affected.requests.contains(kind)).collect()
}

/// Words as a sentence lists them.
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A field as people find it: its path, the line in a ConfigMap's text, and the object.
pub(super) fn place(site: &Site) -> String {
    let object = format!("{} {}", site.object.kind, quote::name(&site.object.qualified_name()));
    if site.path.0.is_empty() {
        return object;
    }
    let line = site.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{}{line} of {object}", quote::printable(&site.path.to_string()))
}
