//! When something will be done, from how far it got since it was first seen.

use std::time::Duration;

/// A pace measured from the first sighting on, so that work resumed from a checkpoint is not credited to this run.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    first: (Duration, f64),
}

impl Pace {
    /// `done` of the work was done at the moment `now`.
    pub fn starting(now: Duration, done: f64) -> Self {
        Self { first: (now, done) }
    }

    /// Time until `total` at the pace so far. `None` while there is too little to go by.
    pub fn left(&self, now: Duration, done: f64, total: f64) -> Option<Duration> {
        let (since, from) = self.first;
        let elapsed = now.saturating_sub(since).as_secs_f64();
        let gained = done - from;
        if elapsed < 1.0 || gained <= 1e-6 * total.max(1.0) {
            return None;
        }
        let seconds = (total - done).max(0.0) * elapsed / gained;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_pace_counts_from_the_first_sighting() {
        let pace = Pace::starting(s(100), 0.5);
        assert_eq!(pace.left(s(110), 0.75, 1.0), Some(s(10)));
    }

    #[test]
    fn without_progress_there_is_no_estimate() {
        let pace = Pace::starting(s(0), 0.0);
        assert_eq!(pace.left(s(50), 0.0, 1.0), None);
        assert_eq!(pace.left(s(0), 0.5, 1.0), None);
        assert_eq!(pace.left(s(9), 1.0, 1.0), Some(s(0)));
    }
}
