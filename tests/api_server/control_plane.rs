//! A real control plane, as far as admission goes: etcd and kube-apiserver, without controllers.

mod assets;
mod client;
mod servers;
mod upstream;
mod users;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub(crate) use assets::Upstream;
pub(crate) use client::Output;
pub(crate) use users::User;
pub(crate) use webhook::{Endpoint, Registration, Scope};

use crate::scratch::Scratch;
use assets::Assets;
use servers::Servers;
use users::Kubeconfigs;

/// An API server with its store, its users and the clients to talk to it.
///
/// No controller runs: a namespace is there once created, and stays `Terminating` once deleted until
/// [`ControlPlane::finalize_namespace`] ends it.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    assets: Assets,
    kubeconfigs: Kubeconfigs,
    upstream_crds: OnceLock<()>,
    servers: Servers,
    // Last, because fields are dropped in order and the servers write here.
    scratch: Scratch,
}

impl ControlPlane {
    /// The control plane that tests share, each in its own namespaces; it starts with the first that asks.
    pub(crate) fn shared() -> &'static Self {
        // A `LazyLock` would tell only the first test why it could not start.
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a control plane of its own, for a test that breaks it or needs the whole cluster: 4 s and 600 MB.
    pub(crate) fn start() -> Self {
        let assets = Assets::find();
        let scratch = Scratch::new();
        let servers = Servers::start(&assets, &scratch);
        let kubeconfigs = Kubeconfigs::write(&scratch, &servers);
        let control_plane = Self { assets, kubeconfigs, upstream_crds: OnceLock::new(), servers, scratch };
        control_plane.wait_until_ready();
        control_plane.grant_roles();
        control_plane
    }

    /// Kills the API server and starts it again on the same port and store; returns once it is ready.
    pub(crate) fn restart_api_server(&self) {
        self.servers.restart_api_server(&self.assets, &self.scratch);
        self.wait_until_ready();
    }

    /// Kills the API server; its port is kept for [`ControlPlane::restart_api_server`].
    pub(crate) fn stop_api_server(&self) {
        self.servers.stop_api_server();
    }

    /// Where etcd listens, for a test that changes what it remembers.
    pub(crate) fn etcd_port(&self) -> u16 {
        self.servers.etcd_port()
    }

    /// What the API server has logged, for a failure that its answers do not explain.
    pub(crate) fn api_server_log(&self) -> String {
        self.servers.api_server_log()
    }

    /// The kubeconfig file of a user.
    pub(crate) fn kubeconfig(&self, user: User) -> &Path {
        self.kubeconfigs.of(user)
    }

    /// The path of `kubectl` or `helm`, for what runs them itself.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.assets.program(name)
    }

    /// Where the upstream modules with the stock configuration are.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.assets.upstream
    }
}
