//! How long something stays, as users write it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sweep_shared::span::Span;

/// A duration, or `never` where it never goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay(pub Option<Duration>);

impl FromStr for Stay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" { Ok(Self(None)) } else { text.parse().map(|span: Span| Self(Some(span.0))) }
    }
}

impl fmt::Display for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("never"),
            Some(time) => Span(time).fmt(f),
        }
    }
}
