//! Points in time as the user's clock shows them.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The user's time zone: that of TZ, else that of the system.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    pub fn here() -> Self {
        Self(TimeZone::system())
    }

    /// `2026-11-20`.
    pub fn date(&self, at: SystemTime) -> String {
        self.show(at, "%Y-%m-%d")
    }

    /// `16:15:39`.
    pub fn time(&self, at: SystemTime) -> String {
        self.show(at, "%H:%M:%S")
    }

    /// `2026-11-20 16:15:39`.
    pub fn full(&self, at: SystemTime) -> String {
        self.show(at, "%Y-%m-%d %H:%M:%S")
    }

    /// The time, with the date where that is another than now.
    pub fn since(&self, at: SystemTime, now: SystemTime) -> String {
        if self.date(at) == self.date(now) { self.time(at) } else { self.full(at) }
    }

    /// A moment that no calendar has is left out.
    fn show(&self, at: SystemTime, format: &str) -> String {
        let Ok(at) = Timestamp::try_from(at) else { return String::new() };
        at.to_zoned(self.0.clone()).strftime(format).to_string()
    }
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use super::*;

    /// An hour east of Greenwich, all the year.
    pub fn zone() -> Zone {
        Zone(TimeZone::fixed(jiff::tz::offset(1)))
    }

    /// 2026-11-20 15:00:00 UTC, and so many seconds.
    pub fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_186_800 + seconds)
    }

    #[test]
    fn times_are_the_users_own() {
        assert_eq!(zone().full(at(39)), "2026-11-20 16:00:39");
        assert_eq!(zone().since(at(39), at(60)), "16:00:39");
        assert_eq!(zone().since(at(39), at(86_400)), "2026-11-20 16:00:39");
        // 23:30 UTC is the next day there.
        assert_eq!(zone().date(at(8 * 3600 + 1800)), "2026-11-21");
    }
}
