//! What the dispatcher does when the database fails.
//!
//! A full disk, one that is read-only, and a lock are waited out in the middle of a turn: nothing is answered, so agents keep what
//! they told, sessions stay open, and the work goes on where it stood. After any other failure what is believed is read anew, once
//! something can be written again. Users' questions are answered all the while.

use std::time::Duration;

use super::fleet::{FAULT, Fleet};
use super::handle::Question;
use super::service::{Broken, Dispatcher};
use super::turn::Accepts;
use crate::store::{Command, StoreError, Trial, read};

/// The wait before the second try; it doubles up to the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// Who asks waits for a write as long as this, so that the answer knows what was said before.
const SLOW: Duration = Duration::from_millis(500);

fn wait(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST)
}

impl Dispatcher {
    /// Carries out a command, however long the disk is full, read-only or locked.
    pub(super) async fn write<C: Command + Clone>(&self, command: C) -> Result<C::Reply, Broken> {
        for failures in 0.. {
            let done = tokio::select! {
                biased;
                done = self.store.write(command.clone()) => done,
                () = self.answer_soon() => unreachable!("it answers for ever"),
            };
            match done {
                Err(StoreError::Unwritable(halt)) if halt.certain => self.rest(failures).await?,
                done => return done,
            }
        }
        unreachable!("it tries for ever")
    }

    /// Nothing of a failed command is recorded, and what was on its way is not acknowledged: all sessions end, the agents come
    /// back and send it again, and what is believed of attempts is read anew.
    pub(super) async fn recover(&mut self, error: StoreError) -> Result<(), Broken> {
        if matches!(error, StoreError::Stopping) {
            return Err(error);
        }
        tracing::warn!(%error, "the dispatcher begins anew");
        #[cfg(feature = "simulation")]
        crate::simulation::witness::trouble(error.to_string());
        loop {
            self.rest(self.failures).await?;
            self.failures += 1;
            // Those that would come back at once could not even be greeted.
            if matches!(error, StoreError::Unwritable(_)) && self.store.write(Trial).await.is_err() {
                continue;
            }
            match self.begin_again().await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::error!(%error, "the database cannot be read; trying again"),
            }
        }
    }

    /// Ends all sessions, and believes what the database says.
    pub(super) async fn begin_again(&mut self) -> Result<(), Broken> {
        self.outboxes.close_all();
        self.accepts = Accepts::default();
        self.queue.stale();
        self.learn().await
    }

    /// Reads what lives, and where jobs failed by a fault of the device.
    pub(super) async fn learn(&mut self) -> Result<(), Broken> {
        let now_ms = self.clock.unix_ms();
        let live = read::live(&self.store).await?;
        let expected = if self.served.is_none() { self.store.expected_agents().await? } else { Vec::new() };
        let faults = read::device_faults(&self.store, now_ms - FAULT.as_millis() as i64).await?;
        self.board.only(live.iter().map(|row| (row.token, row.sweep)));
        self.fleet = Fleet::new(self.terms, live, self.clock.now());
        self.fleet.expect(expected, self.clock.now());
        for fault in faults {
            let ago = Duration::from_millis(u64::try_from(now_ms - fault.at_ms).unwrap_or(0));
            self.fleet.device_failed_before(fault.job, &fault.agent, (fault.device, fault.device_index), ago);
        }
        Ok(())
    }

    async fn rest(&self, failures: u32) -> Result<(), Broken> {
        tokio::select! {
            () = self.stop.cancelled() => Err(StoreError::Stopping),
            () = tokio::time::sleep(wait(failures)) => Ok(()),
            () = self.answer_all() => unreachable!("it answers for ever"),
        }
    }

    /// A lock is waited out within the write itself, and a disk may be slow.
    async fn answer_soon(&self) {
        tokio::time::sleep(SLOW).await;
        self.answer_all().await;
    }

    /// What is believed stands still while the loop waits; that can be told.
    async fn answer_all(&self) {
        // Two writes may wait at once: one of them listens.
        let mut questions = self.questions.lock().await;
        while let Some(question) = questions.next().await {
            self.answer_question(question, self.clock.now());
        }
        // Nobody is left to ask.
        std::future::pending::<()>().await;
    }

    pub(super) fn answer_question(&self, question: Question, now: Duration) {
        match question {
            // Who asked may have gone away.
            Question::Agents { reply } => drop(reply.send(self.agents_now(now))),
            Question::Facts { job, sweep, reply } => drop(reply.send(self.facts(job, sweep, now))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_bounded() {
        assert_eq!((wait(0), wait(1), wait(5)), (FIRST, 2 * FIRST, 32 * FIRST));
        assert_eq!((wait(6), wait(u32::MAX)), (LONGEST, LONGEST));
    }
}
