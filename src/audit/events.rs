//! Events on the objects that findings point at: one while a finding lasts, and one when it is gone.
//!
//! An Event's name follows from its finding, so that a replica that takes over finds the one of its predecessor instead of
//! telling everything anew. The API server forgets Events after an hour; one whose finding lasts is renewed before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::{Api, ApiError};
use super::lease::micro_time;
use crate::finding::{Code, Finding, Severity};
use crate::object::ObjectKey;
use crate::quote;
use crate::report::audit;
use crate::rules;
use crate::survey::{Standing, Survey};
use crate::telemetry::Throttle;

/// How often the Event of a finding that lasts is renewed: the API server keeps it for an hour.
const RENEWAL: Duration = Duration::from_mins(30);
/// How many Events are made after one walk; the rest wait for the next.
const AT_ONCE: usize = 50;
/// How long nothing new is told after a failure: where we may not, there would be no end of asking.
const PAUSE: Duration = Duration::from_secs(30);
/// The longest note, in bytes; the API server takes no more than 1024.
const NOTE: usize = 1_000;
/// Who reports.
const CONTROLLER: &str = "plumbline.dev/audit";

/// What makes a finding the same as one before.
type Identity = (Code, ObjectKey, String);

pub(super) struct Events {
    api: Api,
    instance: String,
    /// What was told and lasts.
    told: BTreeMap<Identity, Told>,
    /// What was told and ended; its Event may still be there.
    ended: BTreeSet<Identity>,
    failed: Option<Instant>,
    throttle: Throttle,
}

struct Told {
    regarding: Value,
    name: String,
    at: Instant,
    count: u64,
}

impl Events {
    pub(super) fn new(api: Api, instance: String) -> Self {
        Self {
            api,
            instance,
            told: BTreeMap::new(),
            ended: BTreeSet::new(),
            failed: None,
            throttle: Throttle::default(),
        }
    }

    /// Forgets what was told: another replica goes on.
    pub(super) fn forget(&mut self) {
        self.told.clear();
        self.ended.clear();
    }

    /// Tells what is new, what lasts and what is gone.
    pub(super) async fn tell(&mut self, survey: &Survey) {
        let worth = worth_telling(survey);
        let gone: Vec<Identity> = self.told.keys().filter(|identity| !worth.contains_key(*identity)).cloned().collect();
        for identity in gone {
            if let Some(told) = self.told.remove(&identity) {
                self.end(survey, &identity, &told).await;
                self.ended.insert(identity);
            }
        }
        let mut made = 0;
        for (identity, finding) in worth {
            match self.told.get(&identity) {
                Some(told) if told.at.elapsed() < RENEWAL => {}
                Some(_) => self.renew(&identity, finding).await,
                None if made < AT_ONCE && self.failed.is_none_or(|at| at.elapsed() >= PAUSE) => {
                    made += 1;
                    self.begin(identity, finding).await;
                }
                None => {}
            }
        }
    }

    async fn begin(&mut self, identity: Identity, finding: &Finding) {
        let regarding = self.reference(&identity.1).await;
        let name = name(&identity);
        let event = self.event(&name, &regarding, finding);
        let mut told = Told { regarding, name, at: Instant::now(), count: 1 };
        match self.api.create(&collection(&told.regarding), &event).await {
            // In a namespace that is not there nobody can be told.
            Ok(_) | Err(ApiError::NotFound) => {}
            // Told by our predecessor, or before it ended; only the latter is news.
            Err(ApiError::Conflict) => {
                if self.ended.remove(&identity) {
                    told.count = self.count(&told).await + 1;
                    self.observe_again(&told).await;
                }
            }
            Err(error) => {
                self.failed = Some(Instant::now());
                return self.complain(&error);
            }
        }
        self.told.insert(identity, told);
    }

    async fn renew(&mut self, identity: &Identity, finding: &Finding) {
        let Some(mut told) = self.told.remove(identity) else { return };
        told.count = self.count(&told).await + 1;
        told.at = Instant::now();
        if self.observe_again(&told).await {
            self.told.insert(identity.clone(), told);
        } else {
            self.begin(identity.clone(), finding).await;
        }
    }

    /// How often it was observed, as the API server knows it: a patch of nothing reads without the right to.
    async fn count(&self, told: &Told) -> u64 {
        let path = format!("{}/{}", collection(&told.regarding), told.name);
        let event = self.api.merge(&path, &json!({})).await.unwrap_or_default();
        event["series"]["count"].as_u64().unwrap_or(told.count).max(1)
    }

    /// Whether the Event was there to be observed once more.
    async fn observe_again(&self, told: &Told) -> bool {
        let path = format!("{}/{}", collection(&told.regarding), told.name);
        let series = json!({"series": {"count": told.count, "lastObservedTime": micro_time()}});
        match self.api.merge(&path, &series).await {
            Ok(_) => true,
            Err(ApiError::NotFound) => false,
            Err(error) => {
                self.complain(&error);
                true
            }
        }
    }

    async fn end(&self, survey: &Survey, identity: &Identity, told: &Told) {
        let (code, object, _) = identity;
        let remains = survey.entries.iter().find(|entry| self::identity(&entry.finding) == *identity);
        let (reason, note) = match remains {
            Some(entry) => ("Excepted", audit::excepted(entry, survey.at)),
            None => ("Resolved", format!("{code}: no longer found on {object}")),
        };
        let suffix = micro_time().replace([':', '.', '-'], "").to_lowercase();
        let name = format!("{}-{suffix}", told.name);
        let event = self.envelope(&name, &told.regarding, "Normal", reason, &note);
        if let Err(error) = self.api.create(&collection(&told.regarding), &event).await {
            self.complain(&error);
        }
    }

    fn event(&self, name: &str, regarding: &Value, finding: &Finding) -> Value {
        let kind = if finding.code == rules::TRANSITION_OPEN { "Normal" } else { "Warning" };
        let reason = rules::rule(finding.code).map_or_else(|| finding.code.to_string(), |rule| camel_case(rule.name));
        self.envelope(name, regarding, kind, &reason, &audit::note(finding))
    }

    fn envelope(&self, name: &str, regarding: &Value, kind: &str, reason: &str, note: &str) -> Value {
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace(regarding)},
            "eventTime": micro_time(),
            "type": kind,
            "reason": reason,
            "action": "Audit",
            "note": shortened(note),
            "regarding": regarding,
            "reportingController": CONTROLLER,
            "reportingInstance": self.instance,
        })
    }

    /// The object as an Event names it, with the uid by which `kubectl describe` looks for its Events.
    async fn reference(&self, object: &ObjectKey) -> Value {
        let kind = object.kind;
        let mut reference = reference(object, kind.versions()[0]);
        for version in kind.versions() {
            let path = path(object, version);
            if let Ok(found) = self.api.get(&path).await {
                reference = self::reference(object, version);
                reference["uid"] = found["metadata"]["uid"].clone();
                break;
            }
        }
        reference
    }

    fn complain(&self, error: &ApiError) {
        if let Some(withheld) = self.throttle.pass("events") {
            tracing::warn!(withheld, "an Event cannot be written: {error}");
        }
    }
}

/// The findings that are worth an Event: what counts, notes excepted.
fn worth_telling(survey: &Survey) -> BTreeMap<Identity, &Finding> {
    let plain = survey.entries.iter().filter(|entry| entry.standing == Standing::Plain);
    let findings = plain.map(|entry| &entry.finding).filter(|finding| finding.severity != Severity::Note);
    findings.map(|finding| (identity(finding), finding)).collect()
}

fn identity(finding: &Finding) -> Identity {
    (finding.code, finding.site.object.clone(), finding.site.path.to_string())
}

/// An object as another names it.
pub(super) fn reference(object: &ObjectKey, version: &str) -> Value {
    let group = object.kind.group();
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({
        "apiVersion": api_version, "kind": object.kind.name(),
        "namespace": &*object.namespace, "name": &*object.name,
    })
}

fn path(object: &ObjectKey, version: &str) -> String {
    let group = object.kind.group();
    let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
    format!("{root}/{version}/namespaces/{}/{}/{}", object.namespace, object.kind.plural(), object.name)
}

fn namespace(regarding: &Value) -> &str {
    // Events of what is in no namespace stand in this one.
    regarding["namespace"].as_str().filter(|namespace| !namespace.is_empty()).unwrap_or("default")
}

fn collection(regarding: &Value) -> String {
    format!("/apis/events.k8s.io/v1/namespaces/{}/events", namespace(regarding))
}

/// The object's name, and what tells its findings apart.
fn name((code, object, path): &Identity) -> String {
    // FNV-1a: it has to stay the same from one release to the next.
    let text = format!("{code} {object} {path}");
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let kept: String = object.name.chars().take(200).collect();
    format!("{}.{hash:016x}", kept.trim_end_matches(['.', '-']))
}

fn camel_case(kebab: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    kebab.split('-').map(capital).collect()
}

fn shortened(note: &str) -> String {
    if note.len() <= NOTE {
        return note.to_owned();
    }
    quote::shortened(&note[..note.floor_char_boundary(NOTE - 4)], NOTE - 4) + "..."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Kind;

    #[test]
    fn an_event_is_found_again_by_its_name() {
        let object = ObjectKey::new(Kind::IstioGateway, "istio-system", "local");
        let one = name(&(Code(110), object.clone(), "spec.servers[0].hosts".to_owned()));
        assert_eq!(one, "local.12650978186341b3", "a release that names it otherwise tells everything twice");
        assert_ne!(one, name(&(Code(110), object, "spec.servers[1].hosts".to_owned())));
    }

    #[test]
    fn a_reason_is_the_name_of_the_rule_and_a_note_has_room() {
        assert_eq!(camel_case("hosts-not-covered"), "HostsNotCovered");
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"ü".repeat(900));
        assert!(long.len() <= 1_000 && long.ends_with("..."), "{}", long.len());
    }
}
