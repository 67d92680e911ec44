use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::ControlPlane;
use super::servers::Servers;
use crate::scratch::Scratch;

/// Someone who talks to the API server. The rights of all but the administrator are in `roles.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum User {
    /// May do anything, by the group `system:masters`.
    Admin,
    /// May do nothing but discover what the API server serves.
    Restricted,
    /// A tool that applies whatever its repository holds.
    Gitops,
    /// The webhook: reads what it judges by, and writes nothing.
    Plumbline,
    /// The operator that owns what a `KnativeServing` describes.
    KnativeOperator,
}

/// A kubeconfig file for each user.
#[derive(Debug)]
pub(crate) struct Kubeconfigs([(User, PathBuf); User::ALL.len()]);

impl User {
    const ALL: [Self; 5] = [Self::Admin, Self::Restricted, Self::Gitops, Self::Plumbline, Self::KnativeOperator];

    /// The name that the API server knows the user by, and that an admission review carries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Restricted => "restricted",
            Self::Gitops => "system:serviceaccount:flux-system:kustomize-controller",
            Self::Plumbline => "system:serviceaccount:plumbline:plumbline",
            Self::KnativeOperator => "system:serviceaccount:knative-operator:knative-operator",
        }
    }

    /// The groups beside `system:authenticated`, which the API server adds, comma-separated.
    fn groups(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::Restricted => "",
            Self::Gitops => "system:serviceaccounts,system:serviceaccounts:flux-system",
            Self::Plumbline => "system:serviceaccounts,system:serviceaccounts:plumbline",
            Self::KnativeOperator => "system:serviceaccounts,system:serviceaccounts:knative-operator",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Restricted => "restricted",
            Self::Gitops => "gitops",
            Self::Plumbline => "plumbline",
            Self::KnativeOperator => "knative-operator",
        }
    }

    fn token(self) -> String {
        format!("token-of-{}", self.file_name())
    }
}

impl Kubeconfigs {
    pub(crate) fn write(scratch: &Scratch, servers: &Servers) -> Self {
        Self(User::ALL.map(|user| {
            let content = json!({
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{
                    "name": "test",
                    "cluster": {"server": servers.url(), "certificate-authority": servers.ca_file()},
                }],
                "users": [{"name": user.name(), "user": {"token": user.token()}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": user.name()}}],
                "current-context": "test",
            });
            let file = format!("{}.kubeconfig", user.file_name());
            (user, scratch.write(&file, &content.to_string()))
        }))
    }

    pub(crate) fn of(&self, wanted: User) -> &Path {
        let Self(files) = self;
        let (_, path) = files.iter().find(|(user, _)| *user == wanted).unwrap();
        path
    }
}

impl ControlPlane {
    /// Gives the users their rights, as an installation would.
    pub(super) fn grant_roles(&self) {
        self.apply(include_str!("roles.yaml"), &["--server-side"]).expect_success();
    }
}

/// What `--token-auth-file` reads: token, name, uid, quoted groups.
pub(crate) fn token_file() -> String {
    let mut lines = String::new();
    for user in User::ALL {
        let (token, name, groups) = (user.token(), user.name(), user.groups());
        writeln!(lines, r#"{token},{name},{name},"{groups}""#).unwrap();
    }
    lines
}
