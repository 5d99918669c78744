//! Rests between pieces of work, where the device is not the runner's alone.

use std::time::{Duration, Instant};

use tch::Device;

use crate::job::Stop;

/// A stop that is asked for during a rest is seen within this time.
const NAP: Duration = Duration::from_millis(20);

/// Keeps a runner from being busy for more than a share of the time.
#[derive(Debug)]
pub struct Pace {
    /// `None`: no rests.
    share: Option<f64>,
    device: Device,
    stop: Stop,
    rested: Duration,
}

impl Pace {
    /// `share` of the time may be spent working, above 0 and up to 1; `None`: all of it.
    pub fn new(share: Option<f64>, device: Device, stop: Stop) -> Self {
        Self { share, device, stop, rested: Duration::ZERO }
    }

    /// Rests for as long as the work asks for that began at `since`, or until a stop is asked for.
    pub fn rest(&mut self, since: Instant) {
        let Some(share) = self.share else { return };
        if let Device::Cuda(index) = self.device {
            // Steps are only queued there; what counts is when the device is done.
            tch::Cuda::synchronize(index as i64);
        }
        let (started, due) = (Instant::now(), due(since.elapsed(), share));
        while let Some(left) = due.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) {
            if self.stop.asked() {
                break;
            }
            std::thread::sleep(left.min(NAP));
        }
        self.rested += started.elapsed();
    }

    /// All rests so far.
    pub fn rested(&self) -> Duration {
        self.rested
    }
}

/// How long to rest after work of this length, for it to be `share` of the time.
fn due(busy: Duration, share: f64) -> Duration {
    /// Less would be a runner that never ends.
    const LEAST_SHARE: f64 = 0.01;
    busy.mul_f64(1.0 / share.clamp(LEAST_SHARE, 1.0) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_its_share_of_work_and_rest() {
        let busy = Duration::from_millis(300);
        for share in [0.01, 0.25, 0.5, 0.9, 1.0] {
            let rest = due(busy, share);
            assert!((busy.as_secs_f64() / (busy + rest).as_secs_f64() - share).abs() < 1e-6, "{share}: {rest:?}");
        }
        assert_eq!(due(busy, 0.0), due(busy, 0.01));
        assert_eq!(due(busy, 7.0), Duration::ZERO);
        assert_eq!(due(Duration::ZERO, 0.5), Duration::ZERO);
    }

    #[test]
    fn a_stop_ends_a_rest_that_would_take_hours() {
        let stop = Stop::new();
        let mut pace = Pace::new(Some(0.01), Device::Cpu, stop.clone());
        let asker = std::thread::spawn(move || stop.ask());
        let a_while_ago = Instant::now().checked_sub(Duration::from_mins(1)).expect("a clock that began earlier");
        pace.rest(a_while_ago);
        asker.join().unwrap();
        assert!(pace.rested() < Duration::from_secs(5_000));
    }

    #[test]
    fn without_a_share_there_is_no_rest() {
        let mut pace = Pace::new(None, Device::Cpu, Stop::new());
        pace.rest(Instant::now());
        assert_eq!(pace.rested(), Duration::ZERO);
    }
}
