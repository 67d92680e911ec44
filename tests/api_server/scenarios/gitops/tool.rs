use std::fmt;

use serde_json::Value;

use super::repository::Commit;
use crate::control_plane::Output;
use crate::rest::Rest;

/// As often as a tool is left to try.
const PATIENCE: u32 = 5;

/// What makes a cluster as a repository says.
pub(super) trait Tool {
    /// Makes one attempt.
    ///
    /// # Errors
    /// What its user is told, where the attempt fails.
    fn attempt(&mut self, commit: &Commit) -> Result<(), String>;

    /// Makes one attempt at an earlier commit, with the tool's own command for that, if it has one.
    ///
    /// # Errors
    /// As above.
    fn go_back(&mut self, commit: &Commit) -> Result<(), String> {
        self.attempt(commit)
    }
}

/// What came of a commit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// The cluster is as the commit says.
    Converges {
        /// How often the tool tried.
        rounds: u32,
    },
    /// An attempt failed and changed nothing, so that every further attempt fails as well.
    Never {
        /// What the user is told.
        said: String,
    },
    /// The tool is content, and the cluster is not as the commit says.
    Overlooked,
}

impl Outcome {
    pub(super) const AT_ONCE: Self = Self::Converges { rounds: 1 };
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Converges { rounds: 1 } => out.write_str("at once"),
            Self::Converges { rounds } => write!(out, "in {rounds} rounds"),
            Self::Never { .. } => out.write_str("never"),
            Self::Overlooked => out.write_str("overlooked"),
        }
    }
}

/// Lets a tool try until the cluster is as the commit says, or an attempt has changed nothing.
///
/// # Panics
/// If an attempt fails for any other reason than a denial, or says that it succeeded where it did not.
#[track_caller]
pub(super) fn converge(
    rest: &Rest,
    commit: &Commit,
    mut attempt: impl FnMut(&Commit) -> Result<(), String>,
) -> Outcome {
    for rounds in 1..=PATIENCE {
        let before = versions(rest);
        match attempt(commit) {
            Ok(()) => {
                assert_eq!(drift(rest, commit), [""; 0], "the tool is content");
                return Outcome::Converges { rounds };
            }
            Err(said) => {
                assert!(said.contains("denied the request: this change of"), "{said}");
                if versions(rest) == before {
                    return Outcome::Never { said };
                }
            }
        }
    }
    panic!("every one of {PATIENCE} rounds changed something, and none was the last");
}

/// The identities and versions of all objects that plumbline guards, and of what is behind them.
pub(super) fn versions(rest: &Rest) -> Vec<String> {
    let collections = [
        "/api/v1/configmaps",
        "/api/v1/services",
        "/apis/apps/v1/deployments",
        "/apis/networking.istio.io/v1/gateways",
        "/apis/serving.kserve.io/v1beta1/inferenceservices",
    ];
    // The API server writes to these by itself.
    let is_ours =
        |object: &Value| !["default", "kube-system"].iter().any(|own| object["metadata"]["namespace"] == *own);
    let version = |object: Value| {
        let metadata = &object["metadata"];
        let [namespace, name, id, version] = ["namespace", "name", "uid", "resourceVersion"].map(|key| &metadata[key]);
        format!("{namespace} {name} {id} {version}")
    };
    let objects = collections.iter().flat_map(|path| rest.list(path)).filter(is_ours);
    objects.map(version).collect()
}

/// The objects of a commit that are not as it says.
pub(super) fn drift(rest: &Rest, commit: &Commit) -> Vec<String> {
    let is_as_wanted = |wanted: &Value, live: &Value| {
        // The API server rewrites quantities in the templates of pods.
        let has_spec = wanted["kind"] == "Deployment" || holds(&live["spec"], &wanted["spec"]);
        has_spec && live["data"] == wanted["data"]
    };
    let drifted = commit.objects().into_iter().filter(|wanted| {
        let live = rest.find(wanted);
        live.is_none_or(|live| !is_as_wanted(wanted, &live))
    });
    drifted.map(|object| format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "")).collect()
}

/// Whether a value has all that another has, apart from what the API server fills in.
fn holds(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (_, Value::Null) => true,
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| live.get(key).is_some_and(|live| holds(live, value)))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| holds(live, wanted))
        }
        _ => live == wanted,
    }
}

/// What a command said, if it failed.
pub(super) fn result_of(answer: Output) -> Result<String, String> {
    if answer.status.success() { Ok(answer.stdout) } else { Err(answer.stderr) }
}
