use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{SettingsError, namespace, span};
use crate::audit::access::NAME;
use crate::exception::Span;

/// How often the cluster is walked where nothing changes: pods come and go without anybody telling.
const INTERVAL: Span = Span(60);

/// The settings of the audit, as given.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AuditOptions {
    /// Walk the live cluster in the background, by one elected replica, and tell by Events, a report, metrics and a page at
    /// /audit on the health address.
    #[arg(long, env = "PLUMBLINE_AUDIT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub audit: Option<bool>,
    /// How often at least [default: 1m].
    #[arg(long, env = "PLUMBLINE_AUDIT_INTERVAL", value_name = "DURATION")]
    pub audit_interval: Option<String>,
    /// The namespace of the Lease that elects the replica [default: the pod's own, else plumbline].
    #[arg(long, env = "PLUMBLINE_AUDIT_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub audit_lease_namespace: Option<String>,
    /// The name of the Lease, and of the report [default: plumbline-audit].
    #[arg(long, env = "PLUMBLINE_AUDIT_LEASE_NAME", value_name = "NAME")]
    pub audit_lease_name: Option<String>,
}

/// The settings of the audit in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Whether to audit.
    pub is_on: bool,
    /// How often at least.
    pub interval: Duration,
    /// The namespace of the Lease, where one is given.
    pub lease_namespace: Option<String>,
    /// The name of the Lease.
    pub lease_name: String,
}

impl AuditOptions {
    /// Every option with some value, for their names.
    pub(super) fn all_given() -> Self {
        let text = || Some(String::new());
        Self { audit: Some(true), audit_interval: text(), audit_lease_namespace: text(), audit_lease_name: text() }
    }

    pub(super) fn over(self, file: Self) -> Self {
        Self {
            audit: self.audit.or(file.audit),
            audit_interval: self.audit_interval.or(file.audit_interval),
            audit_lease_namespace: self.audit_lease_namespace.or(file.audit_lease_namespace),
            audit_lease_name: self.audit_lease_name.or(file.audit_lease_name),
        }
    }

    pub(super) fn resolve(self) -> Result<AuditSettings, SettingsError> {
        let Self { audit, audit_interval, audit_lease_namespace, audit_lease_name } = self;
        let given = audit_interval.clone().unwrap_or_default();
        let interval = span("audit-interval", audit_interval, INTERVAL)?;
        if interval.0 < 1 {
            return Err(SettingsError::Duration { setting: "audit-interval", value: given });
        }
        let lease_namespace = audit_lease_namespace.filter(|name| !name.is_empty());
        let lease_namespace = lease_namespace.map(|name| namespace("audit-lease-namespace", Some(name), ""));
        let lease_name = audit_lease_name.filter(|name| !name.is_empty());
        Ok(AuditSettings {
            is_on: audit.unwrap_or_default(),
            interval: Duration::from_secs(interval.0.unsigned_abs()),
            lease_namespace: lease_namespace.transpose()?.map(|name| name.to_string()),
            lease_name: namespace("audit-lease-name", lease_name, NAME)?.to_string(),
        })
    }
}

impl AuditSettings {
    pub(super) fn to_options(&self) -> AuditOptions {
        AuditOptions {
            audit: Some(self.is_on),
            audit_interval: Some(Span(i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX)).to_string()),
            audit_lease_namespace: self.lease_namespace.clone(),
            audit_lease_name: Some(self.lease_name.clone()),
        }
    }
}
