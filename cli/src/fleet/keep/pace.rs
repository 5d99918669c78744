//! How long to wait before another start. Pure.

use std::time::Duration;

/// Doubles from start to start, and forgets that once the agent has run for a while.
#[derive(Debug, Default)]
pub struct Pace {
    last: Option<Duration>,
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// An agent that ran for so long died of something new.
const WELL: Duration = Duration::from_mins(10);

impl Pace {
    /// The pause after an agent that ran for so long.
    pub fn after(&mut self, ran: Duration) -> Duration {
        let pause = match self.last {
            Some(last) if ran < WELL => (last * 2).min(LONGEST),
            _ => FIRST,
        };
        self.last = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_while_nothing_gets_better() {
        let mut pace = Pace::default();
        let pauses: Vec<u64> = (0..8).map(|_| pace.after(Duration::from_secs(3)).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pace.after(Duration::from_mins(11)), FIRST);
    }
}
