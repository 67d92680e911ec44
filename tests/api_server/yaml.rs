use plumbline::syntax::{Node, Value as Syntax, yaml};
use serde_json::Value;

/// The objects of a manifest; documents without one are passed over.
#[track_caller]
pub(crate) fn objects(text: &str) -> Vec<Value> {
    let documents = yaml::parse_documents(text).into_iter();
    documents.map(|document| json(&document.unwrap())).filter(|object| !object.is_null()).collect()
}

/// The same value without its places.
pub(crate) fn json(node: &Node) -> Value {
    match &node.value {
        Syntax::Null => Value::Null,
        Syntax::Bool(truth) => Value::Bool(*truth),
        Syntax::Number(digits) => serde_json::from_str(digits).unwrap(),
        Syntax::String(text) => Value::String(text.clone()),
        Syntax::Sequence(items) => items.iter().map(json).collect(),
        Syntax::Mapping(entries) => entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect(),
    }
}
