//! What a coordinator is told about notices at its start.

use std::sync::Arc;

use sweep_shared::notices::Notify;
use sweep_shared::plan::nearest;

use super::channels::Outlets;
use super::courier::Courier;
use super::pace::Retries;
use super::{Rules, Settings};

/// [`Setup::default`] tells nobody by itself, and delivers nothing.
#[derive(Clone)]
pub struct Setup {
    pub settings: Settings,
    pub rules: Rules,
    /// Copies go out from this very process. Otherwise they wait for one from which they do.
    pub delivers: bool,
    /// It stays until it is told to stop: what becomes of the coordinator itself is watched and told, too.
    pub stands: bool,
    /// Less room than this on the disk of the home is told.
    pub disk_low_bytes: u64,
    pub retries: Retries,
    /// Instead of what `settings` describes.
    pub courier: Option<Arc<dyn Courier>>,
}

/// What calls need to know of notices.
#[derive(Clone)]
pub struct Desk {
    /// The way out; `None`: nothing goes out from here.
    pub courier: Option<Arc<dyn Courier>>,
    pub settings: Settings,
    pub rules: Rules,
    /// How people reach the page; where the settings do not say it, whoever starts the coordinator must.
    pub page: String,
}

impl Setup {
    pub fn desk(&self) -> Desk {
        let own = || -> Arc<dyn Courier> { Arc::new(Outlets::new(self.settings.clone())) };
        Desk {
            courier: self.delivers.then(|| self.courier.clone().unwrap_or_else(own)),
            settings: self.settings.clone(),
            rules: self.rules.clone(),
            page: self.settings.page.clone().unwrap_or_default(),
        }
    }
}

impl Desk {
    /// What whoever submits this plan should know: somebody in it cannot be reached from here.
    pub fn doubts(&self, plan: &Notify) -> Option<String> {
        let mut missing = Vec::new();
        if !plan.email.is_empty() && self.settings.smtp.is_none() {
            missing.push("has no mail server, `[notify.smtp]`".to_owned());
        }
        if plan.sms.iter().any(|to| !to.contains('@')) && self.settings.sms.is_none() {
            missing.push("has no service for text messages, `[notify.sms]`".to_owned());
        }
        let known = |name: &&String| self.settings.hooks.iter().any(|hook| hook.name == **name);
        for name in plan.webhook.iter().filter(|name| !known(name)) {
            let near = nearest(name, self.settings.hooks.iter().map(|hook| hook.name.as_str()));
            let near = near.map_or_else(String::new, |near| format!(" (there is `{near}`)"));
            missing.push(format!("knows no web hook `{name}`{near}, `[notify.hooks.{name}]`"));
        }
        if plan.names_nobody() && plan.on.is_some() && self.rules.everybody().is_empty() {
            missing.push("has nobody to tell either, `[notify.to]`".to_owned());
        }
        let missing = missing.join(", and ");
        (!missing.is_empty()).then(|| {
            format!("`notify`: nobody will be told by it as things are: this coordinator {missing} in its sweep.toml")
        })
    }
}

/// Enough for a night's checkpoints.
pub const DISK_LOW: u64 = 5 << 30;

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            rules: Rules::default(),
            delivers: false,
            stands: false,
            disk_low_bytes: DISK_LOW,
            retries: Retries::default(),
            courier: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Hook, Shape};
    use super::*;

    #[test]
    fn a_plan_is_told_whom_this_coordinator_cannot_reach() {
        let hook = Hook { name: "lab".to_owned(), url: "https://h".to_owned(), shape: Shape::Json, secret_file: None };
        let settings = Settings { hooks: vec![hook], page: Some("https://page".to_owned()), ..Settings::default() };
        let desk = Setup { settings, ..Setup::default() }.desk();
        assert_eq!((desk.page.as_str(), desk.courier.is_none()), ("https://page", true));
        let doubts = |plan: Notify| desk.doubts(&plan).unwrap_or_default();
        let of = |email: &[&str], sms: &[&str], webhook: &[&str]| {
            let all = |list: &[&str]| list.iter().map(|to| (*to).to_owned()).collect();
            Notify { email: all(email), sms: all(sms), webhook: all(webhook), on: None }
        };
        assert_eq!((doubts(of(&[], &[], &["lab"])), doubts(Notify::default())), (String::new(), String::new()));
        assert!(doubts(of(&["a@x.example"], &[], &[])).contains("[notify.smtp]"));
        assert!(doubts(of(&[], &["+15550100"], &[])).contains("[notify.sms]"));
        assert!(doubts(of(&[], &[], &["labs"])).contains("`labs` (there is `lab`)"));
        assert!(doubts(Notify { on: Some(vec![]), ..Notify::default() }).contains("[notify.to]"));
    }
}
