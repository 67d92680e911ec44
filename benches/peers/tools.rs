use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A program that looks for faults in a folder of manifests.
pub(crate) enum Tool {
    Plumbline,
    Istioctl(PathBuf),
    Gator(PathBuf),
}

impl Tool {
    /// All of them, ours first.
    pub(crate) fn all(peers: &Path) -> [Self; 3] {
        [Self::Plumbline, Self::Istioctl(peers.join("istioctl")), Self::Gator(peers.join("gator"))]
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Plumbline => "plumbline check",
            Self::Istioctl(_) => "istioctl analyze",
            Self::Gator(_) => "gator test (Rego)",
        }
    }

    /// What it says of the manifests, message by message.
    pub(crate) fn findings(&self, folder: &Path) -> Result<BTreeSet<String>, Box<dyn Error>> {
        let mut command = match self {
            Self::Plumbline => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
                command.args(["check", "--output", "json"]).arg(folder);
                command
            }
            Self::Istioctl(program) => {
                let mut command = Command::new(program);
                command.args(["analyze", "-A", "--use-kube=false", "--timeout=30m", "--output", "json"]).arg(folder);
                command
            }
            Self::Gator(program) => {
                let mut command = Command::new(program);
                command.args(["test", "--output", "json", "--filename", POLICY, "--filename"]).arg(folder);
                command
            }
        };
        let output = command.output()?;
        let text = String::from_utf8(output.stdout)?;
        let said: Value = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).map_err(|error| {
                format!("{}: {error}: {text}: {}", self.name(), String::from_utf8_lossy(&output.stderr))
            })?,
        };
        // A refusal of the whole input is a finding as well; a program that is none of these has failed.
        let refusal =
            (said.is_null() && !output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned());
        let (list, fields): (&Value, &[&str]) = match self {
            Self::Plumbline => (&said["findings"], &["code", "message"]),
            Self::Istioctl(_) => (&said, &["code", "message", "origin"]),
            Self::Gator(_) => (&said, &["msg"]),
        };
        let messages = list.as_array().into_iter().flatten();
        let messages =
            messages.map(|finding| fields.iter().map(|field| finding[field].to_string()).collect::<Vec<_>>().join(" "));
        Ok(messages.chain(refusal).collect())
    }

    /// The mean time of one review, as `gator bench` measures it with the manifests cached.
    pub(crate) fn review_milliseconds(&self, folder: &Path) -> Result<f64, Box<dyn Error>> {
        let Self::Gator(program) = self else { return Err("only gator benches reviews".into()) };
        let mut command = Command::new(program);
        command.args(["bench", "--engine", "rego", "--iterations", "3", "--warmup", "1", "--output", "json"]);
        let output = command.args(["--filename", POLICY, "--filename"]).arg(folder).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let said: Value = serde_json::from_str(&said)
            .map_err(|error| format!("gator bench: {error}: {said}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let mean = said[0]["latencies"]["mean"].as_str().and_then(milliseconds);
        mean.ok_or_else(|| format!("gator bench told no mean: {said}").into())
    }
}

/// Reads a duration below a minute, as Go writes it.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("ns", 1e-6), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3)];
    let (unit, factor) = units.into_iter().find(|(unit, _)| text.ends_with(unit))?;
    Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor)
}

const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/policy.yaml");

/// A manifest as people write it: block style, with texts quoted.
pub(crate) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                text.push_str(&format!("{}{}:", "  ".repeat(depth), Value::from(key.as_str())));
                inner(field, depth + 1, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&format!("{}-", "  ".repeat(depth)));
                inner(item, depth + 1, text);
            }
        }
        leaf => text.push_str(&format!("{leaf}\n")),
    }
}

fn inner(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => text.push('\n'),
        Value::Array(items) if !items.is_empty() => text.push('\n'),
        _ => text.push(' '),
    }
    block(value, depth, text);
}
