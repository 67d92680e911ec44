use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The programs and modules that `tests/control-plane/build.sh` provides.
#[derive(Debug)]
pub(crate) struct Assets {
    folder: PathBuf,
    pub(crate) upstream: Upstream,
}

/// The folders of the upstream modules, in Go's module cache.
#[derive(Debug, Deserialize)]
pub(crate) struct Upstream {
    pub(crate) istio_api: PathBuf,
    pub(crate) gateway_api: PathBuf,
    pub(crate) knative_operator: PathBuf,
    pub(crate) kserve: PathBuf,
    pub(crate) cert_manager: PathBuf,
    pub(crate) prometheus_operator: PathBuf,
    pub(crate) kyverno: PathBuf,
    pub(crate) open_reports: PathBuf,
}

impl Assets {
    /// Finds them through the environment.
    ///
    /// # Panics
    /// With what to do, where `KUBEBUILDER_ASSETS` is not set or names a folder that lacks one.
    pub(crate) fn find() -> Self {
        let folder = env::var_os("KUBEBUILDER_ASSETS").map_or_else(
            || panic!("KUBEBUILDER_ASSETS is not set: run `make test`, which builds the control plane and sets it"),
            PathBuf::from,
        );
        let listing = folder.join("upstream.json");
        let upstream = fs::read_to_string(&listing).unwrap_or_else(|error| {
            panic!(
                "{}: {error}. Run `make test`, or set KUBEBUILDER_ASSETS to what tests/control-plane/build.sh prints",
                listing.display()
            )
        });
        Self { upstream: serde_json::from_str(&upstream).unwrap(), folder }
    }

    /// The path of `etcd`, `kube-apiserver`, `kubectl` or `helm`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let program = self.folder.join(name);
        assert!(Path::exists(&program), "{} is missing: run `make test`, which builds it", program.display());
        program
    }
}

/// The path of `argo` or `flux`, as `tests/clients/build.sh` provides them.
///
/// # Panics
/// With what to do, where `GITOPS_CLIENTS` is not set or names a folder that lacks it.
pub(super) fn gitops_client(name: &str) -> PathBuf {
    let folder = env::var_os("GITOPS_CLIENTS").unwrap_or_else(|| {
        panic!("GITOPS_CLIENTS is not set: run `make test`, or set it to what tests/clients/build.sh prints")
    });
    let program = PathBuf::from(folder).join(name);
    assert!(Path::exists(&program), "{} is missing: run `make test`, which builds it", program.display());
    program
}
