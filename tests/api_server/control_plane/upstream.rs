use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ControlPlane, Upstream};
use crate::wait;

impl ControlPlane {
    /// Installs the custom resource definitions of Istio, the Gateway API, the Knative operator and KServe, once.
    ///
    /// They are established when it returns. The operator's are served without their conversion webhook running, so tests must
    /// speak the stored version, `operator.knative.dev/v1beta1`.
    pub(crate) fn install_upstream_crds(&self) {
        self.upstream_crds.get_or_init(|| {
            let files: Vec<_> =
                crd_files(self.upstream()).iter().map(|file| format!("--filename={}", file.display())).collect();
            let files: Vec<_> = files.iter().map(String::as_str).collect();

            // Server-side, since KServe's are too large for the annotation that a client-side apply keeps.
            self.kubectl(&[&["apply", "--server-side"], &files[..]].concat()).expect_success();
            wait::until("the CRDs", Duration::from_mins(1), || self.all_crds_established());
        });
    }

    /// Asks once for all: `kubectl wait` asks for one after the other, five a second.
    fn all_crds_established(&self) -> Result<(), String> {
        let conditions = "{range .status.conditions[*]}{.type}={.status} {end}";
        let line = format!(r#"{{.metadata.name}} {conditions}{{"\n"}}"#);
        let template = format!("jsonpath={{range .items[*]}}{line}{{end}}");
        let listing = self.kubectl(&["get", "crd", "-o", &template]).expect_success();
        let waiting: Vec<_> = listing.lines().filter(|line| !line.contains("Established=True")).collect();
        if waiting.is_empty() { Ok(()) } else { Err(waiting.join(", ")) }
    }
}

fn crd_files(upstream: &Upstream) -> Vec<PathBuf> {
    let istio = upstream.istio_api.join("kubernetes/customresourcedefinitions.gen.yaml");
    let mut files = vec![istio];
    files.extend(manifests_in(&upstream.gateway_api.join("config/crd/standard")));
    files.extend(manifests_in(&upstream.knative_operator.join("config/crd/bases")));
    files.extend(manifests_in(&upstream.kserve.join("config/crd/full")));
    files
}

fn manifests_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| !path.ends_with("kustomization.yaml"))
        .collect();
    files.sort();
    files
}
