//! The real ways out.

use std::time::Duration;

use super::failure::{never, set_up};
use super::http::Http;
use super::{Address, Outlet, SendError, Sent, clean, hooks, http, mail, sms};
use crate::notices::{Message, Settings};

/// Sends by the servers of the settings.
#[derive(Debug, Clone)]
pub struct Outlets {
    settings: Settings,
    http: Http,
    mail_patience: Duration,
}

impl Outlets {
    pub fn new(settings: Settings) -> Self {
        Self { settings, http: Http::new(http::PATIENCE), mail_patience: mail::PATIENCE }
    }

    /// With servers that are waited for no longer than this.
    pub fn with_patience(settings: Settings, patience: Duration) -> Self {
        Self { settings, http: Http::new(patience), mail_patience: patience }
    }

    async fn deliver(&self, message: &Message, to: &Address) -> Result<Sent, SendError> {
        match to {
            Address::Email(to) => mail::send(self.smtp()?, message, to, self.mail_patience).await,
            // What looks like mail is a gateway's: `15550100@txt.example.org`.
            Address::Sms(to) if to.contains('@') => {
                mail::send_short(self.smtp()?, message, to, self.mail_patience).await
            }
            Address::Sms(to) => {
                let sms = self.settings.sms.as_ref();
                let sms = sms.ok_or_else(|| set_up("no SMS service is set up (notify.sms in sweep.toml)"))?;
                sms::send(&self.http, sms, message, to).await
            }
            Address::Hook(name) => {
                let hook = self.settings.hooks.iter().find(|hook| hook.name == *name);
                let hook =
                    hook.ok_or_else(|| never(format!("there is no hook named {name} (any more) in sweep.toml")))?;
                hooks::send(&self.http, hook, message).await
            }
        }
    }

    fn smtp(&self) -> Result<&crate::notices::Smtp, SendError> {
        self.settings.smtp.as_ref().ok_or_else(|| set_up("no mail server is set up (notify.smtp in sweep.toml)"))
    }
}

impl Outlet for Outlets {
    async fn send(&self, message: &Message, to: &Address) -> Result<Sent, SendError> {
        self.deliver(&clean::message(message), to).await
    }
}
