//! Time limits as Slurm writes them.

use std::time::Duration;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 86_400;

/// How long an allocation may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Of(Duration),
    None,
}

/// `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`, `days-hours:minutes`, `days-hours:minutes:seconds`, `UNLIMITED`. `None`: something
/// else (sbatch(1), `--time`).
pub fn parse(text: &str) -> Option<Limit> {
    if ["unlimited", "infinite"].contains(&text.to_ascii_lowercase().as_str()) || text == "0" {
        return Some(Limit::None);
    }
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(number(days)?), rest),
        None => (None, text),
    };
    let parts: Vec<u64> = rest.split(':').map(number).collect::<Option<_>>()?;
    let units: &[u64] = match (days, parts.len()) {
        (None, 1) => &[MINUTE_S],
        (None, 2) => &[MINUTE_S, 1],
        (_, 3) => &[HOUR_S, MINUTE_S, 1],
        (Some(_), 1 | 2) => &[HOUR_S, MINUTE_S],
        _ => return None,
    };
    let within: u64 = parts.iter().zip(units).map(|(part, unit)| part * unit).sum();
    Some(Limit::Of(Duration::from_secs(days.unwrap_or(0) * DAY_S + within)))
}

/// Small enough that no sum of them is too large.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n| *n <= 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        let cases = [
            ("30", 1800),
            ("90:30", 5430),
            ("08:00:00", 28_800),
            ("2-00", 172_800),
            ("1-12:30", 131_400),
            ("1-00:00:05", 86_405),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse(text), Some(Limit::Of(Duration::from_secs(seconds))), "{text}");
        }
        assert_eq!(["UNLIMITED", "infinite", "0"].map(parse), [Some(Limit::None); 3]);
    }

    #[test]
    fn anything_else_is_not() {
        for text in ["", "8h", "1:2:3:4", "-5", "1-", "x-1", "99999999999999999999", "1-2:3:4:5"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
