//! Whoever watches over a service: systemd (`Type=notify`, `WatchdogSec=`), or a container's probe that looks at a file.
//!
//! All of them are told the same: that the service is ready once its loop turns, and from then on that it still does. A loop that
//! hangs is not told of, and the watcher starts the service again.

use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;
use sweep_shared::pulse::Pulse;

/// Names a file whose time of change says when the service was last well.
const PULSE_FILE: &str = "SWEEP_PULSE_FILE";
/// The longest between two looks. Loops turn more often than that.
const LOOK: Duration = Duration::from_secs(5);

/// Tells it to whoever watches. Where nobody does, nothing happens.
pub fn watch(pulse: Pulse, status: String) {
    let watchdog = sd_notify::watchdog_enabled();
    let file = std::env::var_os(PULSE_FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let every = watchdog.map_or(LOOK, |limit| (limit / 3).min(LOOK)).max(Duration::from_millis(10));
    tokio::spawn(async move {
        let (mut last, mut ready) = (0, false);
        loop {
            // Until it is ready one waits for the first turn only.
            tokio::time::sleep(if ready { every } else { Duration::from_millis(20) }).await;
            let beats = pulse.beats();
            if beats == last {
                continue;
            }
            last = beats;
            if !ready {
                ready = true;
                tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
            }
            if watchdog.is_some() {
                tell(&[NotifyState::Watchdog]);
            }
            if let Some(file) = &file
                && let Err(error) = std::fs::write(file, format!("{beats}\n"))
            {
                tracing::warn!(%error, file = %file.display(), "cannot write {PULSE_FILE}");
            }
        }
    });
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
