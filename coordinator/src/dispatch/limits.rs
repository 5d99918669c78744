//! What time brings: hours and budgets that are spent, attempts that nobody waits for, and a wall clock that somebody sets.

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};

use super::fleet::Order;
use super::service::{Broken, Dispatcher};
use crate::explain::FleetFacts;
use crate::store::{ClockMoved, Expire, Overspend, Release, StoreError, Why};

/// How often budgets are added up.
const BUDGETS: Duration = Duration::from_secs(10);

/// When what was last looked at.
#[derive(Debug, Default)]
pub struct Limits {
    budgets: Option<Duration>,
}

impl Limits {
    /// Whether it is time to add up.
    fn budgets_due(&mut self, now: Duration) -> bool {
        let due = self.budgets.is_none_or(|last| now.saturating_sub(last) >= BUDGETS);
        if due {
            self.budgets = Some(now);
        }
        due
    }
}

impl Dispatcher {
    /// Ends jobs that ran for too long, pauses sweeps whose budget is spent, and lets go of attempts that nobody wants, of
    /// agents that are gone.
    pub(super) async fn limits(&mut self, now: Duration) -> Result<(), Broken> {
        let tokens = self.fleet.overrun(now);
        if !tokens.is_empty() {
            let ended = self.write(Expire { tokens }).await?;
            // Their slots stay held until the attempts are confirmed dead.
            self.fleet.unwanted(&ended);
        }
        let tokens = self.fleet.abandoned(now);
        if !tokens.is_empty() {
            self.write(Release { tokens: tokens.clone(), why: Why::Expired }).await?;
            for token in tokens {
                self.fleet.end(token);
                self.board.end(token);
            }
            self.queue.stale();
        }
        let held = self.fleet.held(now);
        if !held.is_empty() && self.limits.budgets_due(now) {
            // Whose attempts must stop is told with the commit's changes.
            self.write(Overspend { held }).await?;
        }
        self.give_orders();
        Ok(())
    }

    /// Waits and ages are kept as wall-clock times. When somebody sets that clock, they are moved with it, so that a job
    /// waits as long as it should, and not hours or no time at all.
    pub(super) async fn follow_wall_clock(&mut self) -> Result<(), Broken> {
        let Some(by_ms) = self.wall.moved(&*self.clock) else { return Ok(()) };
        tracing::warn!(by_s = by_ms / 1000, "the machine's clock was set");
        self.queue.stale();
        self.write(ClockMoved { by_ms, longest_wait_ms: self.longest_wait_ms() }).await
    }

    /// The clock may have been set while no coordinator ran: no wait is longer than the longest.
    pub(super) async fn bound_waits(&mut self) -> Result<(), Broken> {
        match self.store.write(ClockMoved { by_ms: 0, longest_wait_ms: self.longest_wait_ms() }).await {
            // A disk that cannot be written just now is no reason not to start.
            Err(StoreError::Unwritable(_)) => Ok(()),
            done => done,
        }
    }

    fn longest_wait_ms(&self) -> i64 {
        self.backoff.longest.as_millis() as i64
    }

    /// Tells agents what they must stop, once in each session.
    pub(super) fn give_orders(&mut self) {
        for (session, order) in self.fleet.orders() {
            match order {
                Order::Kill(token) => self.outboxes.cancel(session, token),
                Order::Stop(token, reason) => self.outboxes.interrupt(session, token, reason),
                Order::Leave => self.outboxes.drain(session, "a user wants this agent to leave"),
            }
        }
    }

    /// What there is to say about a job.
    pub(super) fn facts(&self, job: JobId, sweep: SweepId, now: Duration) -> FleetFacts {
        FleetFacts {
            unserved: self.served.as_ref().is_some_and(|served| !served.contains(&sweep)),
            patience: self.patience,
            ..self.fleet.facts(job, now)
        }
    }
}
