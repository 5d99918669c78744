//! How an agent comes to leave: asked once, asked twice, or thrown out.

use std::time::Duration;

use super::{Action, Leaving, Phase, State};

impl State {
    /// The first signal.
    pub fn on_drain(&mut self, reason: &str, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        self.drain(reason.to_owned(), &mut out);
        self.advance(now, &mut out);
        out
    }

    /// Runners stop as after the first signal, but nobody is there to deliver anything to.
    pub fn on_expelled(&mut self, reason: &str, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        self.drain(reason.to_owned(), &mut out);
        if let Some(leaving) = &mut self.leaving {
            leaving.at_once = true;
        }
        self.kill_where(|phase| *phase == Phase::Finishing, reason, &mut out);
        self.advance(now, &mut out);
        out
    }

    /// The second signal.
    pub fn on_kill(&mut self, reason: &str, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        self.drain(reason.to_owned(), &mut out);
        self.leaving = Some(Leaving { reason: reason.to_owned(), at_once: true, quiet_since: None });
        self.kill_where(|phase| matches!(phase, Phase::Live | Phase::Finishing), reason, &mut out);
        self.advance(now, &mut out);
        out
    }
}
