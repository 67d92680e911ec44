//! `plumbline doctor`

mod examination;
mod handshake;
mod reading;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::source::ClusterArgs;
use super::{FINDINGS, say};
use crate::cluster::Connection;
use crate::doctor::{Check, Status, count};
use crate::settings::Settings;
use examination::Examination;
use reading::Reading;

#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// A kubeconfig file [default: $KUBECONFIG, ~/.kube/config, or the pod's own service account].
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<std::path::PathBuf>,
    /// A context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Where this machine reaches the webhook's port, such as the end of a `kubectl port-forward`.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// plumbline's service account [default: that of the pods behind the webhook's Service].
    #[arg(long, value_name = "NAMESPACE:NAME")]
    service_account: Option<String>,
    /// How to print what was seen.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line a check, and what to do below it.
    Text,
    /// One JSON document.
    Json,
}

impl Doctor {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let account = self.service_account.as_deref().map(account).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let checks = runtime.block_on(async {
            let cluster = ClusterArgs { manifests: None, kubeconfig: self.kubeconfig, context: self.context };
            super::source::reach(&cluster).await?;
            let connection = Connection::open(&cluster.options()).await?;
            let reading = Reading::new(connection.client);
            anyhow::Ok(Examination::new(&reading, settings, self.address.as_deref(), account).run().await)
        })?;
        match self.output {
            Output::Json => say(&format!("{:#}\n", document(&checks))),
            Output::Text => say(&text(&checks)),
        }
        let sound = count(&checks, Status::Problem) == 0;
        Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
    }
}

/// The user that a service account is to the API server.
fn account(text: &str) -> anyhow::Result<(String, String)> {
    let (namespace, name) = text
        .split_once(':')
        .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
        .with_context(|| format!("--service-account {text:?} names none: write NAMESPACE:NAME"))?;
    Ok((namespace.to_owned(), name.to_owned()))
}

fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { topic, subject, status, seen, remedy } in checks {
        let about = if subject.is_empty() { String::new() } else { format!(" {subject}") };
        text += &format!("{:<8} {topic}{about}: {seen}\n", status.name());
        if !remedy.is_empty() {
            text += &format!("         to do: {remedy}\n");
        }
    }
    let number = |status| count(checks, status);
    let (problems, warnings) = (number(Status::Problem), number(Status::Warning));
    let plural = |number: usize| if number == 1 { "" } else { "s" };
    text += &format!(
        "{} checks: {problems} problem{}, {warnings} warning{}, {} unknown\n",
        checks.len(),
        plural(problems),
        plural(warnings),
        number(Status::Unknown),
    );
    text
}

/// The same as JSON, stable: fields are added, never renamed.
fn document(checks: &[Check]) -> Value {
    let check = |Check { topic, subject, status, seen, remedy }: &Check| json!({"check": topic, "subject": subject, "status": status.name(), "seen": seen, "remedy": remedy});
    json!({"checks": checks.iter().map(check).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_check_and_what_to_do_below_it() {
        let checks = [
            Check::ok("kinds", "gateways.networking.istio.io", "served as v1"),
            Check::problem("endpoints", "Service plumbline/plumbline:443", "no pod is behind it", "look at the pods"),
        ];
        assert_eq!(
            text(&checks),
            "ok       kinds gateways.networking.istio.io: served as v1\n\
             problem  endpoints Service plumbline/plumbline:443: no pod is behind it\n         to do: look at the pods\n\
             2 checks: 1 problem, 0 warnings, 0 unknown\n"
        );
        assert_eq!(document(&checks)["checks"][1]["status"], "problem");
    }

    #[test]
    fn a_service_account_has_a_namespace_and_a_name() {
        assert_eq!(account("a:b").unwrap(), ("a".to_owned(), "b".to_owned()));
        for text in ["a", ":b", "a:", ""] {
            assert!(account(text).unwrap_err().to_string().contains("NAMESPACE:NAME"), "{text}");
        }
    }
}
