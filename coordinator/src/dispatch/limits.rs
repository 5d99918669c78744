//! What time brings: hours and budgets that are spent, attempts that nobody waits for, larger devices that do not come back, and
//! a wall clock that somebody sets.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::labels::Placement;

use super::fleet::Order;
use super::service::{Broken, Dispatcher};
use crate::explain::FleetFacts;
use crate::store::notices::NoteLost;
use crate::store::{ClockMoved, Expire, GiveUpLarger, Outgrown, Overspend, Release, StoreError, Why};

/// How often budgets are added up.
const BUDGETS: Duration = Duration::from_secs(10);

/// When what was last looked at.
#[derive(Debug, Default)]
pub struct Limits {
    budgets: Option<Duration>,
    /// Since when no device has been there that is larger than what jobs have outgrown.
    lacking: BTreeMap<Outgrown, Duration>,
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

    /// Of what is lacking now, that which has been so for longer than patience.
    fn given_up(
        &mut self,
        lacking: impl Iterator<Item = Outgrown>,
        now: Duration,
        patience: Duration,
    ) -> Vec<Outgrown> {
        self.lacking = lacking
            .map(|of| {
                let since = self.lacking.get(&of).copied().unwrap_or(now);
                (of, since)
            })
            .collect();
        let for_long = self.lacking.iter().filter(|(_, since)| now.saturating_sub(**since) > patience);
        for_long.map(|(of, _)| of.clone()).collect()
    }
}

impl Dispatcher {
    /// Ends jobs that ran for too long, pauses sweeps whose budget is spent, lets go of attempts that nobody wants, of
    /// agents that are gone, and notes which those are.
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
        let agents = self.fleet.newly_lost(now);
        if !agents.is_empty() {
            for agent in self.write(NoteLost { agents }).await? {
                tracing::warn!(agent, "an agent left without a word and has stayed away");
            }
        }
        if self.limits.budgets_due(now) {
            let held = self.fleet.held(now);
            if !held.is_empty() {
                // Whose attempts must stop is told with the commit's changes.
                self.write(Overspend { held }).await?;
            }
            self.give_up_larger(now).await?;
        }
        self.give_orders();
        Ok(())
    }

    /// Jobs do not wait for larger devices for ever once there are none.
    async fn give_up_larger(&mut self, now: Duration) -> Result<(), Broken> {
        let outgrown = self.store.outgrown().await?;
        if outgrown.is_empty() && self.limits.lacking.is_empty() {
            return Ok(());
        }
        let devices = self.fleet.sizes_within_lease(now);
        let is_there = |(class, bytes, place): &Outgrown| {
            let place = Placement::of_text(place);
            devices.iter().any(|d| d.class == *class && d.total_bytes > *bytes && place.allows(&d.spot))
        };
        let than = self.limits.given_up(outgrown.into_iter().filter(|of| !is_there(of)), now, self.patience);
        if !than.is_empty() {
            let jobs = self.write(GiveUpLarger { than }).await?;
            tracing::info!(
                jobs = jobs.len(),
                "jobs wait no longer for larger devices: none has been there for a while"
            );
            self.queue.stale();
        }
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

#[cfg(test)]
mod tests {
    use sweep_shared::resources::DeviceClass;

    use super::*;

    #[test]
    fn what_comes_back_in_time_is_waited_for() {
        let (mut limits, of) = (Limits::default(), (DeviceClass::Cuda, 6, String::new()));
        let patience = Duration::from_mins(10);
        let mut at = |minutes, lacks: bool| {
            limits.given_up(lacks.then(|| of.clone()).into_iter(), Duration::from_mins(minutes), patience)
        };
        assert_eq!((at(0, true), at(9, true), at(10, false)), (vec![], vec![], vec![]));
        assert_eq!((at(11, true), at(21, true)), (vec![], vec![]), "it counts anew");
        assert_eq!(at(22, true), [of]);
    }
}
