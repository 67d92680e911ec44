//! A certificate of our own, kept in a Secret that replicas share, and trusted by a webhook configuration.
//!
//! What to do is [`rotation`](crate::rotation)'s to say; here it is read, done and told.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::material::{Material, read_bundle, write_bundle};
use super::pair::unix_now;
use super::{CertificateError, Certificates};
use crate::metrics::Metrics;
use crate::rotation::{Bundle, Ids, Observed, Shown, Situation, Stored, Write};
use crate::server::Gate;
use crate::settings::SelfManagedSettings;
use crate::telemetry::Throttle;

/// Owns `caBundle` of each webhook and no other field, so that tools which apply the rest never meet it.
pub const FIELD_MANAGER: &str = "plumbline-ca-bundle";
/// Longest pause between two looks: as often as a leader renews its Lease. A bundle that somebody wrote over is back by then.
const PERIOD: Duration = Duration::from_secs(2);
const SHORTEST_PERIOD: Duration = Duration::from_millis(200);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How many writes may follow one another before the next pause; a rotation takes two.
const WRITES: usize = 5;
const REMINDER: Duration = Duration::from_mins(1);

/// Keeps the certificate of a server.
pub struct SelfManaged {
    secrets: Api<Secret>,
    configurations: Api<ValidatingWebhookConfiguration>,
    settings: SelfManagedSettings,
    names: Vec<String>,
    certificates: Arc<Certificates>,
    metrics: Arc<Metrics>,
    gate: Gate,
    started: Instant,
    observed: Observed,
    shown: Option<Shown>,
    /// The last content of the Secret that was of use.
    remembered: Option<Material>,
    throttle: Throttle,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
enum StepError {
    /// Somebody else wrote first.
    #[error("somebody else wrote it first")]
    Conflict,
    /// The API server refuses, or does not answer.
    #[error("{0}")]
    Api(String),
    /// A certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(status) if status.is_conflict() || status.is_already_exists() => Self::Conflict,
            Error::Api(status) => Self::Api(status.message.clone()),
            other => Self::Api(crate::cluster::connection::chain(&other)),
        }
    }
}

impl SelfManaged {
    /// Keeps `certificates`, which show anything until then, with this client; `gate` opens when callers can trust them.
    #[must_use]
    pub fn new(
        client: Client,
        settings: SelfManagedSettings,
        certificates: Arc<Certificates>,
        metrics: Arc<Metrics>,
        gate: Gate,
    ) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), &settings.namespace),
            configurations: Api::all(client),
            names: vec![settings.server_name()],
            settings,
            certificates,
            metrics,
            gate,
            started: Instant::now(),
            observed: Observed::default(),
            shown: None,
            remembered: None,
            throttle: Throttle::new(REMINDER),
        }
    }

    /// Makes, renews, rotates and repairs, for as long as the future is polled.
    pub async fn run(mut self) {
        let period = (Duration::from_secs(self.settings.periods.settle.into()) / 4).clamp(SHORTEST_PERIOD, PERIOD);
        loop {
            for _ in 0..WRITES {
                if !self.look().await {
                    break;
                }
            }
            sleep(period).await;
        }
    }

    /// Looks once, and does what is to be done; says whether another look is due at once.
    async fn look(&mut self) -> bool {
        let secret = match within(self.secrets.get_opt(&self.settings.secret)).await {
            Ok(secret) => secret,
            Err(error) => {
                self.complain("read_secret", &error);
                return false;
            }
        };
        let configuration = match within(self.configurations.get_opt(&self.settings.configuration)).await {
            Ok(configuration) => Ok(configuration),
            Err(error) => {
                self.complain("read_configuration", &error);
                Err(())
            }
        };
        let now = unix_now();
        let read = secret.as_ref().map(|secret| {
            let data = secret.data.clone().unwrap_or_default();
            Material::read(&data, &self.names, now)
        });
        let (stored, material) = match read {
            None => (Stored::Absent, None),
            Some(Err(error)) => (Stored::Unusable(error.to_string()), None),
            Some(Ok(material)) => (Stored::Kept(material.kept()), Some(material)),
        };
        let bundle = match &configuration {
            Err(()) => Bundle::Unread,
            Ok(None) => Bundle::Absent,
            Ok(Some(configuration)) => Bundle::Found(
                bundles(configuration).map(|(_, bytes)| read_bundle(bytes.unwrap_or_default(), now)).collect(),
            ),
        };
        let moment = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.observed.note(moment, &stored, &bundle);
        let plan = Situation {
            now,
            moment,
            periods: &self.settings.periods,
            stored: &stored,
            bundle: &bundle,
            shown: self.shown.as_ref(),
            observed: &self.observed,
        }
        .plan();

        if plan.show
            && let Some(material) = &material
        {
            self.show(material);
        }
        match plan.waiting {
            None => self.gate.open(),
            // Once callers could trust it, taking the replica away would help nobody.
            Some(reason) if !self.gate.is_open() => self.gate.close(reason),
            Some(_) => {}
        }
        let mut again = false;
        if let (Some(ids), Ok(Some(configuration))) = (&plan.publish, &configuration) {
            let published = self.publish(configuration, ids).await;
            again |= self.done("publish", published);
        }
        if let Some(write) = &plan.write {
            if let Stored::Unusable(reason) = &stored
                && let Some(withheld) = self.throttle.pass("unusable")
            {
                tracing::warn!(secret = self.secret(), reason, withheld, "the Secret is of no use and is made anew");
            }
            let written = self.write(write, secret, material.as_ref()).await;
            again |= self.done(step(write), written);
        }
        self.remembered = material.or(self.remembered.take());
        again
    }

    fn show(&mut self, material: &Material) {
        let (kept, Some(pair)) = (material.kept(), material.pair()) else { return };
        let Some(leaf) = kept.leaf else { return };
        tracing::info!(secret = self.secret(), expires = pair.not_after(), "took a new certificate into use");
        self.certificates.replace(pair.clone());
        self.metrics.authority_loaded(kept.authority.until);
        self.shown = Some(Shown { leaf: leaf.id, authority: kept.authority.id, until: leaf.until });
    }

    /// Writes the bundle of every webhook there is.
    async fn publish(&self, configuration: &ValidatingWebhookConfiguration, ids: &Ids) -> Result<(), StepError> {
        let bundle = ByteString(write_bundle(ids));
        let webhooks: Vec<_> = bundles(configuration)
            .map(|(name, _)| json!({"name": name, "clientConfig": {"caBundle": bundle}}))
            .collect();
        let patch = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            // Of this very version: a webhook that has gone meanwhile must not come back without its rules.
            "metadata": {"name": self.settings.configuration, "resourceVersion": configuration.metadata.resource_version},
            "webhooks": webhooks,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        within(self.configurations.patch(&self.settings.configuration, &params, &Patch::Apply(&patch))).await?;
        tracing::info!(configuration = self.settings.configuration, authorities = ids.len(), "wrote the caBundle");
        Ok(())
    }

    async fn write(
        &mut self,
        write: &Write,
        secret: Option<Secret>,
        material: Option<&Material>,
    ) -> Result<(), StepError> {
        let (names, periods, now) = (&self.names, &self.settings.periods, unix_now());
        let material = match (write, material.cloned()) {
            (Write::Repair(found), _) => self.repaired(found, now)?,
            (_, None) => return Ok(()),
            (Write::Adopt(ids), Some(material)) => material.trusting(ids),
            (Write::Leaf, Some(material)) => material.with_leaf(names, periods, now)?,
            (Write::Begin, Some(material)) => material.with_next(periods)?,
            (Write::Promote, Some(material)) => material.promoted(names, periods, now)?,
            (Write::Retire, Some(material)) => {
                self.observed.retire(material.kept().previous);
                material.without_previous()
            }
        };
        // A Secret of its type has a leaf, whatever else was wrong.
        let material = if material.pair().is_some() { material } else { material.with_leaf(names, periods, now)? };
        let name = &self.settings.secret;
        match secret {
            // An apply, since RBAC lets a plain create have any name or none. Its manager is this process alone: of two
            // that create at once, the second conflicts.
            None => {
                let secret = json!({
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "plumbline"}},
                    "type": "kubernetes.io/tls",
                    "data": material.data(),
                });
                let manager = format!("plumbline-{:x}", RandomState::new().hash_one(name));
                within(self.secrets.patch(name, &PatchParams::apply(&manager), &Patch::Apply(&secret))).await?;
            }
            Some(mut secret) => {
                secret.data = Some(material.data());
                let params = PostParams { field_manager: Some("plumbline".to_owned()), ..PostParams::default() };
                within(self.secrets.replace(name, &params, &secret)).await?;
            }
        }
        tracing::info!(secret = self.secret(), step = step(write), "wrote the Secret");
        Ok(())
    }

    /// What was in the Secret last, with a fresh authority to come: whoever took the old one away may have had a reason.
    fn repaired(&self, found: &Ids, now: i64) -> Result<Material, CertificateError> {
        let (names, periods) = (&self.names, &self.settings.periods);
        match &self.remembered {
            Some(material) if material.is_valid(now) => {
                let trusted = &material.kept().trusted() | found;
                Ok(material.clone().with_next(periods)?.trusting(&trusted))
            }
            _ => Ok(Material::generate(names, periods, now)?.trusting(found)),
        }
    }

    /// Counts a step, and says whether to look again at once.
    fn done(&self, step: &'static str, result: Result<(), StepError>) -> bool {
        match result {
            Ok(()) => {
                self.metrics.certificate_step(step);
                true
            }
            Err(StepError::Conflict) => true,
            Err(error) => {
                self.complain(step, &error);
                false
            }
        }
    }

    fn complain(&self, step: &'static str, error: &StepError) {
        self.metrics.certificate_step_failed(step);
        if let Some(withheld) = self.throttle.pass(step) {
            tracing::warn!(
                secret = self.secret(),
                configuration = self.settings.configuration,
                step,
                error = error.to_string(),
                withheld,
                "cannot look after the certificate; the one in use stays"
            );
        }
        if self.shown.is_none() {
            self.gate.close(format!("{step}: {error}"));
        }
    }

    fn secret(&self) -> String {
        format!("{}/{}", self.settings.namespace, self.settings.secret)
    }
}

impl fmt::Debug for SelfManaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfManaged").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The name of each webhook and its bundle.
fn bundles(configuration: &ValidatingWebhookConfiguration) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let webhooks = configuration.webhooks.iter().flatten();
    webhooks.map(|webhook| {
        let bundle = webhook.client_config.ca_bundle.as_ref().map(|bytes| &*bytes.0);
        (webhook.name.as_str(), bundle)
    })
}

fn step(write: &Write) -> &'static str {
    match write {
        Write::Repair(_) => "repair",
        Write::Adopt(_) => "adopt",
        Write::Leaf => "renew",
        Write::Begin => "begin",
        Write::Promote => "promote",
        Write::Retire => "retire",
    }
}

/// An answer in time; the client itself waits for ever.
async fn within<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, StepError> {
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StepError::Api(format!("the API server has not answered within {REQUEST_TIMEOUT:?}"))),
    }
}
