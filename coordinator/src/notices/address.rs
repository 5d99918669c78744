//! Addresses as the database and people have them.

use std::fmt;

use super::channels::Address;

impl Address {
    /// `email`, `sms`, `webhook`.
    pub fn channel(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Sms(_) => "sms",
            Self::Hook(_) => "webhook",
        }
    }

    /// What it is called within its channel.
    pub fn name(&self) -> &str {
        match self {
            Self::Email(name) | Self::Sms(name) | Self::Hook(name) => name,
        }
    }

    /// The two put together again.
    pub fn new(channel: &str, name: impl Into<String>) -> Option<Self> {
        match channel {
            "email" => Some(Self::Email(name.into())),
            "sms" => Some(Self::Sms(name.into())),
            "webhook" => Some(Self::Hook(name.into())),
            _ => None,
        }
    }
}

/// `email me@example.org`
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.channel(), self.name())
    }
}
