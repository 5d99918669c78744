//! Delivery: what is due goes out, and what became of it is written down.
//!
//! `steps` decides purely what to do with what is due: send, fold together what is too much for an address, or wait. One task per
//! address at a time carries a step out (`tries`), so that a server that hangs holds up nobody else, and copies for one address keep
//! their order. A copy counts as sent once its server took it; that is written down until it is, and until then nothing else is
//! sent to that address. A crash between the two sends the copy again, under the same id.

mod steps;
#[cfg(test)]
mod tests;
mod tries;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::channels::Address;
use super::courier::Courier;
use super::pace::{Rate, Retries};
use crate::clock::Clock;
use crate::luck::Luck;
use crate::store::notices::{Due, Forget};
use crate::store::{Changes, Store, StoreError};
use steps::{Step, steps};

/// Servers that are spoken to at once.
const AT_ONCE: usize = 16;
/// What is due is looked for at least this often, whatever the clock was set to.
const LOOK: Duration = Duration::from_secs(30);
/// How long what is on its way may take when the coordinator stops.
const ON_ITS_WAY: Duration = Duration::from_secs(4);
/// What is over stays in the list for so long, and is looked for so often.
const KEPT: Duration = Duration::from_hours(90 * 24);
const FORGETS: Duration = Duration::from_hours(6);

/// Brings copies out.
#[derive(Clone)]
pub struct Post {
    pub store: Store,
    pub courier: Arc<dyn Courier>,
    pub clock: Arc<dyn Clock>,
    pub luck: Arc<dyn Luck>,
    pub retries: Retries,
    /// How people reach the page.
    pub page: String,
}

/// Tasks under way, by the address that they serve.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<()>,
    to: HashMap<Id, Address>,
}

impl Flights {
    fn landed(&mut self, done: &Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => *id,
            Err(error) => {
                tracing::error!(%error, "a notice's delivery broke off");
                error.id()
            }
        };
        self.to.remove(&id);
    }

    fn is_busy(&self, to: &Address) -> bool {
        self.to.values().any(|busy| busy == to)
    }
}

impl Post {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut changes = self.store.watch();
        let mut flights = Flights::default();
        let mut forgotten: Option<Duration> = None;
        loop {
            let now = self.clock.now();
            if forgotten.is_none_or(|last| now.saturating_sub(last) >= FORGETS) {
                forgotten = Some(now);
                self.forget().await;
            }
            let wait = match self.round(&mut flights).await {
                Ok(wait) => wait.min(LOOK),
                Err(StoreError::Stopping) => break,
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read");
                    LOOK
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = flights.tasks.join_next_with_id() => flights.landed(&done),
                open = news(&mut changes) => if !open { break },
                () = tokio::time::sleep(wait) => {}
            }
        }
        let landing = async { while flights.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(ON_ITS_WAY, landing).await.is_err() {
            tracing::warn!("a notice was on its way when the coordinator stopped; it goes out again at the next start");
        }
    }

    /// Begins what can be done now; answers how long there is nothing else to do.
    async fn round(&self, flights: &mut Flights) -> Result<Duration, StoreError> {
        if self.store.halt().is_some() {
            // What cannot be marked as sent is not sent.
            return Ok(Duration::from_secs(1));
        }
        let now_ms = self.clock.unix_ms();
        let due = self.store.due_copies(now_ms).await?;
        let due: Vec<Due> = due.into_iter().filter(|due| !flights.is_busy(&due.copy.to)).collect();
        let mut sent = HashMap::new();
        for copy in &due {
            let to = &copy.copy.to;
            if !sent.contains_key(to) {
                let since_ms = now_ms - Rate::of(to).memory().as_millis() as i64;
                sent.insert(to.clone(), self.store.sent_to(to, since_ms).await?);
            }
        }
        let mut next_ms = self.store.next_copy_ms(now_ms).await?.unwrap_or(i64::MAX);
        for (to, step) in steps(&due, &sent, now_ms) {
            match step {
                Step::Wait { until_ms } => next_ms = next_ms.min(until_ms),
                step if flights.tasks.len() < AT_ONCE => {
                    let task = flights.tasks.spawn(self.clone().take(to.clone(), step));
                    flights.to.insert(task.id(), to);
                }
                // One that lands makes room.
                _ => {}
            }
        }
        let wait_ms = next_ms.saturating_sub(now_ms).clamp(0, LOOK.as_millis() as i64);
        Ok(Duration::from_millis(wait_ms as u64))
    }

    async fn forget(&self) {
        let before_ms = self.clock.unix_ms() - KEPT.as_millis() as i64;
        if let Err(error) = self.store.write(Forget { before_ms }).await {
            tracing::warn!(%error, "old notices are not forgotten");
        }
    }
}

/// Waits until there is something about notices. False: there will not be any more.
async fn news(changes: &mut broadcast::Receiver<Arc<Changes>>) -> bool {
    loop {
        match changes.recv().await {
            Ok(changes) if !changes.notices => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return true,
            Err(RecvError::Closed) => return false,
        }
    }
}

/// Waits until what is due has been tried once, for at most so long.
pub async fn settled(store: &Store, clock: &dyn Clock, most: Duration) {
    let mut changes = store.watch();
    let tried = async {
        loop {
            let due = store.due_copies(clock.unix_ms()).await;
            if !due.is_ok_and(|due| due.iter().any(|due| due.tries == 0)) || store.halt().is_some() {
                return;
            }
            if !news(&mut changes).await {
                return;
            }
        }
    };
    if tokio::time::timeout(most, tried).await.is_err() {
        tracing::warn!("notices are left for the next start: they did not go out in time");
    }
}
