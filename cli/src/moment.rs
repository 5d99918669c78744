//! Points in time as the user's clock shows them.

use std::time::{Duration, SystemTime};

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

    /// How long ago, as people say it, where that is short; the day and the time otherwise: `just now`, `5 min ago`,
    /// `today 14:02`, `yesterday 14:02`, `Mon 14:02`, `2 Oct 14:02`, `2025-10-02`.
    pub fn ago(&self, at: SystemTime, now: SystemTime) -> String {
        let Ok(past) = now.duration_since(at) else {
            // Another machine's clock may be ahead of this one's.
            return self.since(at, now);
        };
        let day = |days: u64| self.date(now - Duration::from_hours(24) * days as u32);
        let date = self.date(at);
        match past.as_secs() {
            0..10 => "just now".to_owned(),
            s @ 10..60 => format!("{s} s ago"),
            s @ 60..3600 => format!("{} min ago", s / 60),
            _ if date == day(0) => self.show(at, "today %H:%M"),
            _ if date == day(1) => self.show(at, "yesterday %H:%M"),
            s if s < 6 * 86_400 => self.show(at, "%a %H:%M"),
            _ if date[..4] == day(0)[..4] => self.show(at, "%-d %b %H:%M"),
            _ => date,
        }
    }

    /// A moment that no calendar has is left out.
    fn show(&self, at: SystemTime, format: &str) -> String {
        let Ok(at) = Timestamp::try_from(at) else { return String::new() };
        at.to_zoned(self.0.clone()).strftime(format).to_string()
    }
}

#[cfg(test)]
pub mod tests {
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
    fn the_past_is_told_as_people_tell_it() {
        const HOUR: u64 = 3600;
        // 16:00 on a Friday there.
        let now = at(0);
        let cases = [
            (3, "just now"),
            (40, "40 s ago"),
            (300, "5 min ago"),
            (2 * HOUR, "today 14:00"),
            (20 * HOUR, "yesterday 20:00"),
            (50 * HOUR, "Wed 14:00"),
            (240 * HOUR, "10 Nov 16:00"),
            (400 * 24 * HOUR, "2025-10-16"),
        ];
        for (ago, said) in cases {
            assert_eq!(zone().ago(now - Duration::from_secs(ago), now), said, "{ago}");
        }
        assert_eq!(zone().ago(at(60), now), "16:01:00", "a clock that is ahead");
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
