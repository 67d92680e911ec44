//! A Service that for a while leads where it did and where it will.

use serde_json::{Value, json};

use super::{Bridge, at, in_common, set, united};

const SELECTOR: [&str; 2] = ["spec", "selector"];
const PORTS: [&str; 2] = ["spec", "ports"];

const BOTH_PODS: &str = "it leads to the old and the new pods: its selector is what both have in common";
const BOTH_PORTS: &str = "it has the old and the new ports";
const PODS_FIRST: &str = "it leads to its new pods, by the old ports";
const PORTS_FIRST: &str = "it gets its new ports, and leads to the old pods";

/// Versions between two of a Service.
pub(super) fn bridges(before: &Value, after: &Value) -> Vec<Bridge> {
    let (old_selector, new_selector) = (at(before, &SELECTOR), at(after, &SELECTOR));
    let (old_ports, new_ports) = (list(before), list(after));
    // Of two ports of one number the new one counts.
    let number = |port: &Value| json!([port.get("port"), port.get("protocol").unwrap_or(&Value::Null)]);
    let both_ports = united(&old_ports, &new_ports, number);
    let mut bridges = Vec::new();
    let mut bridge = |selector: Option<&Value>, ports: &[Value], why| {
        let Some(selector) = selector else { return };
        let mut manifest = after.clone();
        set(&mut manifest, &SELECTOR, selector.clone());
        set(&mut manifest, &PORTS, ports.to_vec().into());
        for part in ["labels", "annotations"] {
            let (old, new) = (at(before, &["metadata", part]), at(after, &["metadata", part]));
            if let Some(Value::Object(old)) = old {
                let mut all = old.clone();
                all.extend(new.and_then(Value::as_object).cloned().unwrap_or_default());
                set(&mut manifest, &["metadata", part], all.into());
            }
        }
        bridges.push((manifest, why));
    };
    bridge(new_selector, &both_ports, BOTH_PORTS);
    if old_selector != new_selector {
        let common = in_common(old_selector, new_selector);
        bridge(common.as_ref(), &both_ports, BOTH_PODS);
        bridge(new_selector, &old_ports, PODS_FIRST);
        bridge(old_selector, &both_ports, BOTH_PORTS);
        bridge(old_selector, &new_ports, PORTS_FIRST);
    }
    bridges
}

fn list(manifest: &Value) -> Vec<Value> {
    at(manifest, &PORTS).and_then(Value::as_array).cloned().unwrap_or_default()
}
