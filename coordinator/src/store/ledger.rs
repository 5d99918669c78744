//! Attempts and their jobs while a command decides about them: loaded once, changed in memory, written at the end.

use std::collections::{BTreeMap, BTreeSet};

use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::resources::Usage;
use sweep_shared::states::{AttemptState, FailureClass, JobState};

use super::StoreError;
use super::audit::json;
use super::command::Tx;
use super::moves::{AttemptMove, JobMove, write_attempts, write_jobs};
use super::{graph, sweeps};
use crate::transition::{AttemptEvent, Job, JobEvent, Refusal, To, next_attempt, next_job};

/// The attempts that a command concerns, by token. A token that is not here was never granted, or is of another generation.
pub struct Ledger {
    entries: BTreeMap<Token, Entry>,
}

/// One attempt and its job.
pub struct Entry {
    pub sweep: SweepId,
    token: Token,
    job: Job,
    job_was: JobState,
    job_attempt: u32,
    /// The job ended under it.
    unwanted: bool,
    attempt: AttemptState,
    attempt_was: AttemptState,
    inputs_digest: String,
    has_readers: bool,
    /// Of this job there are some, or will be by this command.
    pub has_checkpoints: bool,
    end: Option<End>,
}

/// What ended the attempt, and what that makes of the job where it was still the job's attempt.
struct End {
    detail: Detail,
    job: Option<(crate::transition::Step, i64)>,
}

/// What an end comes with.
#[derive(Default)]
pub struct Detail {
    pub class: Option<FailureClass>,
    pub message: String,
    /// What the job says instead, where that is more than the attempt does.
    pub job_message: Option<String>,
    /// As its agent told.
    pub usage: Option<Usage>,
    /// How long a failed job waits before it is tried again.
    pub wait_ms: i64,
}

impl Ledger {
    /// Reads the attempts with these tokens, the lease included.
    pub async fn load(tx: &mut Tx<'_>, tokens: impl IntoIterator<Item = Token>) -> Result<Self, StoreError> {
        let wanted: BTreeSet<(i64, u32, i64)> =
            tokens.into_iter().map(|t| (t.job.0, t.attempt, t.lease as i64)).collect();
        let wanted = json(&wanted);
        let rows = sqlx::query!(
            r#"SELECT a.job AS "job!: i64", a.number AS "number!: i64", a.lease, a.state, a.inputs_digest,
                      a.unwanted AS "unwanted!: bool", j.sweep, j.state AS job_state, j.attempt AS job_attempt,
                      j.failures, j.losses, j.retries, j.most_losses,
                      EXISTS (SELECT 1 FROM job_inputs i WHERE i.source = a.job) AS "has_readers!: bool",
                      EXISTS (SELECT 1 FROM checkpoints c WHERE c.job = a.job) AS "has_checkpoints!: bool"
               FROM json_each(?1) t
               JOIN attempts a ON a.job = t.value ->> 0 AND a.number = t.value ->> 1 AND a.lease = t.value ->> 2
               JOIN jobs j ON j.id = a.job"#,
            wanted
        )
        .fetch_all(&mut *tx.conn)
        .await?;
        let mut entries = BTreeMap::new();
        for row in rows {
            let token = Token { job: JobId(row.job), attempt: row.number as u32, lease: row.lease as u64 };
            let attempt: AttemptState = word(&row.state)?;
            let job = Job {
                state: word(&row.job_state)?,
                failures: row.failures as u32,
                losses: row.losses as u32,
                retries: row.retries as u32,
                most_losses: row.most_losses as u32,
            };
            let entry = Entry {
                sweep: SweepId(row.sweep),
                token,
                job,
                job_was: job.state,
                job_attempt: row.job_attempt as u32,
                unwanted: row.unwanted,
                attempt,
                attempt_was: attempt,
                inputs_digest: row.inputs_digest,
                has_readers: row.has_readers,
                has_checkpoints: row.has_checkpoints,
                end: None,
            };
            entries.insert(token, entry);
        }
        Ok(Self { entries })
    }

    /// The attempt, where it is still live. A stale token has none.
    pub fn live(&mut self, token: Token) -> Option<&mut Entry> {
        self.entries.get_mut(&token).filter(|entry| !entry.attempt.is_terminal())
    }

    /// Writes what changed, and what follows from it: readers are unblocked or skipped, sweeps end.
    pub async fn save(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let (mut jobs, mut attempts) = (Vec::new(), Vec::new());
        let (mut succeeded, mut spoilt, mut ended) = (Vec::new(), Vec::new(), BTreeSet::new());
        for entry in self.entries.into_values() {
            if let Some(step) = entry.job_move() {
                match step.state {
                    JobState::Succeeded if entry.has_readers => succeeded.push(step.id),
                    state if state.is_terminal() && entry.has_readers => spoilt.push(step.id),
                    _ => {}
                }
                if step.state.is_terminal() {
                    ended.insert(step.sweep);
                }
                if step.state == JobState::Succeeded {
                    tx.changes.published.push(step.id);
                }
                jobs.push(step);
            }
            attempts.extend(entry.attempt_move());
        }
        write_attempts(tx, &attempts).await?;
        write_jobs(tx, &jobs).await?;
        graph::unblock(tx, &succeeded).await?;
        graph::skip(tx, &spoilt).await?;
        sweeps::end(tx, &ended).await
    }
}

impl Entry {
    /// Whether what it does still counts for the job; not so after a cancel.
    pub fn is_current(&self) -> bool {
        let open = matches!(self.job.state, JobState::Running | JobState::Paused);
        open && !self.unwanted && self.job_attempt == self.token.attempt
    }

    pub fn attempt_state(&self) -> AttemptState {
        self.attempt
    }

    /// Failures of the job so far.
    pub fn failures(&self) -> u32 {
        self.job.failures
    }

    /// The agent has it.
    pub fn accept(&mut self) -> Result<(), Refusal> {
        self.attempt = next_attempt(self.attempt, AttemptEvent::Accepted)?;
        Ok(())
    }

    /// The slot is free, the files are on their way.
    pub fn finishing(&mut self) -> Result<(), Refusal> {
        self.attempt = next_attempt(self.attempt, AttemptEvent::Finishing)?;
        Ok(())
    }

    /// Ends the attempt, and moves the job on where it still runs this attempt.
    pub fn end(&mut self, attempt: AttemptEvent, job: JobEvent, detail: Detail, now_ms: i64) -> Result<(), Refusal> {
        if !self.is_current() {
            self.attempt = next_attempt(self.attempt, AttemptEvent::Cancelled)?;
            self.end = Some(End { detail: Detail { class: None, ..detail }, job: None });
            return Ok(());
        }
        let step = next_job(self.job, job)?;
        self.attempt = next_attempt(self.attempt, attempt)?;
        self.job.state = step.to.state();
        let not_before_ms = if step.to == To::ReadyLater { now_ms + detail.wait_ms } else { 0 };
        self.end = Some(End { detail, job: Some((step, not_before_ms)) });
        Ok(())
    }

    fn job_move(&self) -> Option<JobMove> {
        let end = self.end.as_ref()?;
        let (step, not_before_ms) = end.job?;
        let mut step = JobMove::new(self.token.job, self.sweep, self.job_was, self.token.attempt, step);
        step.not_before_ms = not_before_ms;
        // What is paused goes on to say by whom, when its attempt has obeyed.
        let obeyed = step.state == JobState::Paused && self.attempt == AttemptState::Interrupted;
        step.message = (!obeyed).then(|| end.detail.job_message.clone().unwrap_or_else(|| end.detail.message.clone()));
        // A job that is to be tried again shows why.
        step.class = step.class.or(end.detail.class);
        step.inputs_digest = (step.state == JobState::Succeeded).then(|| self.inputs_digest.clone());
        Some(step)
    }

    fn attempt_move(&self) -> Option<AttemptMove> {
        if self.attempt == self.attempt_was {
            return None;
        }
        let mut step = AttemptMove::new(self.sweep, self.token, self.attempt_was, self.attempt);
        if let Some(End { detail, .. }) = &self.end {
            step.class = detail.class;
            step.message.clone_from(&detail.message);
            step.run_s = detail.usage.map(|usage| usage.run_s);
            step.peak_memory_bytes = detail.usage.map_or(0, |usage| usage.peak_memory_bytes);
        }
        Some(step)
    }
}

/// Reads a word that a CHECK guards.
pub fn word<T: std::str::FromStr>(text: &str) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e: T::Err| StoreError::Refused(format!("the database holds a word that is none: {e}")))
}
