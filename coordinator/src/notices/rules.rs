//! Who is told of what: a pure decision over what the audit log gains.

use std::collections::BTreeSet;
use std::time::Duration;

use sweep_shared::notices::{Notify, Occasion};

use super::channels::Address;

/// What the settings say of it. The default tells nobody, unless a plan names somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// They are told where a plan names nobody, and of all that concerns no sweep.
    pub email: Vec<String>,
    pub sms: Vec<String>,
    pub webhook: Vec<String>,
    pub on: On,
    /// Patterns of addresses that plans may name, `*` standing for anything; empty: all.
    pub allow: Vec<String>,
}

/// The occasions for each channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct On {
    pub email: BTreeSet<Occasion>,
    pub sms: BTreeSet<Occasion>,
    pub webhook: BTreeSet<Occasion>,
}

/// What somebody at a desk wants to know.
const USUAL: [Occasion; 10] = [
    Occasion::Finished,
    Occasion::Failed,
    Occasion::Paused,
    Occasion::JobFailed,
    Occasion::AgentLost,
    Occasion::AgentJoined,
    Occasion::DeviceFailed,
    Occasion::DiskLow,
    Occasion::SignIn,
    Occasion::Restarted,
];

/// What is worth the noise of a telephone.
const URGENT: [Occasion; 5] =
    [Occasion::Finished, Occasion::Failed, Occasion::Paused, Occasion::AgentLost, Occasion::DiskLow];

impl Default for On {
    fn default() -> Self {
        Self { email: USUAL.into(), sms: URGENT.into(), webhook: USUAL.into() }
    }
}

impl Default for Rules {
    fn default() -> Self {
        let nobody = Vec::new;
        Self { email: nobody(), sms: nobody(), webhook: nobody(), on: On::default(), allow: Vec::new() }
    }
}

/// A row that the audit log gains, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    pub what: &'a str,
    pub of_sweep: bool,
    pub of_job: bool,
}

impl Happened<'_> {
    /// Whether that is an occasion to tell anybody, whoever it may be.
    pub fn occasion(self) -> Option<Occasion> {
        Some(match (self.what, self.of_sweep, self.of_job) {
            ("finished", true, false) => Occasion::Finished,
            ("finished_with_failures", true, false) => Occasion::Failed,
            ("cancelled", true, false) => Occasion::Cancelled,
            // By its budget. What a user does is called `pause`.
            ("paused", true, false) => Occasion::Paused,
            // An attempt's failure is called `attempt_failed`, and another may follow.
            ("failed", true, true) => Occasion::JobFailed,
            ("agent_lost", false, false) => Occasion::AgentLost,
            ("agent_enrolled", false, false) => Occasion::AgentJoined,
            ("device_excluded", false, false) => Occasion::DeviceFailed,
            ("disk_low", false, false) => Occasion::DiskLow,
            ("signed_in_new_place", false, false) => Occasion::SignIn,
            ("back_after_crash", false, false) => Occasion::Restarted,
            _ => return None,
        })
    }
}

/// What is to be told, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub occasion: Occasion,
    /// Each once, in order.
    pub to: Vec<Address>,
    /// For so long more of the same is waited for, to be told together.
    pub gather: Duration,
    /// What waits of this sweep for the same addresses is told within this.
    pub closes: bool,
}

/// `plan`: what the sweep's plan says, where it is of a sweep. `None`: nobody is told.
pub fn decide(happened: Happened<'_>, rules: &Rules, plan: Option<&Notify>) -> Option<Decision> {
    let occasion = happened.occasion()?;
    let to = rules.recipients(occasion, plan);
    let closes = matches!(occasion, Occasion::Finished | Occasion::Failed | Occasion::Cancelled);
    (!to.is_empty()).then(|| Decision { occasion, to, gather: gather(occasion), closes })
}

/// Jobs fail together, agents are lost together.
fn gather(occasion: Occasion) -> Duration {
    match occasion {
        Occasion::JobFailed => Duration::from_mins(2),
        Occasion::AgentLost | Occasion::AgentJoined | Occasion::DeviceFailed => Duration::from_mins(1),
        _ => Duration::ZERO,
    }
}

impl Rules {
    fn recipients(&self, occasion: Occasion, plan: Option<&Notify>) -> Vec<Address> {
        let wanted = plan.and_then(|plan| plan.on.as_ref());
        let wants = |of_channel: &BTreeSet<Occasion>| match wanted {
            Some(on) => on.contains(&occasion),
            None => of_channel.contains(&occasion),
        };
        let named = plan.filter(|plan| !plan.names_nobody());
        let (email, sms, webhook) = match named {
            Some(plan) => (&plan.email, &plan.sms, &plan.webhook),
            None => (&self.email, &self.sms, &self.webhook),
        };
        let mut all = BTreeSet::new();
        if wants(&self.on.email) {
            all.extend(email.iter().cloned().map(Address::Email));
        }
        if wants(&self.on.sms) {
            all.extend(sms.iter().cloned().map(Address::Sms));
        }
        if wants(&self.on.webhook) {
            all.extend(webhook.iter().cloned().map(Address::Hook));
        }
        all.into_iter().collect()
    }

    /// All whom the settings name, each once.
    pub fn everybody(&self) -> Vec<Address> {
        let email = self.email.iter().cloned().map(Address::Email);
        let sms = self.sms.iter().cloned().map(Address::Sms);
        let webhook = self.webhook.iter().cloned().map(Address::Hook);
        email.chain(sms).chain(webhook).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The first address of a plan that it may not name, where only some are allowed.
    pub fn forbidden<'a>(&self, plan: &'a Notify) -> Option<&'a str> {
        if self.allow.is_empty() {
            return None;
        }
        let own = |list: &[String], address: &str| list.iter().any(|own| own == address);
        let mut outside = plan.email.iter().filter(|to| !own(&self.email, to) && !self.allows(to));
        let mut phones = plan.sms.iter().filter(|to| !own(&self.sms, to) && !self.allows(to));
        outside.next().or_else(|| phones.next()).map(String::as_str)
    }

    fn allows(&self, address: &str) -> bool {
        self.allow.iter().any(|pattern| matches(&pattern.to_lowercase(), &address.to_lowercase()))
    }
}

/// `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some((last, middle)) = parts.collect::<Vec<_>>().split_last().map(|(last, m)| (*last, m.to_vec())) else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
