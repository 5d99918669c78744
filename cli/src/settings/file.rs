//! `sweep.toml`.

use std::path::PathBuf;

use serde::Deserialize;

use super::notify::file::NotifyFile;

/// What the file may say. An unknown name is an error, so that a misspelt one is not silently without effect.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsFile {
    pub coordinator: Option<String>,
    pub token_file: Option<PathBuf>,
    pub listen: Option<String>,
    /// `auto`, `on`, `off`.
    pub tls: Option<String>,
    pub names: Option<Vec<String>>,
    pub join_token_file: Option<PathBuf>,
    /// Durations, like `30s`.
    pub lease: Option<String>,
    pub reconnect_grace: Option<String>,
    pub grace: Option<String>,
    pub patience: Option<String>,
    pub secrets: Option<PathBuf>,
    pub slots: Option<u32>,
    /// `["room=b12"]`.
    pub labels: Option<Vec<String>>,
    /// A duration, or `never`.
    pub leave_when_idle: Option<String>,
    pub scratch: Option<PathBuf>,
    pub datasets: Option<PathBuf>,
    pub weights_url: Option<String>,
    pub runner: Option<PathBuf>,
    /// `home`, or the URL of a bucket.
    pub artifacts: Option<String>,
    pub artifacts_endpoint: Option<String>,
    pub artifacts_region: Option<String>,
    pub artifacts_http: Option<bool>,
    /// An amount, like `10 GiB`.
    pub artifacts_cache: Option<String>,
    #[serde(default)]
    pub retention: RetentionFile,
    #[serde(default)]
    pub page: PageFile,
    #[serde(default)]
    pub notify: NotifyFile,
}

/// Of the page for browsers: durations.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageFile {
    pub idle: Option<String>,
    pub absolute: Option<String>,
}

/// How long after their jobs' end things stay: durations, like `7d`, or `never`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionFile {
    pub checkpoints: Option<String>,
    pub logs: Option<String>,
    pub points: Option<String>,
}

impl SettingsFile {
    /// Errors name line, column and the offending text.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
