//! How an agent comes to leave: asked once, asked twice, thrown out, or because there is nothing to do.

use std::time::Duration;

use sweep_shared::span::in_words;

use super::{Action, Leaving, Phase, State};

/// How long there was nothing to do.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// How long that may last before the agent leaves. `None`: for ever.
    patience: Option<Duration>,
    since: Option<Duration>,
}

impl Idle {
    /// Why the agent leaves now, if it does. A coordinator that is away gives nothing to do, either.
    pub(super) fn over(&mut self, busy: bool, now: Duration) -> Option<String> {
        self.since = self.since.or(Some(now)).filter(|_| !busy);
        let (patience, since) = (self.patience?, self.since?);
        (now.saturating_sub(since) >= patience).then(|| format!("it had nothing to do for {}", in_words(patience)))
    }
}

impl State {
    /// The agent leaves when it had nothing to do for so long.
    pub fn leaves_when_idle(mut self, patience: Option<Duration>) -> Self {
        self.idle.patience = patience;
        self
    }

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
