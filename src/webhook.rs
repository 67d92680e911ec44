//! The webhook: from a review to a change, from a judgement to an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::admission::{Answer, Cause, Fault, Judge, Operation, Request, Summary, Text, UserInfo};
use crate::engine::{Actor, Change, JudgeSettings, Judgement, Verdict, judge, projected};
use crate::exception::{Asker, Moment, Permission, Policy, Ruling, Weighed, weigh};
use crate::finding::Finding;
use crate::gather::{self, GatherError, Source, settle};
use crate::model::{Object, config_map};
use crate::object::{Kind, ObjectKey};
use crate::quote;
use crate::report::{denial, exception};
use crate::rules;
use crate::view::{Need, Snapshot, View};

/// Who deletes what is gone already.
const COLLECTORS: [&str; 2] = [
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:namespace-controller",
];

/// Judges reviews against one cluster.
#[derive(Debug)]
pub struct Webhook<S> {
    source: Arc<S>,
    settings: JudgeSettings,
    policy: Policy,
    operator_users: Vec<String>,
}

impl<S: Source> Webhook<S> {
    /// A webhook for the cluster of a source.
    pub fn new(source: Arc<S>, settings: JudgeSettings, policy: Policy, operator_users: Vec<String>) -> Self {
        Self { source, settings, policy, operator_users }
    }

    fn actor(&self, request: &Request<'_>) -> Actor {
        let user: &str = &request.user_info.username;
        if COLLECTORS.contains(&user) && request.operation == Operation::Delete {
            Actor::Collector
        } else if self.operator_users.iter().any(|name| name == user) {
            Actor::Operator
        } else {
            Actor::Anybody
        }
    }

    /// The change that a request asks for. The review's own objects count; only an `oldObject` that was left out is looked
    /// up.
    fn change(&self, kind: Kind, request: &Request<'_>, snapshot: &Snapshot) -> Result<Change, Fault> {
        let object = read(kind, "request.object", request.object)?;
        let old = read(kind, "request.oldObject", request.old_object)?;
        let known = object.as_ref().or(old.as_ref()).map(|(key, _)| key.clone());
        let mut key = known.unwrap_or_else(|| ObjectKey::new(kind, "", &*request.name));
        if key.namespace.is_empty() && kind.is_namespaced() {
            key.namespace = (*request.namespace).into();
        }
        let old = old.map(|(_, object)| object);
        let (before, after) = match request.operation {
            Operation::Create => (None, object.map(|(_, object)| object)),
            Operation::Delete => (old.or_else(|| snapshot.object(&key).present()), None),
            Operation::Update | Operation::Connect => {
                (old.or_else(|| snapshot.object(&key).present()), object.map(|(_, object)| object))
            }
        };
        Ok(Change { key, before, after, actor: self.actor(request) })
    }
}

impl<S: Source + 'static> Judge for Webhook<S> {
    async fn judge(&self, request: &Request<'_>, deadline: Instant) -> Result<Answer, Fault> {
        let (started, now) = (Instant::now(), now());
        let Some(kind) = request.known_kind() else {
            return Err(Fault::BadRequest(format!(
                "request.kind: plumbline does not judge {}; take its resource out of the rules of the webhook configuration",
                request.kind
            )));
        };
        // A subresource (status, scale) holds nothing that a walk reads.
        if !request.sub_resource.is_empty() || request.operation == Operation::Connect {
            return Ok(Answer::allow());
        }
        // A collection is deleted object by object, each without its name in the request.
        if kind == Kind::ConfigMap && !request.name.is_empty() && !config_map::is_known(&request.name) {
            return Ok(Answer::allow());
        }
        if let Some(missing) = self.source.unready() {
            return Err(Fault::Unavailable(format!("the cluster has not been read yet: waiting for {missing}")));
        }
        let change = self.change(kind, request, &gather::read(self.source.snapshot()))?;
        if change.before == change.after
            && kind == Kind::ConfigMap
            && let Some(finding) = example_edit(&change.key, request)
        {
            return Ok(remark(&finding));
        }
        let judged = settle(
            &*self.source,
            |snapshot| {
                let judgement = judge(snapshot, &change, &self.settings);
                let needs = judgement.needs.clone();
                (judgement, needs)
            },
            |judgement| judgement.verdict == Verdict::Deny || !judgement.warnings.is_empty(),
            deadline.into(),
        );
        let judgement = judged.await.map_err(|error| fault(&error))?;
        let versions = versions(&gather::read(self.source.snapshot()), &judgement);
        let asker = || Some(asker(&request.user_info));
        let ruling = rule(&*self.source, judgement, &change, &self.policy, now, asker, deadline.into()).await;
        let mut answer = answer(&change.key, &ruling, versions, now);
        answer.audit.insert("milliseconds".to_owned(), format!("{:.2}", started.elapsed().as_secs_f64() * 1000.0));
        if answer.allowed && !request.dry_run {
            let writes = writes(&gather::read(self.source.snapshot()), &change);
            self.source.admit(writes);
        }
        Ok(answer)
    }
}

/// What an admitted change writes, the Knative operator's part included.
fn writes(snapshot: &Snapshot, change: &Change) -> Vec<(ObjectKey, Option<Object>)> {
    let before = View::of(snapshot).with(change.key.clone(), change.before.clone());
    let mut writes = projected(&before, change);
    writes.push((change.key.clone(), change.after.clone()));
    writes
}

/// The data of a ConfigMap, also what no model holds.
#[derive(Default, Deserialize)]
struct Documented {
    #[serde(default)]
    data: serde_json::Value,
}

/// Notices a write that changes documentation and nothing else.
fn example_edit(key: &ObjectKey, request: &Request<'_>) -> Option<Finding> {
    let data = |raw: Option<&RawValue>| -> Option<serde_json::Value> {
        Some(serde_json::from_str::<Documented>(raw?.get()).ok()?.data)
    };
    rules::example_edit(key, &data(request.old_object)?, &data(request.object)?)
}

/// Allows a write, with one remark.
fn remark(finding: &Finding) -> Answer {
    let code = finding.code.to_string();
    Answer {
        warnings: vec![denial::warning(finding)],
        audit: BTreeMap::from([("verdict".to_owned(), "warn".to_owned()), ("codes".to_owned(), code.clone())]),
        summary: Summary { verdict: "warn", codes: vec![code], ..Summary::default() },
        ..Answer::allow()
    }
}

fn read(kind: Kind, field: &str, raw: Option<&RawValue>) -> Result<Option<(ObjectKey, Object)>, Fault> {
    let Some(raw) = raw else { return Ok(None) };
    let parsed = Object::from_json(kind, raw.get().as_bytes());
    parsed.map(Some).map_err(|error| Fault::BadRequest(format!("{field}: {error}")))
}

fn fault(error: &GatherError) -> Fault {
    match error {
        GatherError::Deadline { .. } => Fault::DeadlineExceeded(error.to_string()),
        _ => Fault::Unavailable(error.to_string()),
    }
}

/// Which versions of its siblings a verdict saw.
fn versions(snapshot: &Snapshot, judgement: &Judgement) -> String {
    let objects = judgement.needs.iter().filter_map(|need| match need {
        Need::Object(key) => Some(key),
        Need::Services(_) | Need::Pods(_) => None,
    });
    let seen = objects.filter_map(|key| {
        let version = snapshot.object(key).present()?.meta().resource_version.clone();
        (!version.is_empty()).then(|| format!("{}/{}={version}", key.kind.plural(), key.qualified_name()))
    });
    seen.collect::<Vec<_>>().join(",")
}

/// What time it is.
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Applies the exceptions that the object declares, and asks whether its writer may declare them where that decides.
pub(crate) async fn rule(
    source: &impl Source,
    judgement: Judgement,
    change: &Change,
    policy: &Policy,
    now: Moment,
    asker: impl FnOnce() -> Option<Asker>,
    deadline: tokio::time::Instant,
) -> Ruling {
    match weigh(judgement, change, policy, now) {
        Weighed::Settled(ruling) => ruling,
        Weighed::Covered(covered) => {
            let question = covered.question(asker());
            let asked = tokio::time::timeout_at(deadline, source.may_declare(&question)).await;
            let permission = asked.unwrap_or_else(|_| Permission::Unasked("the deadline passed".to_owned()));
            covered.decide(&question, permission)
        }
    }
}

fn asker(user: &UserInfo<'_>) -> Asker {
    let texts = |texts: &Vec<Text<'_>>| texts.iter().map(ToString::to_string).collect();
    Asker {
        user: user.username.to_string(),
        uid: user.uid.to_string(),
        groups: texts(&user.groups),
        extra: user.extra.iter().map(|(key, values)| (key.to_string(), texts(values))).collect(),
    }
}

fn answer(key: &ObjectKey, ruling: &Ruling, versions: String, now: Moment) -> Answer {
    let judgement = &ruling.judgement;
    let codes: Vec<String> = ruling.codes().iter().map(ToString::to_string).collect();
    let suppressed = suppressed(ruling);
    let mut audit = BTreeMap::from([("verdict".to_owned(), ruling.verdict().to_owned())]);
    let mut note = |key: &str, value: String| {
        if !value.is_empty() {
            audit.insert(key.to_owned(), value);
        }
    };
    note("codes", codes.join(","));
    note("siblings", versions);
    if let Some(transition) = &ruling.transition {
        note("transition", transition.name.to_string());
        note("transition-until", transition.until.to_string());
    }
    let reasons = suppressed.iter().map(|(code, reason)| format!("{code}: {}", quote::quoted(reason)));
    note("suppressed", reasons.collect::<Vec<_>>().join(", "));
    let admitted = ruling.covered.iter().chain(ruling.suppressed.iter().map(|(finding, _)| finding));
    let worst = judgement.findings.iter().chain(admitted).next();
    let hop = worst.and_then(|finding| finding.hop);
    let (message, warnings) = match judgement.verdict {
        Verdict::Deny => (denial::message_with(key, &judgement.findings, &ruling.remarks), judgement.warnings.clone()),
        Verdict::Allow => (String::new(), exception::warnings(ruling, now)),
    };
    let causes = denial::causes(key, &judgement.findings).into_iter();
    let causes = causes.map(|cause| Cause { field: cause.field, code: cause.code, message: cause.message });
    let remarks = ruling.remarks.iter();
    let remarks = remarks.map(|remark| Cause {
        field: "metadata.annotations".to_owned(),
        code: remark.code.to_string(),
        message: remark.text.clone(),
    });
    Answer {
        allowed: judgement.verdict == Verdict::Allow,
        message,
        causes: causes.chain(remarks).collect(),
        warnings: warnings.iter().map(|warning| format!("{}: {}", warning.code, warning.text)).collect(),
        audit,
        summary: Summary {
            verdict: ruling.verdict(),
            codes,
            hop: hop.map(|hop| hop.to_string()).unwrap_or_default(),
            transition: ruling.transition.as_ref().map(|transition| transition.name.to_string()).unwrap_or_default(),
            suppressed: suppressed.into_keys().collect(),
        },
    }
}

/// The codes that suppressions let through, with their reasons.
fn suppressed(ruling: &Ruling) -> BTreeMap<String, &str> {
    let admitted = ruling.suppressed.iter().filter(|_| ruling.is_exception());
    admitted.map(|(finding, suppression)| (finding.code.to_string(), &*suppression.reason)).collect()
}
