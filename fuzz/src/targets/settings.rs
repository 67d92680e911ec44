//! The settings file.

use std::path::Path;

use plumbline::settings::{JudgeOptions, ServeOptions, Settings, SettingsError};

use super::text;

thread_local! {
    static FILE: tempfile::NamedTempFile = tempfile::NamedTempFile::new().expect("a file");
}

/// Any bytes as a settings file.
pub(super) fn settings(bytes: &[u8]) {
    FILE.with(|file| resolved(file.path(), bytes));
}

fn resolved(path: &Path, bytes: &[u8]) {
    match resolve(path, bytes) {
        Err(error) => text::shown("an error", &error.to_string()),
        Ok(settings) => {
            let written = settings.to_toml();
            let again = resolve(path, written.as_bytes()).unwrap_or_else(|error| panic!("{error}: {written}"));
            assert_eq!(again, Settings { cluster_domain_given: true, ..settings }, "{written}");
            assert_eq!(again.to_toml(), written);
        }
    }
}

fn resolve(path: &Path, bytes: &[u8]) -> Result<Settings, SettingsError> {
    std::fs::write(path, bytes).expect("writable");
    Settings::resolve(JudgeOptions::default(), ServeOptions::default(), Some(path))
}
