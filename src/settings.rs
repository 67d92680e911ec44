//! What may be configured, declared once: every setting is a flag, an environment variable and a key of the settings file,
//! and has a default that suits a stock install.

mod audit;
mod error;
mod file;
mod self_managed;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

pub use audit::{AuditOptions, AuditSettings};
pub use error::SettingsError;
pub use self_managed::{SelfManagedError, SelfManagedOptions, SelfManagedSettings};

use crate::admission::go_duration;
use crate::engine::{JudgeSettings, SyntheticPolicy};
use crate::exception::{Policy, Span};
use crate::model::names::is_dns_label;
use crate::model::version::{Release, Versions};
use crate::walk::ClusterFacts;

/// The service account of the Knative operator, as its own manifests install it.
const KNATIVE_OPERATOR: &str = "system:serviceaccount:knative-operator:knative-operator";

/// The settings of the judgement, as given: a flag wins over its environment variable, both over the settings file.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct JudgeOptions {
    /// KServe's namespace. Where it has no inferenceservice-config and exactly one other namespace has, that one counts.
    #[arg(long, env = "PLUMBLINE_KSERVE_NAMESPACE", value_name = "NAMESPACE", global = true)]
    pub kserve_namespace: Option<String>,
    /// Knative Serving's namespace.
    #[arg(long, env = "PLUMBLINE_KNATIVE_NAMESPACE", value_name = "NAMESPACE", global = true)]
    pub knative_namespace: Option<String>,
    /// The cluster's DNS domain [default: detected in a pod, else cluster.local].
    #[arg(long, env = "PLUMBLINE_CLUSTER_DOMAIN", value_name = "DOMAIN", global = true)]
    pub cluster_domain: Option<String>,
    /// KServe's release, such as 0.15 [default: detected from its controller's Deployment].
    #[arg(long, env = "PLUMBLINE_KSERVE_VERSION", value_name = "RELEASE", global = true)]
    pub kserve_version: Option<String>,
    /// Knative's release, such as 1.18 [default: detected from net-istio's Deployment].
    #[arg(long, env = "PLUMBLINE_KNATIVE_VERSION", value_name = "RELEASE", global = true)]
    pub knative_version: Option<String>,
    /// Namespaces to guard as if they held an InferenceService already.
    #[arg(long, env = "PLUMBLINE_JUDGE_NAMESPACES", value_name = "NAMESPACES", value_delimiter = ',', global = true)]
    pub judge_namespaces: Option<Vec<String>>,
    /// What to do, while there is no InferenceService at all, about a change that leaves no namespace reachable.
    #[arg(long, env = "PLUMBLINE_SYNTHETIC", value_name = "POLICY", global = true)]
    pub synthetic: Option<Synthetic>,
    /// istiod runs with `PILOT_SCOPE_GATEWAY_TO_NAMESPACE`: a Gateway selects pods of its own namespace only.
    #[arg(
        long,
        env = "PLUMBLINE_SCOPE_GATEWAYS_TO_NAMESPACE",
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "BOOL",
        global = true
    )]
    pub scope_gateways_to_namespace: Option<bool>,
    /// Users whose writes of derived objects are reported and never refused.
    #[arg(long, env = "PLUMBLINE_OPERATOR_USERS", value_name = "USERS", value_delimiter = ',', global = true)]
    pub operator_users: Option<Vec<String>>,
    /// How far ahead a declared transition may end, as in 90m; 0s switches transitions off [default: 1h].
    #[arg(long, env = "PLUMBLINE_TRANSITION_MAX_DURATION", value_name = "DURATION", global = true)]
    pub transition_max_duration: Option<String>,
    /// Declaring a transition needs the right to `declare` `transitions.plumbline.dev` in the object's namespace.
    #[arg(
        long,
        env = "PLUMBLINE_TRANSITION_REQUIRE_RBAC",
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "BOOL",
        global = true
    )]
    pub transition_require_rbac: Option<bool>,
}

/// `judge.synthetic`, as people write it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Synthetic {
    /// Refuse it.
    Deny,
    /// Warn about it.
    Warn,
    /// Let nothing stand in for InferenceServices.
    Off,
}

impl From<Synthetic> for SyntheticPolicy {
    fn from(policy: Synthetic) -> Self {
        match policy {
            Synthetic::Deny => Self::Deny,
            Synthetic::Warn => Self::Warn,
            Synthetic::Off => Self::Off,
        }
    }
}

/// The settings of the server, as given.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServeOptions {
    /// The address of the webhook.
    #[arg(long, env = "PLUMBLINE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// An address for /livez, /readyz and /metrics in plain HTTP [default: none; they are on the webhook's address too].
    #[arg(long, env = "PLUMBLINE_HEALTH_LISTEN", value_name = "ADDRESS")]
    pub health_listen: Option<SocketAddr>,
    /// The certificate chain, PEM; followed when it changes.
    #[arg(long, env = "PLUMBLINE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM.
    #[arg(long, env = "PLUMBLINE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A certificate of our own.
    #[command(flatten)]
    #[serde(skip)]
    pub self_managed: SelfManagedOptions,
    /// Verify the API server's client certificate against this CA, PEM.
    #[arg(long, env = "PLUMBLINE_CLIENT_CA", value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// Common names or DNS names of the client certificates that may call [default: any that the client CA issued].
    #[arg(long, env = "PLUMBLINE_CLIENT_NAMES", value_name = "NAMES", value_delimiter = ',')]
    pub client_names: Option<Vec<String>>,
    /// How long to go on serving after SIGTERM, in seconds, while the Service forgets this pod.
    #[arg(long, env = "PLUMBLINE_DRAIN_SECONDS", value_name = "SECONDS")]
    pub drain_seconds: Option<u64>,
    /// How many reviews are judged at a time.
    #[arg(long, env = "PLUMBLINE_CONCURRENCY", value_name = "NUMBER")]
    pub concurrency: Option<usize>,
    /// The base URL of the OpenTelemetry collector that gets traces, by OTLP over plain HTTP [default: none are made].
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Of the audit; keys of their own in the settings file.
    #[command(flatten)]
    #[serde(skip)]
    pub audit: AuditOptions,
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of the judgement.
    pub judge: JudgeSettings,
    /// What a declared transition may be.
    pub transition: Policy,
    /// Whether the cluster domain was given, or may be detected.
    pub cluster_domain_given: bool,
    /// Users whose writes of derived objects are never refused.
    pub operator_users: Vec<String>,
    /// Of the server.
    pub serve: ServeSettings,
}

/// The settings of the server in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// The webhook's address.
    pub listen: SocketAddr,
    /// The address of the health endpoints.
    pub health_listen: Option<SocketAddr>,
    /// Chain and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// A certificate of our own.
    pub self_managed: Option<SelfManagedSettings>,
    /// The CA of client certificates.
    pub client_ca: Option<PathBuf>,
    /// The names of the client certificates that may call; none means all.
    pub client_names: Vec<String>,
    /// How long to go on serving after a stop was asked for.
    pub drain: Duration,
    /// How many reviews are judged at a time.
    pub concurrency: usize,
    /// The collector of traces.
    pub otlp_endpoint: Option<String>,
    /// Of the audit.
    pub audit: AuditSettings,
}

impl Settings {
    /// Puts flags and environment over the settings file, and both over the defaults.
    pub fn resolve(judge: JudgeOptions, serve: ServeOptions, file: Option<&Path>) -> Result<Self, SettingsError> {
        let (judge_file, serve_file) = match file {
            Some(path) => file::read(path)?,
            None => (JudgeOptions::default(), ServeOptions::default()),
        };
        let judge = judge.over(judge_file);
        let serve = serve.over(serve_file);
        let JudgeOptions {
            kserve_namespace,
            knative_namespace,
            cluster_domain,
            kserve_version,
            knative_version,
            judge_namespaces,
            synthetic,
            scope_gateways_to_namespace,
            operator_users,
            transition_max_duration,
            transition_require_rbac,
        } = judge;
        let defaults = ClusterFacts::default();
        let facts = ClusterFacts {
            kserve_namespace: namespace("kserve-namespace", kserve_namespace, &defaults.kserve_namespace)?,
            knative_namespace: namespace("knative-namespace", knative_namespace, &defaults.knative_namespace)?,
            cluster_domain: cluster_domain.as_deref().map_or(defaults.cluster_domain, Into::into),
            scope_gateways_to_namespace: scope_gateways_to_namespace.unwrap_or_default(),
            versions: Versions {
                kserve: release("kserve-version", kserve_version.as_deref())?,
                knative: release("knative-version", knative_version.as_deref())?,
            },
        };
        let namespaces = judge_namespaces.unwrap_or_default().into_iter().filter(|name| !name.is_empty());
        let namespaces: Result<Vec<Arc<str>>, _> =
            namespaces.map(|name| namespace("judge-namespaces", Some(name), "")).collect();
        let ServeOptions {
            listen,
            health_listen,
            tls_cert,
            tls_key,
            self_managed,
            client_ca,
            client_names,
            drain_seconds,
            concurrency,
            otlp_endpoint,
            audit,
        } = serve;
        let self_managed = SelfManagedSettings::resolve(self_managed, tls_cert.is_some())?;
        let client_names: Vec<_> =
            client_names.unwrap_or_default().into_iter().filter(|name| !name.is_empty()).collect();
        if client_ca.is_none() && !client_names.is_empty() {
            return Err(SettingsError::ClientNames);
        }
        Ok(Self {
            judge: JudgeSettings {
                facts,
                namespaces: namespaces?,
                synthetic: synthetic.map_or_else(SyntheticPolicy::default, Into::into),
            },
            transition: Policy {
                longest: span("transition-max-duration", transition_max_duration, Policy::default().longest)?,
                require_rbac: transition_require_rbac.unwrap_or_default(),
            },
            cluster_domain_given: cluster_domain.is_some(),
            operator_users: operator_users.unwrap_or_else(|| vec![KNATIVE_OPERATOR.to_owned()]),
            serve: ServeSettings {
                listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8443))),
                health_listen,
                certificate: tls_cert.zip(tls_key),
                self_managed,
                client_ca,
                client_names,
                drain: Duration::from_secs(drain_seconds.unwrap_or(10)),
                concurrency: concurrency.unwrap_or(64),
                otlp_endpoint: otlp_endpoint.filter(|endpoint| !endpoint.is_empty()),
                audit: audit.resolve()?,
            },
        })
    }

    /// The settings in force, as a settings file would give them.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let facts = &self.judge.facts;
        let judge = JudgeOptions {
            kserve_namespace: Some(facts.kserve_namespace.to_string()),
            knative_namespace: Some(facts.knative_namespace.to_string()),
            cluster_domain: Some(facts.cluster_domain.to_string()),
            kserve_version: facts.versions.kserve.map(|release| release.to_string()),
            knative_version: facts.versions.knative.map(|release| release.to_string()),
            judge_namespaces: Some(self.judge.namespaces.iter().map(ToString::to_string).collect()),
            synthetic: Some(match self.judge.synthetic {
                SyntheticPolicy::Deny => Synthetic::Deny,
                SyntheticPolicy::Warn => Synthetic::Warn,
                SyntheticPolicy::Off => Synthetic::Off,
            }),
            scope_gateways_to_namespace: Some(facts.scope_gateways_to_namespace),
            operator_users: Some(self.operator_users.clone()),
            transition_max_duration: Some(self.transition.longest.to_string()),
            transition_require_rbac: Some(self.transition.require_rbac),
        };
        let serve = ServeOptions {
            listen: Some(self.serve.listen),
            health_listen: self.serve.health_listen,
            tls_cert: self.serve.certificate.as_ref().map(|(chain, _)| chain.clone()),
            tls_key: self.serve.certificate.as_ref().map(|(_, key)| key.clone()),
            self_managed: SelfManagedOptions::of(self.serve.self_managed.as_ref()),
            client_ca: self.serve.client_ca.clone(),
            client_names: Some(self.serve.client_names.clone()),
            drain_seconds: Some(self.serve.drain.as_secs()),
            concurrency: Some(self.serve.concurrency),
            otlp_endpoint: self.serve.otlp_endpoint.clone(),
            audit: AuditOptions::default(),
        };
        let audit = self.serve.audit.to_options();
        let text = |value: Result<String, toml::ser::Error>| value.unwrap_or_else(|error| format!("# {error}\n"));
        text(toml::to_string(&judge))
            + &text(toml::to_string(&serve))
            + &text(toml::to_string(&serve.self_managed))
            + &text(toml::to_string(&audit))
    }
}

impl JudgeOptions {
    fn over(self, file: Self) -> Self {
        Self {
            kserve_namespace: self.kserve_namespace.or(file.kserve_namespace),
            knative_namespace: self.knative_namespace.or(file.knative_namespace),
            cluster_domain: self.cluster_domain.or(file.cluster_domain),
            kserve_version: self.kserve_version.or(file.kserve_version),
            knative_version: self.knative_version.or(file.knative_version),
            judge_namespaces: self.judge_namespaces.or(file.judge_namespaces),
            synthetic: self.synthetic.or(file.synthetic),
            scope_gateways_to_namespace: self.scope_gateways_to_namespace.or(file.scope_gateways_to_namespace),
            operator_users: self.operator_users.or(file.operator_users),
            transition_max_duration: self.transition_max_duration.or(file.transition_max_duration),
            transition_require_rbac: self.transition_require_rbac.or(file.transition_require_rbac),
        }
    }
}

impl ServeOptions {
    fn over(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            health_listen: self.health_listen.or(file.health_listen),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            self_managed: self.self_managed.over(file.self_managed),
            client_ca: self.client_ca.or(file.client_ca),
            client_names: self.client_names.or(file.client_names),
            drain_seconds: self.drain_seconds.or(file.drain_seconds),
            concurrency: self.concurrency.or(file.concurrency),
            otlp_endpoint: self.otlp_endpoint.or(file.otlp_endpoint),
            audit: self.audit.over(file.audit),
        }
    }
}

fn namespace(setting: &'static str, value: Option<String>, default: &str) -> Result<Arc<str>, SettingsError> {
    match value {
        None => Ok(default.into()),
        Some(value) if is_dns_label(&value) => Ok(value.into()),
        Some(value) => Err(SettingsError::Namespace { setting, value }),
    }
}

fn span(setting: &'static str, value: Option<String>, default: Span) -> Result<Span, SettingsError> {
    let Some(value) = value.filter(|text| !text.is_empty()) else { return Ok(default) };
    let length = go_duration(&value).filter(|length| length.subsec_nanos() == 0);
    match length.map(|length| i64::try_from(length.as_secs())) {
        Some(Ok(seconds)) => Ok(Span(seconds)),
        _ => Err(SettingsError::Duration { setting, value }),
    }
}

fn release(setting: &'static str, value: Option<&str>) -> Result<Option<Release>, SettingsError> {
    let parse = |text: &str| text.parse().map_err(|source| SettingsError::Release { setting, source });
    value.filter(|text| !text.is_empty()).map(parse).transpose()
}

#[cfg(test)]
mod tests;
