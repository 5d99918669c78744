//! Who is told of what, and by which servers. Secrets are named by their files, and read when they are needed.

use std::path::PathBuf;
use std::time::Duration;

/// What `[notify]` in `sweep.toml` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// How people reach the page, for links: `https://desk:7433`. `None`: as the coordinator thinks that it is called.
    pub page: Option<String>,
    pub smtp: Option<Smtp>,
    pub sms: Option<Sms>,
    pub hooks: Vec<Hook>,
    /// Asked with GET at this interval for as long as the coordinator is well.
    pub heartbeat: Option<Heartbeat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    pub url: String,
    pub every: Duration,
}

/// A mail server that takes our mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// With a password, or neither.
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    /// `sweep <sweep@example.org>`
    pub from: String,
    /// PEM, besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// From the first byte on (port 465).
    Tls,
    /// Plain at first, and refused unless the server then goes over to TLS (port 587).
    #[default]
    StartTls,
    /// To a server on this machine only.
    Off,
}

/// Twilio's way of sending a text message, which others speak too: `POST` of a form with `From`, `To`, `Body`, and HTTP Basic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sms {
    /// `https://api.twilio.com/2010-04-01/Accounts/AC…/Messages.json`
    pub url: String,
    pub account: String,
    pub token_file: PathBuf,
    pub from: String,
}

/// A web hook; plans and settings call it by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub name: String,
    pub url: String,
    pub shape: Shape,
    /// What signs (json) or authorizes (ntfy) it.
    pub secret_file: Option<PathBuf>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Ours: all of the message, signed with HMAC-SHA256.
    #[default]
    Json,
    Slack,
    Discord,
    Ntfy,
}
