//! Who is told of what, and by which servers: `[notify]` in `sweep.toml`.
//!
//! [`read`] checks what the file says, so that a mistake is told before anything starts and not in the night in which somebody
//! should have been told; errors name the setting. Secrets stay in their files: nothing here reads one, but for hooks' addresses
//! that are secrets themselves, when a coordinator starts ([`Notify::setup`]).

mod check;
pub mod file;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sweep_coordinator::notices::{self, Heartbeat, Hook, On, Rules, Setup, Shape, Sms, Smtp};
use sweep_shared::notices::Occasion;
use sweep_shared::size;
use sweep_shared::span::Span;

use super::Origin;
use crate::exit::{Failure, Outcome};
use check::{email, number, occasions, phone, security, shape, url, wrong};
use file::{HookFile, NotifyFile, OnFile, SmtpFile};

/// What the file says, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Notify {
    pub settings: notices::Settings,
    pub rules: Rules,
    pub disk_low_bytes: u64,
    /// Names of hooks, and the files with their addresses.
    url_files: Vec<(String, PathBuf)>,
    file: Origin,
}

/// How often a heartbeat goes out, if nothing else is said; and at least and at most.
const BEATS: Duration = Duration::from_mins(5);
const BEATS_BOUNDS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_hours(24));

pub fn read(file: NotifyFile, path: &Path) -> Outcome<Notify> {
    let beside = |file: PathBuf| path.parent().unwrap_or(Path::new("")).join(file);
    let mut url_files = Vec::new();
    let mut hooks = Vec::new();
    for (name, of) in file.hooks {
        if let Some(file) = &of.url_file {
            url_files.push((name.clone(), beside(file.clone())));
        }
        hooks.push(hook(name, of, beside)?);
    }
    let named: Vec<&str> = hooks.iter().map(|hook: &Hook| hook.name.as_str()).collect();
    for to in &file.to.webhook {
        if !named.contains(&to.as_str()) {
            return Err(wrong("notify.to.webhook", &format!("there is no [notify.hooks.{to}]")));
        }
    }
    let rules = Rules {
        email: file.to.email.iter().map(|to| email("notify.to.email", to)).collect::<Outcome<_>>()?,
        sms: file.to.sms.iter().map(|to| phone("notify.to.sms", to)).collect::<Outcome<_>>()?,
        webhook: file.to.webhook,
        on: on(&file.on)?,
        allow: file.allow,
    };
    let settings = notices::Settings {
        page: file.page.map(|page| url("notify.page", &page)).transpose()?,
        smtp: file.smtp.map(|smtp| mail(smtp, beside)).transpose()?,
        sms: match file.sms {
            Some(sms) => Some(Sms {
                url: url("notify.sms.url", &sms.url)?,
                account: sms.account,
                token_file: beside(sms.token_file),
                from: sms.from,
            }),
            None => None,
        },
        hooks,
        heartbeat: file.heartbeat.map(heartbeat).transpose()?,
    };
    needed("notify.to.email", !rules.email.is_empty() && settings.smtp.is_none(), "[notify.smtp]")?;
    let gateways = rules.sms.iter().any(|to| to.contains('@'));
    let phones = rules.sms.iter().any(|to| !to.contains('@'));
    needed("notify.to.sms", phones && settings.sms.is_none(), "[notify.sms]")?;
    needed("notify.to.sms", gateways && settings.smtp.is_none(), "[notify.smtp], which the gateway is reached by")?;
    let disk_low_bytes = match &file.disk_low {
        Some(text) => size::parse(text).map_err(|why| wrong("notify.disk_low", &format!("{text:?}: {why}")))?,
        None => notices::DISK_LOW,
    };
    Ok(Notify { settings, rules, disk_low_bytes, url_files, file: Origin::File(path.to_owned()) })
}

/// Whoever is to be told must be reached by something.
fn needed(setting: &str, missing: bool, what: &str) -> Outcome<()> {
    if missing { Err(wrong(setting, &format!("names somebody, but there is no {what}"))) } else { Ok(()) }
}

fn on(file: &OnFile) -> Outcome<On> {
    let usual = On::default();
    let of = |setting, words: &Option<Vec<String>>, usual: BTreeSet<Occasion>| match words {
        Some(words) => occasions(setting, words),
        None => Ok(usual),
    };
    Ok(On {
        email: of("notify.on.email", &file.email, usual.email)?,
        sms: of("notify.on.sms", &file.sms, usual.sms)?,
        webhook: of("notify.on.webhook", &file.webhook, usual.webhook)?,
    })
}

fn mail(file: SmtpFile, beside: impl Fn(PathBuf) -> PathBuf) -> Outcome<Smtp> {
    let security = security(file.security.as_deref().unwrap_or("starttls"))?;
    if file.user.is_some() != file.password_file.is_some() {
        return Err(wrong("notify.smtp", "`user` and `password_file` go together"));
    }
    let port = file.port.unwrap_or(match security {
        notices::Security::Tls => 465,
        notices::Security::StartTls => 587,
        notices::Security::Off => 25,
    });
    number("notify.smtp.port", port)?;
    Ok(Smtp {
        host: file.host,
        port,
        security,
        user: file.user,
        password_file: file.password_file.map(&beside),
        from: check::sender("notify.smtp.from", &file.from)?,
        ca_file: file.ca_file.map(&beside),
    })
}

fn hook(name: String, file: HookFile, beside: impl Fn(PathBuf) -> PathBuf) -> Outcome<Hook> {
    let setting = format!("notify.hooks.{name}");
    let address = match (&file.url, &file.url_file) {
        (Some(address), None) => url(&format!("{setting}.url"), address)?,
        // Read when a coordinator starts.
        (None, Some(_)) => String::new(),
        _ => return Err(wrong(&setting, "one of `url` and `url_file` says where it is")),
    };
    let shape = shape(&setting, file.shape.as_deref().unwrap_or("json"))?;
    if file.secret_file.is_some() && matches!(shape, Shape::Slack | Shape::Discord) {
        return Err(wrong(
            &setting,
            "a hook of this shape has no `secret_file`: its address is the secret (`url_file`)",
        ));
    }
    Ok(Hook { name, url: address, shape, secret_file: file.secret_file.map(beside) })
}

fn heartbeat(file: file::HeartbeatFile) -> Outcome<Heartbeat> {
    let url = url("notify.heartbeat.url", &file.url)?;
    let every = match &file.every {
        Some(text) => {
            text.parse::<Span>()
                .map_err(|_| wrong("notify.heartbeat.every", &format!("{text:?} is not a duration like 5m")))?
                .0
        }
        None => BEATS,
    };
    if every < BEATS_BOUNDS.0 || every > BEATS_BOUNDS.1 {
        return Err(wrong("notify.heartbeat.every", "it is from 10s to 24h"));
    }
    Ok(Heartbeat { url, every })
}

impl Notify {
    /// For a coordinator that delivers. `stands`: it stays until it is told to stop.
    pub fn setup(&self, stands: bool) -> Outcome<Setup> {
        let mut settings = self.settings.clone();
        for (name, path) in &self.url_files {
            let setting = format!("notify.hooks.{name}.url_file");
            let text = std::fs::read_to_string(path)
                .map_err(|error| wrong(&setting, &format!("{} cannot be read: {error}", path.display())))?;
            let address = url(&setting, text.trim())?;
            settings.hooks.iter_mut().filter(|hook| hook.name == *name).for_each(|hook| hook.url.clone_from(&address));
        }
        Ok(Setup {
            settings,
            rules: self.rules.clone(),
            delivers: true,
            stands,
            disk_low_bytes: self.disk_low_bytes,
            ..Setup::default()
        })
    }

    /// Name, value and origin of each, for `sweep config show`. No secret is among them: of addresses that may be one, only
    /// the host is shown.
    pub fn rows(&self) -> Vec<(&'static str, Option<String>, &Origin)> {
        let (settings, rules) = (&self.settings, &self.rules);
        let (smtp, sms, beat) = (settings.smtp.as_ref(), settings.sms.as_ref(), settings.heartbeat.as_ref());
        let path = |path: &PathBuf| path.display().to_string();
        let list = |all: &[String]| (!all.is_empty()).then(|| all.join(", "));
        let usual = On::default();
        let on = |set: &BTreeSet<Occasion>, usual: &BTreeSet<Occasion>| {
            (set != usual).then(|| set.iter().map(|occasion| occasion.as_str()).collect::<Vec<_>>().join(", "))
        };
        let hooks: Vec<String> = settings
            .hooks
            .iter()
            .map(|hook| match self.url_files.iter().find(|(name, _)| *name == hook.name) {
                Some((_, file)) => format!("{} ({}, in {})", hook.name, check::shape_word(hook.shape), file.display()),
                None => format!("{} ({}, {})", hook.name, check::shape_word(hook.shape), check::host(&hook.url)),
            })
            .collect();
        let low = (self.disk_low_bytes != notices::DISK_LOW).then(|| format!("{} bytes", self.disk_low_bytes));
        let values = [
            ("notify.page", settings.page.clone()),
            ("notify.to.email", list(&rules.email)),
            ("notify.to.sms", list(&rules.sms)),
            ("notify.to.webhook", list(&rules.webhook)),
            ("notify.on.email", on(&rules.on.email, &usual.email)),
            ("notify.on.sms", on(&rules.on.sms, &usual.sms)),
            ("notify.on.webhook", on(&rules.on.webhook, &usual.webhook)),
            ("notify.allow", list(&rules.allow)),
            ("notify.disk_low", low),
            ("notify.heartbeat.url", beat.map(|beat| check::host(&beat.url))),
            ("notify.heartbeat.every", beat.map(|beat| Span(beat.every).to_string())),
            ("notify.smtp.host", smtp.map(|smtp| smtp.host.clone())),
            ("notify.smtp.port", smtp.map(|smtp| smtp.port.to_string())),
            ("notify.smtp.security", smtp.map(|smtp| check::security_word(smtp.security).to_owned())),
            ("notify.smtp.user", smtp.and_then(|smtp| smtp.user.clone())),
            ("notify.smtp.password_file", smtp.and_then(|smtp| smtp.password_file.as_ref().map(path))),
            ("notify.smtp.from", smtp.map(|smtp| smtp.from.clone())),
            ("notify.smtp.ca_file", smtp.and_then(|smtp| smtp.ca_file.as_ref().map(path))),
            ("notify.sms.url", sms.map(|sms| sms.url.clone())),
            ("notify.sms.account", sms.map(|sms| sms.account.clone())),
            ("notify.sms.token_file", sms.map(|sms| path(&sms.token_file))),
            ("notify.sms.from", sms.map(|sms| sms.from.clone())),
            ("notify.hooks", list(&hooks)),
        ];
        let origin = |value: &Option<String>| if value.is_some() { &self.file } else { &Origin::Default };
        values
            .into_iter()
            .map(|(name, value)| {
                let from = origin(&value);
                (name, value, from)
            })
            .collect()
    }
}
