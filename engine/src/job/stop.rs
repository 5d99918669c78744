//! The request to stop: SIGTERM from the agent, or Ctrl-C by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static SIGNALLED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(_: i32) {
    SIGNALLED.store(true, Ordering::Relaxed);
}

/// Tells whether to stop; cheap to clone and to ask.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on SIGTERM and SIGINT ask every [`Stop`] of the process to stop. The handler serves once: a second signal
    /// ends the process at once, which is safe at any time.
    pub fn listen() -> nix::Result<()> {
        let action = SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESETHAND, SigSet::empty());
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            // SAFETY: the handler only stores to an atomic.
            unsafe { sigaction(signal, &action)? };
        }
        Ok(())
    }

    /// Asks to stop from inside the process.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || SIGNALLED.load(Ordering::Relaxed)
    }
}
