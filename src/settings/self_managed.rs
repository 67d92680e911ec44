//! The settings of a certificate that plumbline keeps itself.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::model::names::is_dns_label;
use crate::rotation::Periods;

const DAY: u32 = 24 * 3600;
const DEFAULT: Periods = Periods { authority: 365 * DAY, leaf: 90 * DAY, settle: 60, retire: 3600 };
/// An authority has to settle in the last third of the life of the one before, with time to spare.
const SETTLE_SHARE: u32 = 6;

/// As given.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SelfManagedOptions {
    /// Make CA and certificate, keep them in this Secret for all replicas, and renew them in time.
    #[arg(long, env = "PLUMBLINE_TLS_SECRET", value_name = "NAMESPACE/NAME")]
    pub tls_secret: Option<String>,
    /// The Service, in the Secret's namespace, that the certificate of --tls-secret is for.
    #[arg(long, env = "PLUMBLINE_TLS_SERVICE", value_name = "NAME")]
    pub tls_service: Option<String>,
    /// The validating webhook configuration that is to trust the CA of --tls-secret: its caBundle is kept.
    #[arg(long, env = "PLUMBLINE_WEBHOOK_CONFIGURATION", value_name = "NAME")]
    pub webhook_configuration: Option<String>,
    /// How long a CA is valid; the next one is made after two thirds [default: a year].
    #[arg(long, env = "PLUMBLINE_TLS_CA_SECONDS", value_name = "SECONDS")]
    pub tls_ca_seconds: Option<u32>,
    /// How long a serving certificate is valid; it is renewed after two thirds [default: 90 days].
    #[arg(long, env = "PLUMBLINE_TLS_LEAF_SECONDS", value_name = "SECONDS")]
    pub tls_leaf_seconds: Option<u32>,
    /// How long the API servers are given to notice a new caBundle before its CA signs [default: 60].
    #[arg(long, env = "PLUMBLINE_TLS_SETTLE_SECONDS", value_name = "SECONDS")]
    pub tls_settle_seconds: Option<u32>,
    /// How long a CA stays trusted after another one has taken its place [default: 3600].
    #[arg(long, env = "PLUMBLINE_TLS_RETIRE_SECONDS", value_name = "SECONDS")]
    pub tls_retire_seconds: Option<u32>,
}

/// In force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfManagedSettings {
    /// The Secret's namespace, and the Service's.
    pub namespace: String,
    /// The Secret's name.
    pub secret: String,
    /// The Service's name.
    pub service: String,
    /// The webhook configuration's name.
    pub configuration: String,
    /// How long things take.
    pub periods: Periods,
}

/// Why a certificate cannot be kept with these settings.
#[derive(Debug, thiserror::Error)]
pub enum SelfManagedError {
    /// Something is missing.
    #[error("tls-secret needs {0} beside it")]
    Incomplete(&'static str),
    /// Something is given that counts only with a Secret.
    #[error("{0} is for a certificate that is kept in a Secret: give tls-secret, or leave it out")]
    Idle(&'static str),
    /// The Secret is not named.
    #[error("tls-secret: {0:?} names no Secret: write it as NAMESPACE/NAME")]
    Secret(String),
    /// The Service is not named.
    #[error("tls-service: {0:?} is no name of a Service")]
    Service(String),
    /// Files are given as well.
    #[error("tls-secret and tls-cert are two sources of one certificate: give one of them")]
    Both,
    /// Times that leave no time.
    #[error("{0}")]
    Periods(String),
}

impl SelfManagedSettings {
    /// Reads the options; none of them means that the certificate comes from elsewhere.
    pub(super) fn resolve(options: SelfManagedOptions, files: bool) -> Result<Option<Self>, SelfManagedError> {
        let SelfManagedOptions {
            tls_secret,
            tls_service,
            webhook_configuration,
            tls_ca_seconds,
            tls_leaf_seconds,
            tls_settle_seconds,
            tls_retire_seconds,
        } = options;
        let periods = Periods {
            authority: tls_ca_seconds.unwrap_or(DEFAULT.authority),
            leaf: tls_leaf_seconds.unwrap_or(DEFAULT.leaf),
            settle: tls_settle_seconds.unwrap_or(DEFAULT.settle),
            retire: tls_retire_seconds.unwrap_or(DEFAULT.retire),
        };
        let Some(secret) = tls_secret else {
            return match (tls_service, webhook_configuration, periods == DEFAULT) {
                (Some(_), _, _) => Err(SelfManagedError::Idle("tls-service")),
                (_, Some(_), _) => Err(SelfManagedError::Idle("webhook-configuration")),
                (_, _, false) => Err(SelfManagedError::Idle("a lifetime such as tls-ca-seconds")),
                (None, None, true) => Ok(None),
            };
        };
        if files {
            return Err(SelfManagedError::Both);
        }
        let service = tls_service.ok_or(SelfManagedError::Incomplete("tls-service"))?;
        let configuration = webhook_configuration.ok_or(SelfManagedError::Incomplete("webhook-configuration"))?;
        let named = secret.split_once('/').filter(|(namespace, name)| is_dns_label(namespace) && is_name(name));
        let Some((namespace, name)) = named else { return Err(SelfManagedError::Secret(secret)) };
        if !is_dns_label(&service) {
            return Err(SelfManagedError::Service(service));
        }
        check(&periods)?;
        Ok(Some(Self { namespace: namespace.to_owned(), secret: name.to_owned(), service, configuration, periods }))
    }

    /// The name by which API servers call the Service, and verify the certificate.
    #[must_use]
    pub fn server_name(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }
}

impl SelfManagedOptions {
    /// What gives the same settings.
    pub(super) fn of(settings: Option<&SelfManagedSettings>) -> Self {
        let Some(SelfManagedSettings { namespace, secret, service, configuration, periods }) = settings else {
            return Self::default();
        };
        Self {
            tls_secret: Some(format!("{namespace}/{secret}")),
            tls_service: Some(service.clone()),
            webhook_configuration: Some(configuration.clone()),
            tls_ca_seconds: Some(periods.authority),
            tls_leaf_seconds: Some(periods.leaf),
            tls_settle_seconds: Some(periods.settle),
            tls_retire_seconds: Some(periods.retire),
        }
    }

    pub(super) fn over(self, file: Self) -> Self {
        Self {
            tls_secret: self.tls_secret.or(file.tls_secret),
            tls_service: self.tls_service.or(file.tls_service),
            webhook_configuration: self.webhook_configuration.or(file.webhook_configuration),
            tls_ca_seconds: self.tls_ca_seconds.or(file.tls_ca_seconds),
            tls_leaf_seconds: self.tls_leaf_seconds.or(file.tls_leaf_seconds),
            tls_settle_seconds: self.tls_settle_seconds.or(file.tls_settle_seconds),
            tls_retire_seconds: self.tls_retire_seconds.or(file.tls_retire_seconds),
        }
    }

    /// Every option with some value, for their names.
    pub(super) fn all_given() -> Self {
        let (namespace, secret, service, configuration) = Default::default();
        Self::of(Some(&SelfManagedSettings { namespace, secret, service, configuration, periods: DEFAULT }))
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_label)
}

fn check(periods: &Periods) -> Result<(), SelfManagedError> {
    let Periods { authority, leaf, settle, retire } = *periods;
    let problem = if authority / SETTLE_SHARE < settle.max(1) {
        format!("tls-ca-seconds: {authority} is less than {SETTLE_SHARE} times tls-settle-seconds, {settle}")
    } else if !(3..=authority).contains(&leaf) {
        format!("tls-leaf-seconds: {leaf} is not between 3 and tls-ca-seconds, {authority}")
    } else if retire < settle {
        format!("tls-retire-seconds: {retire} is less than tls-settle-seconds, {settle}")
    } else {
        return Ok(());
    };
    Err(SelfManagedError::Periods(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> SelfManagedOptions {
        SelfManagedOptions {
            tls_secret: Some("plumbline/plumbline-self-managed".to_owned()),
            tls_service: Some("plumbline".to_owned()),
            webhook_configuration: Some("plumbline".to_owned()),
            ..SelfManagedOptions::default()
        }
    }

    fn refused(edit: impl FnOnce(&mut SelfManagedOptions)) -> String {
        let mut options = options();
        edit(&mut options);
        SelfManagedSettings::resolve(options, false).unwrap_err().to_string()
    }

    #[test]
    fn three_names_are_enough() {
        let settings = SelfManagedSettings::resolve(options(), false).unwrap().unwrap();
        assert_eq!(settings.server_name(), "plumbline.plumbline.svc");
        assert_eq!(settings.periods, DEFAULT);
        let again = SelfManagedSettings::resolve(SelfManagedOptions::of(Some(&settings)), false).unwrap();
        assert_eq!(again, Some(settings));
        assert_eq!(SelfManagedSettings::resolve(SelfManagedOptions::default(), true).unwrap(), None);
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_named() {
        for (error, says) in [
            (refused(|options| options.tls_service = None), "tls-secret needs tls-service beside it"),
            (refused(|options| options.webhook_configuration = None), "needs webhook-configuration"),
            (refused(|options| options.tls_secret = None), "tls-service is for a certificate that is kept in a Secret"),
            (refused(|options| options.tls_secret = Some("one".to_owned())), "write it as NAMESPACE/NAME"),
            (refused(|options| options.tls_secret = Some("a/B".to_owned())), "write it as NAMESPACE/NAME"),
            (refused(|options| options.tls_service = Some("a.b".to_owned())), "is no name of a Service"),
            (refused(|options| options.tls_ca_seconds = Some(359)), "tls-ca-seconds: 359 is less than 6 times"),
            (refused(|options| options.tls_leaf_seconds = Some(2)), "tls-leaf-seconds: 2 is not between 3 and"),
            (refused(|options| options.tls_leaf_seconds = Some(400 * DAY)), "is not between 3 and tls-ca-seconds"),
            (refused(|options| options.tls_retire_seconds = Some(59)), "is less than tls-settle-seconds, 60"),
        ] {
            assert!(error.contains(says), "{error}");
        }
        let both = SelfManagedSettings::resolve(options(), true).unwrap_err().to_string();
        assert!(both.starts_with("tls-secret and tls-cert"), "{both}");
    }
}
