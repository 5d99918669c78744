//! What people can be told of, and how a plan says who is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Something that happened and that somebody may want to know, by the word that plans and settings have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A sweep ended, and all its jobs succeeded (or were stopped early).
    Finished,
    /// A sweep ended with failed jobs.
    Failed,
    Cancelled,
    /// A sweep is paused because its budget is spent.
    Paused,
    /// A job failed for good, and its sweep goes on.
    JobFailed,
    /// An agent left without a word, and stayed away.
    AgentLost,
    /// An agent that was never here before.
    AgentJoined,
    /// A GPU is out of use for a fault.
    DeviceFailed,
    DiskLow,
    /// Somebody signed in to the page from a network they never did before.
    SignIn,
    /// The coordinator is back, and had not been stopped.
    Restarted,
}

impl Occasion {
    pub const ALL: [Self; 11] = [
        Self::Finished,
        Self::Failed,
        Self::Cancelled,
        Self::Paused,
        Self::JobFailed,
        Self::AgentLost,
        Self::AgentJoined,
        Self::DeviceFailed,
        Self::DiskLow,
        Self::SignIn,
        Self::Restarted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Paused => "paused",
            Self::JobFailed => "job_failed",
            Self::AgentLost => "agent_lost",
            Self::AgentJoined => "agent_joined",
            Self::DeviceFailed => "device_failed",
            Self::DiskLow => "disk_low",
            Self::SignIn => "sign_in",
            Self::Restarted => "restarted",
        }
    }

    /// Whether it happens to a sweep, so that a plan may ask for it.
    pub fn is_of_sweep(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled | Self::Paused | Self::JobFailed)
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Occasion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|occasion| occasion.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is nothing that people are told of"))
    }
}

/// A plan's `notify`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notify {
    pub email: Vec<String>,
    /// Phone numbers, `+` and digits; or addresses of gateways that make text messages of mail.
    pub sms: Vec<String>,
    /// Names of hooks that the coordinator's settings describe.
    pub webhook: Vec<String>,
    /// `None`: what the coordinator's settings say.
    pub on: Option<Vec<Occasion>>,
}

impl Notify {
    /// Whether it names anybody.
    pub fn names_nobody(&self) -> bool {
        self.email.is_empty() && self.sms.is_empty() && self.webhook.is_empty()
    }
}

/// The longest address that mail servers take.
const MOST_ADDRESS: usize = 254;

/// Why that is no address that mail can be sent to; a name beside it is not taken.
pub fn wrong_email(text: &str) -> Option<&'static str> {
    let Some((local, domain)) = text.rsplit_once('@') else { return Some("it has no @") };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
    if local.is_empty() || domain.is_empty() {
        return Some("something is missing beside the @");
    }
    if text.len() > MOST_ADDRESS {
        return Some("it is too long");
    }
    if text.chars().any(odd) || local.contains('@') {
        return Some("only the address itself may stand here, like me@example.org");
    }
    let bad_dots = |part: &str| part.starts_with('.') || part.ends_with('.') || part.contains("..");
    (bad_dots(local) || bad_dots(domain)).then_some("a part between its dots is empty")
}

/// The phone number without spaces and dashes: `+15550100`; or the address of a gateway that makes a text message of mail:
/// `15550100@txt.example.org`. An error says what is wrong.
pub fn phone(text: &str) -> Result<String, &'static str> {
    if text.contains('@') {
        return wrong_email(text).map_or_else(|| Ok(text.to_owned()), Err);
    }
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/')).collect();
    let Some(digits) = plain.strip_prefix('+') else {
        return Err("it must begin with + and the country's code, like +15550100");
    };
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return Err("it must have digits only behind the +");
    }
    // E.164 has 15 at most; shorter than five is no number that somebody has.
    if !(5..=15).contains(&digits.len()) || digits.starts_with('0') {
        return Err("it has from 5 to 15 digits, and does not begin with 0 behind the +");
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occasion_is_known_by_its_word_and_as_json() {
        for occasion in Occasion::ALL {
            assert_eq!(occasion.as_str().parse(), Ok(occasion));
            assert_eq!(serde_json::to_string(&occasion).unwrap(), format!("\"{occasion}\""));
        }
        assert!("finish".parse::<Occasion>().is_err());
    }

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for right in ["me@example.org", "a.b+c@x.example", "jörg@bücher.example", "15550100@txt.example"] {
            assert_eq!(wrong_email(right), None, "{right}");
        }
        for wrong in
            ["me", "@x", "me@", "Me <me@example.org>", "a@b@c", "a b@c", "a@b\r\nBcc: c@d", "a..b@c", "a@.b", "a,b@c"]
        {
            assert!(wrong_email(wrong).is_some(), "{wrong}");
        }
        assert!(wrong_email(&format!("{}@example.org", "x".repeat(250))).is_some());
    }

    #[test]
    fn phone_numbers_are_made_plain() {
        assert_eq!(phone("+1 555-0100").as_deref(), Ok("+15550100"));
        for wrong in ["5550100", "+", "+123", "+1555O100", "+0155501000", "+1234567890123456"] {
            assert!(phone(wrong).is_err(), "{wrong}");
        }
        assert_eq!(phone("15550100@txt.example.org").as_deref(), Ok("15550100@txt.example.org"));
        assert!(phone("15550100@").is_err());
    }
}
