//! Two-step shutdown: the first SIGINT, SIGTERM or SIGHUP asks to stop in good order, the second to stop at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask `sweep` to end. From its creation on they no longer end the process by themselves.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` under `nohup`, whose wish to outlive the terminal is respected.
    hangup: Option<Signal>,
}

impl Signals {
    /// Must be called within a tokio runtime.
    pub fn listen() -> std::io::Result<Self> {
        let nohup = std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, libc::SIGHUP));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if nohup { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits for the next of them. Cancel-safe.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether `/proc/<pid>/status` says that the process ignores a signal.
fn ignores(status: &str, signal: i32) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_seen_in_the_mask_of_ignored_signals() {
        assert!(ignores("Name:\tsweep\nSigIgn:\t0000000000000001\n", libc::SIGHUP));
        assert!(!ignores("SigIgn:\t0000000000001000\n", libc::SIGHUP));
        assert!(!ignores("", libc::SIGHUP));
    }
}
