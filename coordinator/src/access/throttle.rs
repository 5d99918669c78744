//! How often somebody may fail: some tries are free, then each failure makes the next one wait, twice as long each time.
//!
//! Nobody is shut out for good: waits are bounded, and what failed long ago is forgotten. What is remembered is bounded, too:
//! where there is no room the one with the fewest failures goes, so that a flood of new names cannot wash away those that
//! somebody keeps trying.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Who may fail how often.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Failures after which nobody has to wait yet.
    pub free: u32,
    /// The wait after the first failure that is not free.
    pub first: Duration,
    pub longest: Duration,
    /// Without a failure for so long, all earlier ones are forgotten. Longer than the longest wait.
    pub remembered: Duration,
    /// How many keys are remembered.
    pub most: usize,
}

impl Policy {
    fn wait(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free + 1) {
            None => Duration::ZERO,
            Some(doublings) => self.first.saturating_mul(1 << doublings.min(30)).min(self.longest),
        }
    }
}

/// Failures by key: a user, an address. All times are of one steady clock.
#[derive(Debug)]
pub struct Throttle<K> {
    policy: Policy,
    entries: HashMap<K, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    last: Duration,
    until: Duration,
}

impl<K: Eq + Hash + Clone> Throttle<K> {
    pub fn new(policy: Policy) -> Self {
        Self { policy, entries: HashMap::new() }
    }

    /// How long this one must wait before its next try; `None`: not at all.
    pub fn wait(&self, now: Duration, key: &K) -> Option<Duration> {
        let entry = self.entries.get(key)?;
        entry.until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// One more failure. To be called before a slow check and undone after its success, or else many tries at the same time
    /// would count as none.
    pub fn failed(&mut self, now: Duration, key: &K) {
        let known = self.entries.get(key).copied().filter(|entry| !self.is_over(entry, now));
        if known.is_none() {
            self.make_room(now, key);
        }
        let failures = known.map_or(0, |entry| entry.failures).saturating_add(1);
        let entry = Entry { failures, last: now, until: now + self.policy.wait(failures) };
        self.entries.insert(key.clone(), entry);
    }

    /// The last failure was none.
    pub fn undo(&mut self, now: Duration, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.failures -= 1;
        entry.until = now;
        if entry.failures == 0 {
            self.entries.remove(key);
        }
    }

    /// All is forgiven.
    pub fn forget(&mut self, key: &K) {
        self.entries.remove(key);
    }

    fn is_over(&self, entry: &Entry, now: Duration) -> bool {
        now.saturating_sub(entry.last) >= self.policy.remembered
    }

    fn make_room(&mut self, now: Duration, key: &K) {
        if self.entries.len() < self.policy.most || self.entries.contains_key(key) {
            return;
        }
        let remembered = self.policy.remembered;
        self.entries.retain(|_, entry| now.saturating_sub(entry.last) < remembered);
        while self.entries.len() >= self.policy.most {
            let least = self.entries.iter().min_by_key(|(_, entry)| (entry.failures, entry.last));
            let Some(least) = least.map(|(key, _)| key.clone()) else { return };
            self.entries.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        free: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_mins(1),
        remembered: Duration::from_hours(1),
        most: 4,
    };

    fn seconds(of: u64) -> Duration {
        Duration::from_secs(of)
    }

    #[test]
    fn some_tries_are_free_then_the_wait_doubles_up_to_its_bound() {
        let mut throttle = Throttle::new(POLICY);
        let mut waits = Vec::new();
        let mut now = seconds(100);
        for _ in 0..12 {
            throttle.failed(now, &"alice");
            let wait = throttle.wait(now, &"alice").unwrap_or_default();
            waits.push(wait.as_secs());
            now += wait;
            assert_eq!(throttle.wait(now, &"alice"), None, "the wait is over when it says");
        }
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(throttle.wait(now, &"bob"), None, "others do not wait");
    }

    #[test]
    fn what_failed_long_ago_is_forgotten() {
        let mut throttle = Throttle::new(POLICY);
        (0..20).for_each(|_| throttle.failed(seconds(0), &"alice"));
        throttle.failed(POLICY.remembered, &"alice");
        assert_eq!(throttle.wait(POLICY.remembered, &"alice"), None);
    }

    #[test]
    fn a_success_undoes_its_own_try_or_all_of_them() {
        let mut throttle = Throttle::new(POLICY);
        (0..4).for_each(|_| throttle.failed(seconds(0), &"alice"));
        throttle.undo(seconds(5), &"alice");
        assert_eq!(throttle.wait(seconds(5), &"alice"), None);
        throttle.failed(seconds(5), &"alice");
        assert_eq!(throttle.wait(seconds(5), &"alice"), Some(seconds(1)), "the earlier ones still count");
        throttle.forget(&"alice");
        throttle.failed(seconds(5), &"alice");
        assert_eq!(throttle.wait(seconds(5), &"alice"), None);
        throttle.undo(seconds(5), &"nobody");
    }

    #[test]
    fn tries_at_the_same_time_count_each() {
        let mut throttle = Throttle::new(POLICY);
        let let_through = (0..100).filter(|_| {
            let may = throttle.wait(seconds(1), &"alice").is_none();
            if may {
                throttle.failed(seconds(1), &"alice");
            }
            may
        });
        assert_eq!(let_through.count(), POLICY.free as usize + 1);
    }

    #[test]
    fn a_flood_of_names_takes_no_more_room_and_washes_nobody_away() {
        let mut throttle = Throttle::new(POLICY);
        (0..9).for_each(|_| throttle.failed(seconds(1), &"alice".to_owned()));
        for n in 0..10_000 {
            throttle.failed(seconds(2), &format!("nobody {n}"));
        }
        assert_eq!(throttle.entries.len(), POLICY.most);
        assert!(throttle.wait(seconds(2), &"alice".to_owned()).is_some());
    }

    #[test]
    fn a_count_that_has_grown_for_years_does_not_overflow() {
        let mut throttle = Throttle::new(POLICY);
        throttle.entries.insert("alice", Entry { failures: u32::MAX, last: seconds(0), until: seconds(0) });
        throttle.failed(seconds(1), &"alice");
        assert_eq!(throttle.wait(seconds(1), &"alice"), Some(POLICY.longest));
    }
}
