//! Time, injectable. Leases are kept on the monotonic clock; rows bear wall-clock times, for people.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

pub trait Clock: Send + Sync + 'static {
    /// Time since some fixed moment, that nobody sets and that goes on while the machine sleeps.
    fn now(&self) -> Duration;

    /// Unix milliseconds. May jump.
    fn unix_ms(&self) -> i64;
}

/// The machine's clocks.
pub struct SystemClock {
    steady: ClockId,
}

impl SystemClock {
    pub fn new() -> Self {
        // Not every sandbox has the first.
        let has = clock_gettime(ClockId::CLOCK_BOOTTIME).is_ok();
        Self { steady: if has { ClockId::CLOCK_BOOTTIME } else { ClockId::CLOCK_MONOTONIC } }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    /// Since the machine's start. [`std::time::Instant`] stands still while the machine sleeps: after a night with the lid
    /// closed a lease would seem to have some seconds left, and run out before its agent can be back.
    fn now(&self) -> Duration {
        clock_gettime(self.steady).expect("it was asked before").into()
    }

    fn unix_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
    }
}

/// A clock that tests move.
#[derive(Default)]
pub struct ManualClock {
    now: Mutex<Duration>,
    set_by_ms: Mutex<i64>,
}

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        *self.now.lock().expect("no holder panics") += by;
    }

    /// Somebody sets the wall clock, by this much forward or back.
    pub fn set_wall_clock(&self, by_ms: i64) {
        *self.set_by_ms.lock().expect("no holder panics") += by_ms;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        *self.now.lock().expect("no holder panics")
    }

    fn unix_ms(&self) -> i64 {
        1_700_000_000_000 + self.now().as_millis() as i64 + *self.set_by_ms.lock().expect("no holder panics")
    }
}

/// Notices when somebody sets the wall clock.
#[derive(Debug)]
pub struct WallClock {
    /// What it was ahead of the steady clock when last looked at, in milliseconds.
    ahead_ms: i64,
}

/// Less is the two clocks' own unevenness.
const SET: i64 = 1000;

impl WallClock {
    pub fn new(clock: &dyn Clock) -> Self {
        Self { ahead_ms: ahead_ms(clock) }
    }

    /// By how many milliseconds it was set forward (or back, if negative) since the last answer.
    pub fn moved(&mut self, clock: &dyn Clock) -> Option<i64> {
        let ahead_ms = ahead_ms(clock);
        let by = ahead_ms - self.ahead_ms;
        if by.abs() < SET {
            return None;
        }
        self.ahead_ms = ahead_ms;
        Some(by)
    }
}

fn ahead_ms(clock: &dyn Clock) -> i64 {
    clock.unix_ms() - clock.now().as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_passes_is_no_move_and_a_set_clock_is_noticed_once() {
        let clock = ManualClock::default();
        let mut wall = WallClock::new(&clock);
        clock.advance(Duration::from_hours(9));
        assert_eq!(wall.moved(&clock), None);
        clock.set_wall_clock(-7_200_000);
        assert_eq!((wall.moved(&clock), wall.moved(&clock)), (Some(-7_200_000), None));
        clock.set_wall_clock(600);
        assert_eq!(wall.moved(&clock), None);
        clock.set_wall_clock(600);
        assert_eq!(wall.moved(&clock), Some(1200), "small moves add up");
    }

    #[test]
    fn the_machines_clock_goes_on() {
        let clock = SystemClock::new();
        let first = clock.now();
        while clock.now() == first {
            std::hint::spin_loop();
        }
        assert!(clock.now() > first);
    }
}
