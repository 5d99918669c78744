//! `[notify]` in `sweep.toml`, as it stands there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyFile {
    pub page: Option<String>,
    pub to: ToFile,
    pub on: OnFile,
    pub allow: Vec<String>,
    pub disk_low: Option<String>,
    pub heartbeat: Option<HeartbeatFile>,
    pub smtp: Option<SmtpFile>,
    pub sms: Option<SmsFile>,
    pub hooks: BTreeMap<String, HookFile>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToFile {
    pub email: Vec<String>,
    pub sms: Vec<String>,
    pub webhook: Vec<String>,
}

/// Words of occasions.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnFile {
    pub email: Option<Vec<String>>,
    pub sms: Option<Vec<String>>,
    pub webhook: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatFile {
    pub url: String,
    /// A duration.
    pub every: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpFile {
    pub host: String,
    pub port: Option<u16>,
    /// `starttls`, `tls`, `off`.
    pub security: Option<String>,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub from: String,
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsFile {
    pub url: String,
    pub account: String,
    pub token_file: PathBuf,
    pub from: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookFile {
    pub url: Option<String>,
    pub url_file: Option<PathBuf>,
    /// `json`, `slack`, `discord`, `ntfy`.
    pub shape: Option<String>,
    pub secret_file: Option<PathBuf>,
}
