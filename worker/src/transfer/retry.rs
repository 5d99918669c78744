//! When to try again, and what is not worth it.

use std::time::Duration;

use tonic::{Code, Status};

use crate::luck::Luck;

/// Waits that double up to a bound, each shortened by a random part so that many agents do not come back at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
    luck: Luck,
}

impl Backoff {
    pub fn new((first, most): (Duration, Duration), luck: Luck) -> Self {
        Self { first, most, next: first, luck }
    }

    /// It worked: the next failure waits little again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// How long to wait now: between half and all of the current step.
    pub fn step(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.most);
        wait.mul_f64(0.5 + self.luck.share() / 2.0)
    }

    pub async fn wait(&mut self) {
        tokio::time::sleep(self.step()).await;
    }
}

/// What a failed call means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Again,
    /// Worth some tries: a disk that is full, bytes that were damaged.
    Sometimes,
    Never,
}

pub fn verdict(status: &Status) -> Verdict {
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::Unimplemented
        | Code::PermissionDenied
        | Code::Unauthenticated => Verdict::Never,
        Code::ResourceExhausted | Code::DataLoss => Verdict::Sometimes,
        _ => Verdict::Again,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_with_jitter() {
        let mut backoff = Backoff::new((Duration::from_millis(100), Duration::from_secs(1)), Luck::seeded(1));
        for step_ms in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.step();
            assert!(wait >= Duration::from_millis(step_ms / 2) && wait <= Duration::from_millis(step_ms), "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.step() <= Duration::from_millis(100));
    }

    #[test]
    fn a_lost_connection_is_tried_again_and_a_bad_request_is_not() {
        assert_eq!(verdict(&Status::unavailable("")), Verdict::Again);
        assert_eq!(verdict(&Status::out_of_range("")), Verdict::Again);
        assert_eq!(verdict(&Status::resource_exhausted("")), Verdict::Sometimes);
        assert_eq!(verdict(&Status::invalid_argument("")), Verdict::Never);
    }
}
