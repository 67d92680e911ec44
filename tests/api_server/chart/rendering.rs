use serde_json::Value;

use super::cluster::{NAMESPACE, cluster};
use crate::control_plane::Output;
use crate::yaml;

/// The chart's folder.
pub(super) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/plumbline");

/// What `helm template` makes of the chart.
#[derive(Debug)]
pub(super) struct Rendering(String);

impl Rendering {
    /// Renders a release into [`NAMESPACE`] with further arguments, such as `--set`.
    #[track_caller]
    pub(super) fn of(release: &str, args: &[&str]) -> Self {
        Self(template(release, NAMESPACE, args).expect_success())
    }

    /// The manifests.
    pub(super) fn text(&self) -> &str {
        let Self(text) = self;
        text
    }

    /// The manifests as objects.
    pub(super) fn objects(&self) -> Vec<Value> {
        yaml::objects(self.text())
    }

    /// The roles and their bindings.
    pub(super) fn rbac(&self) -> Vec<Value> {
        let is_rbac = |object: &Value| object["apiVersion"] == "rbac.authorization.k8s.io/v1";
        self.objects().into_iter().filter(is_rbac).collect()
    }

    /// The one object of a kind.
    #[track_caller]
    pub(super) fn only(&self, kind: &str) -> Value {
        let mut found: Vec<_> = self.objects().into_iter().filter(|object| object["kind"] == kind).collect();
        assert_eq!(found.len(), 1, "{kind} in\n{}", self.text());
        found.remove(0)
    }
}

/// Runs `helm template`.
pub(super) fn template(release: &str, namespace: &str, args: &[&str]) -> Output {
    cluster().helm(&[&["template", release, CHART, "--namespace", namespace], args].concat())
}
