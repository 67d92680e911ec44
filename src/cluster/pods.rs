//! Pods, and the workloads that stand in for them. They are never watched: a cluster has too many.

use std::sync::Arc;

use futures::future::{try_join, try_join_all};

use super::read::{Reader, Selection};
use super::request::{RequestError, missing_right};
use crate::gather::Freshness;
use crate::model::names::is_dns_label;
use crate::model::workload::Pods;
use crate::model::{Labels, Object, selects};
use crate::object::Kind;
use crate::view::{Lookup, PodQuery, Snapshot};

/// Pods that have ended are no endpoints, however many of them a Job or an eviction has left behind.
const NOT_ENDED: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Whose templates stand in where no pod runs.
const WORKLOADS: [Kind; 3] = [Kind::Deployment, Kind::DaemonSet, Kind::StatefulSet];

/// What a list found: the revision it is of, and the pods, or why they are unknown.
struct Found {
    revision: Option<u64>,
    pods: Result<Vec<Pods>, Arc<str>>,
}

impl Reader {
    /// Reads the pods that a selector finds, else the workloads whose templates would make some.
    pub(super) async fn pods(&self, query: &PodQuery, freshness: Freshness) -> Result<(), RequestError> {
        let answer = |revision, pods: Result<Vec<Pods>, Arc<str>>| {
            let answer = pods.map_or_else(Lookup::Unknown, Lookup::Present);
            self.store.answer_pods(query, revision, freshness, answer);
        };
        // A Gateway's selector may be any text, and the API server takes only what can be a label.
        if !is_dns_label(&query.namespace) || !query.selector.iter().all(|(label, value)| can_be_label(label, value)) {
            answer(None, Ok(Vec::new()));
            return Ok(());
        }
        let running = Selection {
            namespace: Some(query.namespace.clone()),
            labels: Some(written(&query.selector)),
            fields: Some(NOT_ENDED.to_owned()),
            freshness,
            ..Selection::all(Kind::Pod)
        };
        // Where templates stood in the last time, they are likely to again: no round trip is then spent on finding out.
        let (Found { revision, pods }, templates) = if self.store.templates_stand_in(query) {
            try_join(self.find(running, &query.selector), self.templates(query, freshness)).await?
        } else {
            let found = self.find(running, &query.selector).await?;
            let none = found.pods.as_ref().is_ok_and(Vec::is_empty);
            let templates = if none { self.templates(query, freshness).await? } else { Ok(Vec::new()) };
            (found, templates)
        };
        let pods = match pods {
            Ok(pods) if pods.is_empty() => templates.map(|templates| Snapshot::group_pods(pods, || templates)),
            Ok(pods) => Ok(Snapshot::group_pods(pods, Vec::new)),
            Err(why) => Err(why),
        };
        answer(revision, pods);
        Ok(())
    }

    async fn templates(
        &self,
        query: &PodQuery,
        freshness: Freshness,
    ) -> Result<Result<Vec<Pods>, Arc<str>>, RequestError> {
        let found = try_join_all(WORKLOADS.map(|kind| {
            let selection = Selection { namespace: Some(query.namespace.clone()), freshness, ..Selection::all(kind) };
            self.find(selection, &query.selector)
        }));
        let found: Result<Vec<Vec<Pods>>, Arc<str>> = found.await?.into_iter().map(|found| found.pods).collect();
        Ok(found.map(|templates| templates.concat()))
    }

    async fn find(&self, selection: Selection, selector: &Labels) -> Result<Found, RequestError> {
        let mut pods = Ok(Vec::new());
        let listed = self.list(&selection, |page| {
            for reading in page.readings {
                match (reading.object, &mut pods) {
                    (Ok(object), Ok(pods)) => {
                        pods.extend(pods_of(object).filter(|pods| selects(selector, &pods.labels)));
                    }
                    (Err(why), pods) => *pods = Err(why),
                    (Ok(_), Err(_)) => {}
                }
            }
        });
        match listed.await {
            Ok(listed) => Ok(Found { revision: listed.revision, pods }),
            Err(RequestError::Forbidden) => {
                let why = missing_right("\"list\"", selection.kind, selection.namespace.as_deref());
                Ok(Found { revision: None, pods: Err(why) })
            }
            Err(error) => Err(error),
        }
    }
}

fn pods_of(object: Object) -> impl Iterator<Item = Pods> {
    let pods = match object {
        Object::Pod(pod) if !pod.ended => Some(pod.pods.clone()),
        Object::Workload(workload) => Some(workload.template.clone()),
        _ => None,
    };
    pods.into_iter()
}

fn written(selector: &Labels) -> String {
    let pairs: Vec<String> = selector.iter().map(|(label, value)| format!("{label}={value}")).collect();
    pairs.join(",")
}

/// Whether a pod can have this label (k8s.io/apimachinery `validation.IsQualifiedName`, `IsValidLabelValue`).
fn can_be_label(label: &str, value: &str) -> bool {
    let (prefix, name) = label.rsplit_once('/').map_or((None, label), |(prefix, name)| (Some(prefix), name));
    let has_form = |text: &str| {
        let bytes = text.as_bytes();
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        text.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(inner)
    };
    prefix.is_none_or(crate::model::names::is_dns_subdomain) && has_form(name) && (value.is_empty() || has_form(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_that_a_pod_can_have_are_asked_for() {
        for (label, value) in [("istio", "ingressgateway"), ("app.kubernetes.io/name", "a_b.C-1"), ("x", "")] {
            assert!(can_be_label(label, value), "{label}={value}");
        }
        let long = "x".repeat(64);
        for (label, value) in
            [("", "x"), ("a b", "x"), ("a", "x,y=z"), ("A/b/c", "x"), ("a", "-x"), ("a", &long), ("a&limit", "1")]
        {
            assert!(!can_be_label(label, value), "{label}={value}");
        }
    }

    #[test]
    fn a_selector_is_written_as_the_api_reads_it() {
        let selector: Labels = [("app".into(), "gw".into()), ("istio".into(), "local".into())].into();
        assert_eq!(written(&selector), "app=gw,istio=local");
    }
}
