use std::path::PathBuf;

use super::SelfManagedError;
use crate::model::version::ReleaseError;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the settings file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a key that is no setting.
    #[error(
        "the settings file {path}: {message}; its keys are the names of flags, as in kserve-namespace = \"kserve\""
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A release that is none.
    #[error("{setting}: {source}")]
    Release {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        source: ReleaseError,
    },
    /// A namespace that is no name.
    #[error("{setting}: {value:?} is no namespace: lower-case letters, digits and dashes, at most 63 of them")]
    Namespace {
        /// The setting.
        setting: &'static str,
        /// What was given.
        value: String,
    },
    /// A length of time that is none.
    #[error("{setting}: {value:?} is no length of time: write it as 1h, 90m or 1h30m, in whole seconds")]
    Duration {
        /// The setting.
        setting: &'static str,
        /// What was given.
        value: String,
    },
    /// Names to hold client certificates against, where none are verified.
    #[error("client-names: nobody is asked for a certificate, so nobody is held to a name: set client-ca as well")]
    ClientNames,
    /// A certificate of our own that cannot be kept.
    #[error(transparent)]
    SelfManaged(#[from] SelfManagedError),
}
