//! A finding: a broken hop, explained.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::object::{ObjectKey, Site};
use crate::quote;
use crate::walk::Hop;

/// The stable code of a kind of finding: `PL` and three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PL{:03}", self.0)
    }
}

impl std::str::FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("PL").or_else(|| text.strip_prefix("pl"));
        let number = digits.filter(|digits| digits.len() == 3).and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| CodeError(text.to_owned()))
    }
}

/// A text that is no code.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no code: write PL and three digits, as in PL110")]
pub struct CodeError(String);

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Requests fail, or a controller stops reading its configuration.
    Error,
    /// Requests may fail, or will once something else happens.
    Warning,
    /// Nothing fails; something does not do what its author may think.
    Note,
}

impl Severity {
    /// One lower-case word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The code.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The hop that fails, where it is a hop.
    pub hop: Option<Hop>,
    /// The kind of failure, in the words of the data plane: `no-virtual-host`, `no-listener`, `controller-error`, …
    pub reason: &'static str,
    /// What a client, or whoever watches the cluster, sees of it; a clause without a full stop.
    pub symptom: &'static str,
    /// One sentence: what is wrong. No trailing full stop, no newline.
    pub message: String,
    /// The field to look at first.
    pub site: Site,
    /// What that field says, fit for one line.
    pub says: String,
    /// Other fields that took part, each with what it says.
    pub related: Vec<(Site, String)>,
    /// What to do, the likeliest first; each is enough by itself.
    pub remedies: Vec<Remedy>,
    /// Who is affected.
    pub affected: Affected,
}

impl Finding {
    /// Turns the finding to the object that somebody is writing: its field first, and the remedies that change it before
    /// those that change something else.
    pub fn focus(&mut self, changed: &ObjectKey) {
        let own = |site: &Site| site.object == *changed;
        if !own(&self.site)
            && let Some(index) = self.related.iter().position(|(site, _)| own(site))
        {
            let (site, says) = self.related.remove(index);
            let before = (std::mem::replace(&mut self.site, site), std::mem::replace(&mut self.says, says));
            self.related.insert(0, before);
        }
        // A stable sort: among equals the likeliest stays first.
        self.remedies.sort_by_key(|remedy| remedy.object != *changed);
    }

    /// Takes in a finding of the same fault, met by another request: each remedy must mend both.
    pub fn absorb(&mut self, other: &Self) {
        self.hop = self.hop.min(other.hop);
        let mut mends_both: Vec<Remedy> = self.remedies.clone();
        mends_both.retain_mut(|own| other.remedies.iter().any(|their| own.absorb(their) || own == their));
        if !mends_both.is_empty() {
            self.remedies = mends_both;
        }
    }

    /// Says who is affected; what was found missing for one namespace is then missing for each of theirs.
    pub fn concern(&mut self, affected: Affected) {
        for remedy in &mut self.remedies {
            remedy.spread(&affected.namespaces);
        }
        self.affected = affected;
    }

    /// What puts the worst finding first: severity, then the number of InferenceServices, then the code.
    #[must_use]
    pub fn rank(&self) -> (Severity, Reverse<usize>, Code) {
        (self.severity, Reverse(self.affected.total()), self.code)
    }
}

/// One way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The object to change or to create.
    pub object: ObjectKey,
    /// What to do.
    pub action: Action,
    /// The change, where it is mechanical: a JSON Patch (RFC 6902) for the object.
    pub patch: Option<serde_json::Value>,
}

/// What a remedy asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An instruction that names the object, the field and the value.
    Do(String),
    /// Adding to a list: one instruction for everybody who misses something in it.
    Add {
        /// What to add: patterns of hosts.
        values: BTreeSet<String>,
        /// The list, as a sentence names it.
        to: String,
        /// The namespace of the request that misses them; other namespaces miss the like.
        namespace: Arc<str>,
    },
}

impl Remedy {
    /// The instruction.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.action {
            Action::Do(text) => text.clone(),
            Action::Add { values, to, .. } => {
                let values: Vec<String> = values.iter().map(|value| quote::quoted(value)).collect();
                format!("add {} to {to}", values.join(" and "))
            }
        }
    }

    /// Adds for every affected namespace what was found missing for one; one wide pattern where they are many.
    fn spread(&mut self, namespaces: &BTreeMap<Arc<str>, (usize, Vec<Arc<str>>)>) {
        let Action::Add { values, namespace, .. } = &mut self.action else { return };
        let own: Arc<str> = namespace.clone();
        let is_wide = namespaces.len() > NAMESPACES_LISTED;
        let spread = |value: &String| -> Vec<String> {
            if is_wide {
                return vec![widened(value, &own)];
            }
            let others = namespaces.keys().filter(|other| **other != own).map(|other| renamed(value, &own, other));
            std::iter::once(value.clone()).chain(others).collect()
        };
        *values = values.iter().flat_map(spread).collect();
        let Some(serde_json::Value::Array(operations)) = &mut self.patch else { return };
        let Some(list) = operations.first().and_then(|operation| operation.get("path")).cloned() else { return };
        *operations =
            values.iter().map(|value| serde_json::json!({"op": "add", "path": list, "value": value})).collect();
    }

    /// Takes in the additions of a remedy that adds to the same list; whether it did.
    fn absorb(&mut self, other: &Self) -> bool {
        let (Action::Add { values, to, .. }, Action::Add { values: more, to: their_to, .. }) =
            (&mut self.action, &other.action)
        else {
            return false;
        };
        if self.object != other.object || to != their_to {
            return false;
        }
        values.extend(more.iter().cloned());
        if let (Some(serde_json::Value::Array(own)), Some(serde_json::Value::Array(theirs))) =
            (&mut self.patch, &other.patch)
        {
            let new: Vec<_> = theirs.iter().filter(|operation| !own.contains(operation)).cloned().collect();
            own.extend(new);
        }
        true
    }
}

/// How many namespaces get a pattern each.
const NAMESPACES_LISTED: usize = 4;

/// A pattern for another namespace: `*.a.svc.cluster.local` and `a/*` for `*.b.svc.cluster.local` and `b/*`.
fn renamed(pattern: &str, own: &str, other: &str) -> String {
    let (prefix, host) = pattern.split_once('/').map_or((None, pattern), |(prefix, host)| (Some(prefix), host));
    let labels: Vec<&str> = host.split('.').map(|label| if label == own { other } else { label }).collect();
    let host = labels.join(".");
    match prefix {
        Some(prefix) => format!("{}/{host}", if prefix == own { other } else { prefix }),
        None => host,
    }
}

/// A pattern for every namespace: `*.svc.cluster.local` for `*.a.svc.cluster.local`, `*` for `*.a`.
fn widened(pattern: &str, own: &str) -> String {
    let host = pattern.rsplit('/').next().unwrap_or(pattern);
    match host.strip_prefix("*.").and_then(|rest| rest.strip_prefix(own)) {
        Some("") => "*".to_owned(),
        Some(rest) if rest.starts_with('.') => format!("*{rest}"),
        _ => host.to_owned(),
    }
}

/// How many of a namespace, and the first few names.
pub type Counted = (usize, Vec<Arc<str>>);

/// The InferenceServices whose requests a finding cuts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// How many in each namespace, with the first few names; shared, since many findings may concern the same crowd.
    pub namespaces: Arc<BTreeMap<Arc<str>, Counted>>,
    /// The kinds of requests, by name: `local`, `external`, `direct`, `readiness`.
    pub requests: BTreeSet<&'static str>,
    /// Whether they are stand-ins in a cluster that has no InferenceService yet.
    pub synthetic: bool,
}

/// How many names are kept of each namespace.
const NAMES_KEPT: usize = 3;

impl Affected {
    /// Counts InferenceServices of one namespace.
    pub fn add<'a>(&mut self, namespace: &Arc<str>, names: impl IntoIterator<Item = &'a Arc<str>>) {
        let (count, kept) = Arc::make_mut(&mut self.namespaces).entry(namespace.clone()).or_default();
        for name in names {
            *count += 1;
            if kept.len() < NAMES_KEPT {
                kept.push(name.clone());
            }
        }
    }

    /// Counts InferenceServices of one namespace whose number is known, without looking at each.
    pub fn add_all<'a>(&mut self, namespace: &Arc<str>, number: usize, names: impl IntoIterator<Item = &'a Arc<str>>) {
        let (count, kept) = Arc::make_mut(&mut self.namespaces).entry(namespace.clone()).or_default();
        *count += number;
        let wanted = NAMES_KEPT.saturating_sub(kept.len());
        kept.extend(names.into_iter().take(wanted).cloned());
    }

    /// Adds others, none of whom is here already.
    pub fn join(&mut self, others: &Self) {
        if self.namespaces.is_empty() {
            self.namespaces = others.namespaces.clone();
        } else {
            for (namespace, (count, names)) in others.namespaces.iter() {
                self.add_all(namespace, *count, names);
            }
        }
        self.requests.extend(&others.requests);
        self.synthetic |= others.synthetic;
    }

    /// Adds others, who may be the same: of each namespace the larger count stands.
    pub fn merge(&mut self, other: Self) {
        let namespaces = Arc::make_mut(&mut self.namespaces);
        for (namespace, (count, names)) in other.namespaces.iter() {
            let (own_count, own_names) = namespaces.entry(namespace.clone()).or_default();
            for name in names {
                if own_names.len() < NAMES_KEPT && !own_names.contains(name) {
                    own_names.push(name.clone());
                }
            }
            *own_count = (*own_count).max(*count);
        }
        self.requests.extend(other.requests);
        self.synthetic |= other.synthetic;
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.namespaces.values().map(|(count, _)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{FieldPath, Kind};

    fn instruction(object: &ObjectKey, text: &str) -> Remedy {
        Remedy { object: object.clone(), action: Action::Do(text.to_owned()), patch: None }
    }

    fn finding(site: Site, remedies: Vec<Remedy>) -> Finding {
        Finding {
            code: Code(110),
            severity: Severity::Error,
            hop: Some(Hop::Route),
            reason: "no-virtual-host",
            symptom: "",
            message: String::new(),
            site,
            says: String::new(),
            related: Vec::new(),
            remedies,
            affected: Affected::default(),
        }
    }

    #[test]
    fn one_fault_of_two_requests_has_remedies_that_mend_both() {
        let key = ObjectKey::new(Kind::IstioGateway, "istio-system", "gw");
        let other = ObjectKey::new(Kind::ConfigMap, "kserve", "inferenceservice-config");
        let add = |host: &str| Remedy {
            object: key.clone(),
            action: Action::Add {
                values: [host.to_owned()].into(),
                to: "spec.servers[0].hosts".to_owned(),
                namespace: "models".into(),
            },
            patch: Some(serde_json::json!([{"op": "add", "path": "/spec/servers/0/hosts/-", "value": host}])),
        };
        let mut first = finding(
            key.site(FieldPath::root()),
            vec![add("*.b"), instruction(&other, "of b alone"), instruction(&other, "of both")],
        );
        let second = finding(key.site(FieldPath::root()), vec![add("*.a"), instruction(&other, "of both")]);
        first.absorb(&second);
        let texts: Vec<_> = first.remedies.iter().map(Remedy::text).collect();
        assert_eq!(texts, ["add \"*.a\" and \"*.b\" to spec.servers[0].hosts", "of both"]);
        let patch = first.remedies[0].patch.as_ref().and_then(serde_json::Value::as_array);
        assert_eq!(patch.map(Vec::len), Some(2));
    }

    #[test]
    fn a_host_for_one_namespace_is_one_for_each_that_misses_it() {
        assert_eq!(renamed("*.a.svc.cluster.local", "a", "b"), "*.b.svc.cluster.local");
        assert_eq!(renamed("a/*", "a", "b"), "b/*");
        assert_eq!(widened("*.a.svc.cluster.local", "a"), "*.svc.cluster.local");
        assert_eq!(widened("*.a", "a"), "*");
        assert_eq!(widened("inference.example.com", "a"), "inference.example.com");
    }

    #[test]
    fn focus_brings_what_is_being_written_to_the_front() {
        let key = |name: &str| ObjectKey::new(Kind::IstioGateway, "istio-system", name);
        let remedy = |name: &str, text: &str| instruction(&key(name), text);
        let remedies = vec![remedy("a", "1"), remedy("c", "2"), remedy("b", "3"), remedy("c", "4")];
        let mut finding = Finding {
            says: "of a".to_owned(),
            related: vec![
                (key("b").site(FieldPath::root()), "of b".to_owned()),
                (key("c").site(FieldPath::root()), "of c".to_owned()),
            ],
            ..finding(key("a").site(FieldPath::root()), remedies)
        };
        finding.focus(&key("c"));
        assert_eq!((finding.site.object, finding.says.as_str()), (key("c"), "of c"));
        let related: Vec<_> = finding.related.iter().map(|(_, says)| says.as_str()).collect();
        assert_eq!(related, ["of a", "of b"]);
        let remedies: Vec<_> = finding.remedies.iter().map(Remedy::text).collect();
        assert_eq!(remedies, ["2", "4", "1", "3"]);
    }

    #[test]
    fn codes_are_written_and_read() {
        assert_eq!(Code(7).to_string(), "PL007");
        assert_eq!("PL110".parse(), Ok(Code(110)));
        assert_eq!("pl007".parse(), Ok(Code(7)));
        assert!("PL7".parse::<Code>().is_err() && "XX110".parse::<Code>().is_err());
    }
}
