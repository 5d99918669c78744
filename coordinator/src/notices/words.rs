//! Numbers and times as messages have them.

use std::time::Duration;

use jiff::Timestamp;

/// `2026-11-29 03:12 UTC`: whoever reads it may be elsewhere than the coordinator.
pub fn moment(unix_ms: i64) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 days 4 h`, `2 h 5 min`, `40 s`: the two largest units.
pub fn long(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        (1, ..) => format!("1 day {hours} h"),
        _ => format!("{days} days {hours} h"),
    }
}

/// `12.4`, `0.31`, `0`.
pub fn hours(hours: f64) -> String {
    match hours {
        hours if hours >= 100.0 => format!("{hours:.0}"),
        hours if hours >= 1.0 => format!("{hours:.1}"),
        hours if hours < 0.005 => "0".to_owned(),
        hours => format!("{hours:.2}"),
    }
}

/// `1 job`, `3 jobs`.
pub fn plural(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// At most so many characters, with `…` where something is left out.
pub fn cut(text: &str, most: usize) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if line.chars().count() <= most && line.len() == text.trim().len() {
        return line.to_owned();
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_their_two_largest_units() {
        let of = |seconds| long(Duration::from_secs(seconds));
        assert_eq!([of(0), of(59), of(60), of(3599)], ["0 s", "59 s", "1 min", "59 min"]);
        assert_eq!([of(3600), of(90_000), of(200_000)], ["1 h 0 min", "1 day 1 h", "2 days 7 h"]);
        assert_eq!(moment(1_700_000_000_000), "2023-11-14 22:13 UTC");
        assert_eq!(moment(i64::MAX), "1970-01-01 00:00 UTC");
    }

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        assert_eq!(
            [hours(0.0), hours(0.004), hours(0.31), hours(12.34), hours(250.4)],
            ["0", "0", "0.31", "12.3", "250"]
        );
        assert_eq!([plural(1, "job"), plural(0, "job")], ["1 job", "0 jobs"]);
    }

    #[test]
    fn long_texts_are_cut_at_their_first_line() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("\nTraceback\nmore", 40), "Traceback…");
        assert_eq!(cut("a rather long line", 10), "a rather…");
        assert_eq!(cut("", 10), "");
    }
}
