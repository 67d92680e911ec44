use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// Every text that some ConfigMap of the corpus, or a Gateway list of the goldens, has under a key.
pub(crate) fn of_corpus(key: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut texts = Vec::new();
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "json") {
            collect(&serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap(), key, &mut texts);
        }
    }
    texts.sort_unstable();
    texts.dedup();
    assert!(!texts.is_empty(), "the corpus has no {key}");
    texts
}

fn collect(value: &Value, key: &str, texts: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            texts.extend(fields.get(key).and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| collect(field, key, texts));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, texts)),
        _ => {}
    }
}

/// Texts, with up to three characters taken out, put in or replaced.
pub(crate) fn damaged(
    texts: impl Strategy<Value = String>,
    alphabet: &'static [&'static str],
) -> impl Strategy<Value = String> {
    let edits = vec((any::<Index>(), any::<bool>(), prop::option::of(select(alphabet))), 0..3);
    (texts, edits).prop_map(|(mut text, edits)| {
        for (place, removes, put) in edits {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let at = *place.get(&places);
            if removes && at < text.len() {
                text.remove(at);
            }
            text.insert_str(at, put.unwrap_or_default());
        }
        text
    })
}
