//! Whoever watches over a service: systemd (`Type=notify`, `WatchdogSec=`), or a container's probe that looks at a file.
//!
//! All of them are told the same: that the service is ready once its loop turns, and from then on that it still does. A loop that
//! hangs is not told of, and the watcher starts the service again.

use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;
use sweep_shared::pulse::Pulse;

use crate::whole_file;

/// Names a file whose time of change says when the service was last well.
const PULSE_FILE: &str = "SWEEP_PULSE_FILE";
/// The longest between two looks. Loops turn more often than that.
const LOOK: Duration = Duration::from_secs(5);
/// And the shortest: before it is ready one waits for the first turn only.
const SHORTEST: Duration = Duration::from_millis(20);

/// Tells it to whoever watches. Where nobody does, nothing happens.
pub fn watch(pulse: Pulse, status: String) {
    let watchdog = sd_notify::watchdog_enabled();
    let file = std::env::var_os(PULSE_FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let every = watchdog.map_or(LOOK, |limit| (limit / 3).min(LOOK)).max(SHORTEST);
    let mut patient = Patient::default();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(if patient.ready { every } else { SHORTEST }).await;
            let sign = patient.look(pulse.beats());
            if sign == Some(Sign::Ready) {
                tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
            }
            if sign.is_some() && watchdog.is_some() {
                tell(&[NotifyState::Watchdog]);
            }
            if let (Some(_), Some(file)) = (sign, &file)
                && let Err(error) = whole_file::tell(file, &format!("{}\n", pulse.beats()))
            {
                tracing::warn!(%error, file = %file.display(), "cannot write {PULSE_FILE}");
            }
        }
    });
}

/// What is known of the loop.
#[derive(Default)]
struct Patient {
    beats: u64,
    ready: bool,
}

/// Of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// The first.
    Ready,
    Alive,
}

impl Patient {
    /// `None`: the loop has not turned since the last look.
    fn look(&mut self, beats: u64) -> Option<Sign> {
        if std::mem::replace(&mut self.beats, beats) == beats {
            return None;
        }
        let first = !std::mem::replace(&mut self.ready, true);
        Some(if first { Sign::Ready } else { Sign::Alive })
    }
}

/// It ends in good order, which may take a while.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot tell the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_does_not_turn_gives_no_sign() {
        let mut patient = Patient::default();
        assert_eq!(patient.look(0), None);
        assert_eq!(patient.look(3), Some(Sign::Ready));
        assert_eq!((patient.look(4), patient.look(4), patient.look(9)), (Some(Sign::Alive), None, Some(Sign::Alive)));
    }
}
