//! A share of the time: short bursts are let through at once, a steady stream takes no more than it may in the long run.

use std::time::{Duration, Instant};

/// What may be taken at once after a quiet time.
const CREDIT: Duration = Duration::from_millis(20);
/// No rest is longer: work that took very long was most likely none, but a machine that slept or a disk that hung.
const LONGEST_REST: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Share {
    share: f64,
    longest_rest: Duration,
    /// Seconds of work; negative: to be rested off.
    credit: f64,
    at: Instant,
}

impl Share {
    /// `share` of the time, in the long run.
    pub fn new(share: f64, now: Instant) -> Self {
        Self { share, longest_rest: LONGEST_REST, credit: CREDIT.as_secs_f64(), at: now }
    }

    /// Rests of up to so long: for work that may honestly take a while.
    pub fn resting_up_to(self, longest_rest: Duration) -> Self {
        Self { longest_rest, ..self }
    }

    /// Something took so long. How long to rest before the next.
    pub fn spend(&mut self, now: Instant, took: Duration) -> Duration {
        self.earn(now);
        self.credit = (self.credit - took.as_secs_f64()).max(-self.share * self.longest_rest.as_secs_f64());
        self.owed()
    }

    /// How long to rest from now on.
    pub fn rest(&mut self, now: Instant) -> Duration {
        self.earn(now);
        self.owed()
    }

    fn earn(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.share;
        self.credit = (self.credit + earned).min(CREDIT.as_secs_f64());
        self.at = now;
    }

    fn owed(&self) -> Duration {
        Duration::from_secs_f64((-self.credit).max(0.0) / self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: f64 = 0.1;
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_is_let_through_and_a_stream_takes_its_share() {
        let begun = Instant::now();
        let mut share = Share::new(SHARE, begun);
        assert_eq!(share.spend(begun, 5 * MS), Duration::ZERO);
        assert_eq!(share.spend(begun, 15 * MS), Duration::ZERO);
        let (mut now, mut worked) = (begun, Duration::ZERO);
        for _ in 0..1000 {
            now += 2 * MS;
            worked += 2 * MS;
            now += share.spend(now, 2 * MS);
        }
        let part = worked.as_secs_f64() / now.duration_since(begun).as_secs_f64();
        assert!((part - SHARE).abs() < 0.01, "{part}");
        assert_eq!(share.spend(now + 1000 * MS, 19 * MS), Duration::ZERO, "after a quiet time");
    }

    #[test]
    fn a_night_in_the_middle_of_an_answer_does_not_silence_the_watcher() {
        let begun = Instant::now();
        let mut share = Share::new(SHARE, begun);
        let night = Duration::from_hours(8);
        assert!(share.spend(begun + night, night) <= LONGEST_REST);
    }
}
