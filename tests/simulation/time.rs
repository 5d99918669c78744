//! Simulated time, in milliseconds since the seed's start: what happens when, and what the coordinator's clocks show.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use sweep_coordinator::Clock;

/// What is going to happen, in order. What was planned first for one moment happens first.
#[derive(Debug)]
pub struct Agenda<E> {
    items: BTreeMap<(u64, u64), E>,
    planned: u64,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), planned: 0 }
    }
}

impl<E> Agenda<E> {
    pub fn plan(&mut self, at: u64, event: E) {
        self.planned += 1;
        self.items.insert((at, self.planned), event);
    }

    pub fn next(&mut self) -> Option<(u64, E)> {
        self.items.pop_first().map(|((at, _), event)| (at, event))
    }
}

/// The clocks of the coordinator's machine.
#[derive(Default)]
pub struct Clocks {
    now_ms: AtomicU64,
    /// Time that the monotonic clock did not count, since the machine slept.
    asleep_ms: AtomicU64,
    /// What the wall clock is off.
    off_ms: AtomicI64,
}

/// The wall clock at a seed's start.
const EPOCH_MS: i64 = 1_700_000_000_000;

impl Clocks {
    pub fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The machine sleeps: its monotonic clock stands still.
    pub fn sleep(&self, for_ms: u64) {
        self.asleep_ms.fetch_add(for_ms, Ordering::Relaxed);
    }

    /// Somebody sets the time.
    pub fn jump(&self, by_ms: i64) {
        self.off_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Duration {
        // Some uptime before the seed's start, so that no difference of times is below zero.
        let awake = self.now_ms.load(Ordering::Relaxed).saturating_sub(self.asleep_ms.load(Ordering::Relaxed));
        Duration::from_hours(1) + Duration::from_millis(awake)
    }

    fn unix_ms(&self) -> i64 {
        EPOCH_MS + self.now_ms.load(Ordering::Relaxed) as i64 + self.off_ms.load(Ordering::Relaxed)
    }
}
