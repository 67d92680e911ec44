//! Where the API server is, and who we are to it.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use hyper::header::{HeaderValue, USER_AGENT};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Set by the kubelet in every pod.
const IN_CLUSTER_VARIABLE: &str = "KUBERNETES_SERVICE_HOST";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which cluster to talk to, as somebody asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// A kubeconfig file; without one `$KUBECONFIG` counts, then the pod we run in, then `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig other than the current one.
    pub context: Option<String>,
}

/// A client for one cluster. Nothing has been sent yet.
#[derive(Clone)]
pub struct Connection {
    /// The client: it never retries, and leaves time limits to each request.
    pub client: Client,
    /// Whether the credentials are those of the pod we run in.
    pub in_cluster: bool,
    /// Where server and credentials come from, for people.
    pub origin: String,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The kubeconfig cannot be used.
    #[error("{origin}: {problem}. {remedy}")]
    Kubeconfig {
        /// The file and the context.
        origin: String,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// The pod has no credentials.
    #[error(
        "{IN_CLUSTER_VARIABLE} is set, but the pod has no usable service account: {0}. Set automountServiceAccountToken: true, \
         or give --kubeconfig"
    )]
    InCluster(String),
    /// The client cannot be built from the configuration.
    #[error("{origin}: {problem}. Check its server, certificates, credentials and proxy")]
    Client {
        /// Where the configuration comes from.
        origin: String,
        /// What is wrong.
        problem: String,
    },
}

impl Connection {
    /// Finds server and credentials and builds a client for them.
    pub async fn open(options: &ConnectionOptions) -> Result<Self, ConnectionError> {
        let chosen = options.kubeconfig.is_some() || options.context.is_some() || is_set("KUBECONFIG");
        let in_cluster = !chosen && is_set(IN_CLUSTER_VARIABLE);
        let (mut config, origin) = if in_cluster {
            let config = Config::incluster_env().map_err(|error| ConnectionError::InCluster(error.to_string()))?;
            (config, "the pod's service account".to_owned())
        } else {
            from_kubeconfig(options).await?
        };
        // A review has one deadline. Up to fifteen silent retries would spend it on the first read that fails.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let agent = HeaderValue::from_static(concat!("plumbline/", env!("CARGO_PKG_VERSION")));
        config.headers.push((USER_AGENT, agent));
        let client = Client::try_from(config)
            .map_err(|error| ConnectionError::Client { origin: origin.clone(), problem: chain(&error) })?;
        Ok(Self { client, in_cluster, origin })
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("origin", &self.origin).finish_non_exhaustive()
    }
}

async fn from_kubeconfig(options: &ConnectionOptions) -> Result<(Config, String), ConnectionError> {
    let file = match &options.kubeconfig {
        Some(path) => format!("kubeconfig {}", path.display()),
        None if is_set("KUBECONFIG") => {
            format!("kubeconfig {} ($KUBECONFIG)", env::var("KUBECONFIG").unwrap_or_default())
        }
        None => "kubeconfig ~/.kube/config".to_owned(),
    };
    let read = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let explain = |origin: &str, contexts: &[String], error: &KubeconfigError| {
        let (problem, remedy) = diagnose(error, contexts);
        ConnectionError::Kubeconfig { origin: origin.to_owned(), problem, remedy }
    };
    let kubeconfig = read.map_err(|error| explain(&file, &[], &error))?;
    let contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref());
    let origin = context.map_or(file.clone(), |context| format!("{file}, context {context}"));
    let chosen = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &chosen).await;
    Ok((config.map_err(|error| explain(&origin, &contexts, &error))?, origin))
}

fn diagnose(error: &KubeconfigError, contexts: &[String]) -> (String, String) {
    let offered = || match contexts {
        [] => "The file has no contexts".to_owned(),
        names => format!("Give one of the file's contexts with --context: {}", names.join(", ")),
    };
    match error {
        KubeconfigError::ReadConfig(source, path) => (
            format!("{} cannot be read: {source}", path.display()),
            "Give a readable file with --kubeconfig".to_owned(),
        ),
        KubeconfigError::FindPath => {
            ("there is no home folder to find it in".to_owned(), "Give a file with --kubeconfig".to_owned())
        }
        KubeconfigError::Parse(source) => {
            (format!("it is not a kubeconfig: {source}"), "Give a file that `kubectl config view` can read".to_owned())
        }
        KubeconfigError::CurrentContextNotSet => ("it has no current-context".to_owned(), offered()),
        KubeconfigError::LoadContext(name) => (format!("it has no context {name:?}"), offered()),
        KubeconfigError::LoadClusterOfContext(name) => (
            format!("the context names the cluster {name:?}, which it does not have"),
            "Add the cluster to the file, or choose another context with --context".to_owned(),
        ),
        other => (chain(other), "Mend that entry of the file, or choose another context with --context".to_owned()),
    }
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// An error with all of its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_CONTEXTS: &str = r#"
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: staging, context: {cluster: c, user: u}}, {name: orphan, context: {cluster: gone, user: u}}]
users: [{name: u, user: {token: t}}]
"#;

    async fn message(kubeconfig: &str, context: Option<&str>) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), kubeconfig).unwrap();
        let options =
            ConnectionOptions { kubeconfig: Some(file.path().into()), context: context.map(ToOwned::to_owned) };
        let error = Connection::open(&options).await.unwrap_err().to_string();
        error.replace(&*file.path().to_string_lossy(), "FILE")
    }

    #[tokio::test]
    async fn a_broken_kubeconfig_is_named_with_its_context_and_the_remedy() {
        assert_eq!(
            message(TWO_CONTEXTS, Some("prod")).await,
            "kubeconfig FILE, context prod: it has no context \"prod\". \
             Give one of the file's contexts with --context: staging, orphan"
        );
        assert_eq!(
            message(TWO_CONTEXTS, None).await,
            "kubeconfig FILE: it has no current-context. \
             Give one of the file's contexts with --context: staging, orphan"
        );
        assert_eq!(
            message(TWO_CONTEXTS, Some("orphan")).await,
            "kubeconfig FILE, context orphan: the context names the cluster \"gone\", which it does not have. \
             Add the cluster to the file, or choose another context with --context"
        );
        let no_yaml = message("clusters: [", None).await;
        assert!(no_yaml.starts_with("kubeconfig FILE: it is not a kubeconfig: "), "{no_yaml}");
        let bad_server = message(&TWO_CONTEXTS.replace("https://127.0.0.1:1", "not a url"), Some("staging")).await;
        assert!(
            bad_server.starts_with("kubeconfig FILE, context staging: failed to parse cluster url: "),
            "{bad_server}"
        );
    }

    #[tokio::test]
    async fn a_missing_kubeconfig_is_named() {
        let options = ConnectionOptions { kubeconfig: Some("/nowhere/config".into()), context: None };
        let error = Connection::open(&options).await.unwrap_err().to_string();
        assert!(
            error.starts_with("kubeconfig /nowhere/config: /nowhere/config cannot be read: No such file")
                && error.ends_with("Give a readable file with --kubeconfig"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_good_kubeconfig_opens() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), TWO_CONTEXTS).unwrap();
        let options = ConnectionOptions { kubeconfig: Some(file.path().into()), context: Some("staging".into()) };
        let connection = Connection::open(&options).await.unwrap();
        assert_eq!(connection.origin, format!("kubeconfig {}, context staging", file.path().display()));
        assert!(!connection.in_cluster);
    }
}
