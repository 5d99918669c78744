//! Spans of time: as users write them ([`Span`]), and as sentences say them ([`in_words`]).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration, written `90s`, `1.5m`, `500ms`, `2h`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// By their length in seconds, longest first.
const UNITS: [(&str, f64); 5] = [("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];
/// A year: more is a slip of the finger.
const LONGEST_S: f64 = 366.0 * 86_400.0;

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a duration like 90s, 1.5m, 2h or 30d");
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let total = number.parse::<f64>().map_err(|_| wrong())? * seconds;
        if total > LONGEST_S {
            return Err(format!("{text:?} is longer than a year"));
        }
        Ok(Self(Duration::from_secs_f64(total)))
    }
}

impl fmt::Display for Span {
    /// In the largest unit that leaves no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let whole = |per: u128| ms >= per && ms.is_multiple_of(per);
        match () {
            () if whole(86_400_000) => write!(f, "{}d", ms / 86_400_000),
            () if whole(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            () if whole(60_000) => write!(f, "{}m", ms / 60_000),
            () if whole(1000) => write!(f, "{}s", ms / 1000),
            () => write!(f, "{ms}ms"),
        }
    }
}

/// `45 s`, `12 min`, `3.5 h`, `2 days`.
pub fn in_words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_secs() {
        0..1 if time.is_zero() => "0 s".to_owned(),
        0..1 => "1 s".to_owned(),
        1..100 => format!("{} s", seconds.round()),
        100..5400 => format!("{} min", (seconds / 60.0).round()),
        5400..172_800 => format!("{} h", (seconds / 360.0).round() / 10.0),
        _ => format!("{} days", (seconds / 86_400.0).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short() {
        let said: Vec<String> =
            [0, 1, 45, 100, 3600, 5400, 9000, 200_000].map(|seconds| in_words(Duration::from_secs(seconds))).into();
        assert_eq!(said, ["0 s", "1 s", "45 s", "2 min", "60 min", "1.5 h", "2.5 h", "2 days"]);
        assert_eq!(in_words(Duration::from_millis(3)), "1 s");
    }

    #[test]
    fn spans_are_read_and_written() {
        for (text, ms, shown) in [
            ("90s", 90_000, "90s"),
            ("1.5m", 90_000, "90s"),
            ("2h", 7_200_000, "2h"),
            ("7d", 604_800_000, "7d"),
            ("250ms", 250, "250ms"),
            ("0s", 0, "0ms"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.0.as_millis(), span.to_string().as_str()), (ms, shown), "{text}");
        }
        for wrong in ["", "6", "s", "-1s", "1e3s", "1.2.3s", "5 s", "99999999h", "6sec"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
