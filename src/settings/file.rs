//! The settings file: TOML, the flags' names as keys.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{AuditOptions, JudgeOptions, SelfManagedOptions, ServeOptions, SettingsError};
use crate::quote;

/// Reads the settings file.
pub(super) fn read(path: &Path) -> Result<(JudgeOptions, ServeOptions), SettingsError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    let malformed = |error: toml::de::Error| SettingsError::Malformed {
        path: path.to_owned(),
        message: quote::printable(&error.to_string().trim().replace('\n', " ")),
    };
    let values: toml::Table = toml::from_str(&text).map_err(malformed)?;
    // Each part of the settings knows its own keys; together they know them all.
    let (audit, values) = parted(&AuditOptions::all_given(), values);
    let (self_managed, values) = parted(&SelfManagedOptions::all_given(), values);
    let (serve, judge) = parted(&ServeOptions::all_given(), values);
    let serve = ServeOptions {
        audit: audit.try_into().map_err(malformed)?,
        self_managed: self_managed.try_into().map_err(malformed)?,
        ..serve.try_into().map_err(malformed)?
    };
    Ok((judge.try_into().map_err(malformed)?, serve))
}

/// Parts the keys of some options, each given, from all others.
fn parted(options: &impl Serialize, values: toml::Table) -> (toml::Table, toml::Table) {
    let keys = toml::Table::try_from(options).unwrap_or_default();
    values.into_iter().partition(|(key, _)| keys.contains_key(key))
}

impl ServeOptions {
    /// Every option with some value, for their names.
    fn all_given() -> Self {
        Self {
            listen: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
            health_listen: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
            tls_cert: Some(PathBuf::new()),
            tls_key: Some(PathBuf::new()),
            self_managed: SelfManagedOptions::default(),
            client_ca: Some(PathBuf::new()),
            client_names: Some(Vec::new()),
            drain_seconds: Some(0),
            concurrency: Some(0),
            otlp_endpoint: Some(String::new()),
            audit: AuditOptions::default(),
        }
    }
}
