//! Times as messages have them.

use jiff::Timestamp;

/// `2026-11-29 03:12 UTC`: whoever reads it may be elsewhere than the coordinator.
pub fn moment(unix_ms: i64) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_says_in_which_zone_it_is() {
        assert_eq!(moment(1_700_000_000_000), "2023-11-14 22:13 UTC");
        assert_eq!(moment(i64::MAX), "1970-01-01 00:00 UTC");
    }
}
