//! KServe's configuration, moved one field at a time: above all, a `knativeLocalGatewayService` that goes on to name where
//! Knative is while KServe's own gateway moves.

use serde_json::Value;

use super::{Bridge, at, set};
use crate::plan::edit::set_string;
use crate::syntax::{Node, json};

pub(super) const INGRESS: [&str; 2] = ["data", "ingress"];
/// The fields that move, in the order in which their versions are proposed.
const FIELDS: [&str; 4] = ["localGateway", "localGatewayService", "knativeLocalGatewayService", "ingressGateway"];
/// The one that means another where it is empty (kserve `pkg/apis/serving/v1beta1/configmap.go`).
const FALLS_BACK: &str = "knativeLocalGatewayService";

const PINNED: &str =
    "KServe uses its new gateway, and knativeLocalGatewayService goes on to name where Knative's gateway is now";
const AHEAD: &str = "KServe stays on its gateway, and knativeLocalGatewayService names where Knative's gateway will be";
const MIXED: &str = "some of the fields that differ change now, the others later";

/// Versions between two of `inferenceservice-config`.
pub(super) fn bridges(before: &Value, after: &Value) -> Vec<Bridge> {
    let text = |manifest: &Value| at(manifest, &INGRESS).and_then(Value::as_str).map(str::to_owned);
    let (Some(old), Some(new)) = (text(before), text(after)) else { return Vec::new() };
    let (Ok(old_node), Ok(new_node)) = (json::parse(&old), json::parse(&new)) else { return Vec::new() };
    let moved: Vec<&str> =
        FIELDS.into_iter().filter(|field| effective(&old_node, field) != effective(&new_node, field)).collect();
    let mut bridges = Vec::new();
    // Each field by itself old or new; all old and all new are the two versions themselves.
    for kept in 1..(1_usize << moved.len()).saturating_sub(1) {
        let is_kept =
            |field: &str| moved.iter().position(|moved| *moved == field).is_some_and(|at| kept & (1 << at) != 0);
        let edited = FIELDS.iter().try_fold(new.clone(), |text, field| {
            let from = if is_kept(field) { &old_node } else { &new_node };
            // The one that falls back has to be said where the other may have moved.
            if !is_kept(field) && (*field != FALLS_BACK || !moved.contains(&"localGatewayService")) {
                return Some(text);
            }
            set_string(&text, field, &effective(from, field)?)
        });
        let Some(edited) = edited else { continue };
        let mut manifest = after.clone();
        set(&mut manifest, &INGRESS, edited.into());
        let own_moves =
            ["localGateway", "localGatewayService"].iter().any(|field| moved.contains(field) && !is_kept(field));
        let own_stays = ["localGateway", "localGatewayService"].iter().any(|field| is_kept(field));
        let why = match (moved.contains(&FALLS_BACK), is_kept(FALLS_BACK)) {
            (true, true) if own_moves && !own_stays => PINNED,
            (true, false) if own_stays && !own_moves => AHEAD,
            _ => MIXED,
        };
        bridges.push((manifest, why));
    }
    // What is told best comes first.
    bridges.sort_by_key(|(_, why)| *why == MIXED);
    bridges
}

/// What a field comes to.
pub(super) fn effective(node: &Node, field: &str) -> Option<String> {
    let said = node.fields(field).filter_map(|entry| entry.value.as_str()).next_back().map(str::to_owned);
    if field == FALLS_BACK && said.as_deref().is_none_or(str::is_empty) {
        return effective(node, "localGatewayService");
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(ingress: &str) -> Value {
        json!({"metadata": {"labels": {"kept": "yes"}}, "data": {"ingress": ingress, "deploy": "{}"}})
    }

    #[test]
    fn the_service_that_knative_is_called_by_stays_behind() {
        let before = config(r#"{"localGateway":"k/old","localGatewayService":"old.k","ingressGateway":"k/in"}"#);
        let after = config(r#"{"localGateway":"i/new", "localGatewayService":"new.i", "ingressGateway":"k/in"}"#);
        let bridges = bridges(&before, &after);
        let pinned = config(
            r#"{"knativeLocalGatewayService": "old.k","localGateway":"i/new", "localGatewayService":"new.i", "ingressGateway":"k/in"}"#,
        );
        assert_eq!(bridges.iter().find(|(_, why)| *why == PINNED).map(|(manifest, _)| manifest), Some(&pinned));
        let ahead = config(
            r#"{"knativeLocalGatewayService": "new.i","localGateway":"k/old", "localGatewayService":"old.k", "ingressGateway":"k/in"}"#,
        );
        assert_eq!(bridges.iter().find(|(_, why)| *why == AHEAD).map(|(manifest, _)| manifest), Some(&ahead));
        assert_eq!(bridges.len(), 6, "three fields, each old or new, but for all of them");
    }

    #[test]
    fn what_is_no_json_has_no_versions_between() {
        assert_eq!(bridges(&config("{"), &config("{}")), []);
        assert_eq!(bridges(&config("{}"), &config("{}")), []);
        assert_eq!(bridges(&json!({}), &config("{}")), []);
    }
}
