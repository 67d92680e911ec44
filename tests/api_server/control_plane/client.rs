use std::env;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::assets::gitops_client;
use super::{ControlPlane, User};
use crate::wait;

/// What a client said, and how it ended.
#[derive(Debug)]
#[must_use]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            status: output.status,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What the client printed.
    ///
    /// # Panics
    /// With what it complained about, if it failed.
    #[track_caller]
    pub(crate) fn expect_success(self) -> String {
        assert!(self.status.success(), "{self:#?}");
        self.stdout
    }

    /// What the client complained about.
    ///
    /// # Panics
    /// With what it printed, if it succeeded.
    #[track_caller]
    pub(crate) fn expect_failure(self) -> String {
        assert!(!self.status.success(), "{self:#?}");
        self.stderr
    }
}

impl ControlPlane {
    /// Runs `kubectl` as the administrator.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Output {
        self.kubectl_as(User::Admin, args)
    }

    /// Runs `kubectl` as some user.
    pub(crate) fn kubectl_as(&self, user: User, args: &[&str]) -> Output {
        self.run("kubectl", user, args, "")
    }

    /// Runs `kubectl` as some user with a command for `kubectl edit`, which gets the name of a file.
    pub(crate) fn kubectl_with_editor(&self, user: User, args: &[&str], editor: &str) -> Output {
        Output::of(self.client("kubectl", user, args).env("KUBE_EDITOR", editor).env("TMPDIR", self.scratch.path("")))
    }

    /// Runs `kubectl` as some user with `input` as its standard input.
    pub(crate) fn kubectl_with_input(&self, user: User, args: &[&str], input: &str) -> Output {
        self.run("kubectl", user, args, input)
    }

    /// Runs `kubectl apply` on manifests as the administrator.
    pub(crate) fn apply(&self, manifests: &str, extra_args: &[&str]) -> Output {
        self.apply_as(User::Admin, manifests, extra_args)
    }

    /// Runs `kubectl apply` on manifests as some user.
    pub(crate) fn apply_as(&self, user: User, manifests: &str, extra_args: &[&str]) -> Output {
        let args = [&["apply", "-f", "-"], extra_args].concat();
        self.kubectl_with_input(user, &args, manifests)
    }

    /// Runs `helm` as the administrator.
    pub(crate) fn helm(&self, args: &[&str]) -> Output {
        self.helm_as(User::Admin, args)
    }

    /// Runs `helm` as some user.
    pub(crate) fn helm_as(&self, user: User, args: &[&str]) -> Output {
        self.run("helm", user, args, "")
    }

    /// Runs a program of `tests/clients` as some user with `input` as its standard input.
    pub(crate) fn gitops_client(&self, program: &str, user: User, input: &str) -> Output {
        let mut command = self.as_user(Command::new(gitops_client(program)), user);
        Output::of(command.stdin(input_file(input)))
    }

    /// Runs a line of shell as the administrator, with `kubectl`, `helm` and `plumbline` at hand, in the checkout.
    pub(crate) fn shell(&self, line: &str) -> Output {
        let programs = [self.assets.program("kubectl"), PathBuf::from(env!("CARGO_BIN_EXE_plumbline"))];
        let folders = programs.iter().map(|program| program.parent().unwrap().to_owned());
        let inherited = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(folders.chain(env::split_paths(&inherited))).unwrap();
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", line])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", path)
            .env("KUBECONFIG", self.kubeconfig(User::Admin))
            .env("HOME", self.scratch.path("home"))
            .stdin(Stdio::null());
        Output::of(&mut command)
    }

    /// Ends a namespace that is `Terminating`, as the namespace controller does once the namespace is empty.
    ///
    /// What was left in it stays in the store.
    pub(crate) fn finalize_namespace(&self, name: &str) {
        let namespace = json_of(self.kubectl(&["get", "namespace", name, "-o", "json"]));
        let mut finalized = namespace;
        finalized["spec"]["finalizers"] = serde_json::json!([]);
        let path = format!("/api/v1/namespaces/{name}/finalize");
        let args = ["replace", "--raw", &path, "-f", "-"];
        self.kubectl_with_input(User::Admin, &args, &finalized.to_string()).expect_success();
    }

    pub(super) fn wait_until_ready(&self) {
        wait::until("kube-apiserver", Duration::from_mins(1), || {
            if let Some(failure) = self.servers.api_server_failure() {
                panic!("{failure}");
            }
            let answer = self.kubectl(&["get", "--raw", "/readyz"]);
            if answer.status.success() { Ok(()) } else { Err(answer.stderr) }
        });
    }

    fn run(&self, program: &str, user: User, args: &[&str], input: &str) -> Output {
        Output::of(self.client(program, user, args).stdin(input_file(input)))
    }

    fn client(&self, program: &str, user: User, args: &[&str]) -> Command {
        let mut command = self.as_user(Command::new(self.assets.program(program)), user);
        command.args(args);
        command
    }

    fn as_user(&self, mut command: Command, user: User) -> Command {
        command
            .env("KUBECONFIG", self.kubeconfig(user))
            // Clients cache what an API server serves by its address, and another run may have had this one.
            .env("HOME", self.scratch.path("home"));
        command
    }
}

#[track_caller]
pub(super) fn json_of(output: Output) -> serde_json::Value {
    serde_json::from_str(&output.expect_success()).unwrap()
}

/// A file rather than a pipe: a client that stops reading cannot block us.
fn input_file(input: &str) -> Stdio {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    file.rewind().unwrap();
    file.into()
}
