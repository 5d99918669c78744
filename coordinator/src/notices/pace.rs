//! How fast copies go out: what waits after a failure, and how many an address is sent.

use std::time::Duration;

use super::channels::Address;

/// What holds for each address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// Then one in this time.
    pub every: Duration,
}

impl Rate {
    /// Of a channel: telephones ring, and their messages cost money.
    pub fn of(to: &Address) -> Self {
        match to {
            Address::Sms(_) => Self { burst: 5, every: Duration::from_mins(15) },
            Address::Email(_) | Address::Hook(_) => Self { burst: 10, every: Duration::from_mins(5) },
        }
    }

    /// How far back it must be known what was sent.
    pub fn memory(self) -> Duration {
        self.every * self.burst
    }

    /// When the next may go, by when the last ones did (in order, as far back as [`Rate::memory`]); not before `now` where it is
    /// due already. A bucket of `burst` tokens that gains one in each `every`, kept as the time when it will be full again.
    pub fn next_ms(self, sent_ms: &[i64], now_ms: i64) -> i64 {
        let every = self.every.as_millis() as i64;
        let slack = every * i64::from(self.burst.max(1) - 1);
        let full = sent_ms.iter().fold(i64::MIN, |full, &at| full.max(at.min(now_ms)) + every);
        if full == i64::MIN { now_ms } else { (full - slack).max(now_ms) }
    }
}

/// When a copy is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    pub first: Duration,
    pub longest: Duration,
    /// In 0..1.
    pub jitter: f64,
    /// From what happened on; then it has failed.
    pub give_up: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(30),
            longest: Duration::from_hours(1),
            jitter: 0.2,
            give_up: Duration::from_hours(72),
        }
    }
}

impl Retries {
    /// The wait after the try with this number (from 1), or for as long as the server asked, whichever is longer; `luck` is a
    /// random number in 0..1.
    pub fn wait(&self, tries: u32, after: Option<Duration>, luck: f64) -> Duration {
        let doubled = self.first.as_secs_f64() * 2f64.powi(tries.saturating_sub(1).min(30) as i32);
        let spread = 1.0 + self.jitter * (2.0 * luck.clamp(0.0, 1.0) - 1.0);
        let own = Duration::from_secs_f64(doubled.min(self.longest.as_secs_f64()) * spread);
        // Whoever asks for a year is not obeyed.
        own.max(after.unwrap_or_default().min(MOST_ASKED))
    }
}

const MOST_ASKED: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { burst: 3, every: Duration::from_mins(5) };
    const MIN: i64 = 60_000;

    #[test]
    fn a_burst_goes_at_once_and_then_one_at_a_time() {
        let now = 1_000_000_000;
        assert_eq!(RATE.next_ms(&[], now), now);
        assert_eq!(RATE.next_ms(&[now, now], now), now);
        assert_eq!(RATE.next_ms(&[now, now, now], now), now + 5 * MIN);
        assert_eq!(RATE.next_ms(&[now - 5 * MIN, now - 5 * MIN, now - 5 * MIN], now), now);
        assert_eq!(RATE.next_ms(&[now - 5 * MIN, now - 5 * MIN, now - 5 * MIN, now], now), now + 5 * MIN);
        assert_eq!(RATE.next_ms(&[now - 20 * MIN; 3], now), now, "long ago");
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_up_for_long() {
        let now = 1_000_000_000;
        let ahead = [now + 86_400_000; 3];
        assert!(RATE.next_ms(&ahead, now) <= now + 5 * MIN);
    }

    proptest! {
        #[test]
        fn no_span_of_time_sees_more_than_burst_and_rate(gaps in prop::collection::vec(0i64..20 * MIN, 1..60)) {
            let (mut now, mut sent) = (1_000_000_000i64, Vec::<i64>::new());
            for gap in gaps {
                now += gap;
                let known: Vec<i64> =
                    sent.iter().copied().filter(|at| *at > now - RATE.memory().as_millis() as i64).collect();
                now = RATE.next_ms(&known, now);
                sent.push(now);
            }
            for (first, from) in sent.iter().enumerate() {
                for (last, to) in sent.iter().enumerate().skip(first) {
                    let allowed = i64::from(RATE.burst) + (to - from) / (5 * MIN);
                    prop_assert!((last - first + 1) as i64 <= allowed, "{sent:?}");
                }
            }
        }

        #[test]
        fn waits_grow_and_stay_within_their_bounds(tries in 1u32..200, luck in 0.0f64..1.0) {
            let retries = Retries::default();
            let wait = retries.wait(tries, None, luck);
            prop_assert!(wait >= Duration::from_secs(24) && wait <= Duration::from_mins(72));
            prop_assert!(retries.wait(tries + 1, None, luck) >= wait);
            prop_assert!(retries.wait(tries, Some(Duration::from_hours(2)), luck) >= Duration::from_hours(2));
            prop_assert!(retries.wait(tries, Some(Duration::MAX), luck) <= MOST_ASKED);
        }
    }
}
