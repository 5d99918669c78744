//! The only statements that set a state column. Each row is guarded by the state (and the attempt, and its lease) that the
//! step was decided on; as there is one writer, a miss is a mistake in this program and undoes the command.

use serde::Serialize;
use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::states::{AttemptState, FailureClass, JobState};

use super::StoreError;
use super::audit::json;
use super::command::Tx;
use crate::transition::{Step, To};

/// A job's step, on its way to the table.
#[derive(Debug, Clone, Serialize)]
pub struct JobMove {
    pub id: JobId,
    #[serde(skip)]
    pub sweep: SweepId,
    /// Guards: the row must still look like this.
    pub was: JobState,
    pub was_attempt: u32,
    pub state: JobState,
    pub attempt: u32,
    pub failures: u32,
    pub losses: u32,
    pub not_before_ms: i64,
    pub class: Option<FailureClass>,
    /// `None`: as it was.
    pub message: Option<String>,
    /// For the audit log; where it is empty, the message stands there.
    #[serde(skip)]
    pub note: String,
    pub inputs_digest: Option<String>,
    ended: bool,
}

impl JobMove {
    /// The step of a job that stays at its newest attempt.
    pub fn new(id: JobId, sweep: SweepId, was: JobState, attempt: u32, step: Step) -> Self {
        let state = step.to.state();
        Self {
            id,
            sweep,
            was,
            was_attempt: attempt,
            state,
            attempt,
            failures: step.failures,
            losses: step.losses,
            not_before_ms: 0,
            class: if let To::Failed(class) = step.to { Some(class) } else { None },
            message: Some(String::new()),
            note: String::new(),
            inputs_digest: None,
            ended: state.is_terminal(),
        }
    }
}

/// Writes the steps and notes them; exactly one row each.
pub async fn write_jobs(tx: &mut Tx<'_>, moves: &[JobMove]) -> Result<(), StoreError> {
    if moves.is_empty() {
        return Ok(());
    }
    let rows = json(&moves);
    let done = sqlx::query!(
        "UPDATE jobs SET state = m.state, attempt = m.attempt, failures = m.failures, losses = m.losses,
                not_before_ms = m.not_before_ms, failure_class = m.class,
                message = coalesce(m.message, jobs.message), inputs_digest = coalesce(m.inputs_digest, jobs.inputs_digest), changed_ms = ?2,
                finished_ms = CASE m.ended WHEN 1 THEN ?2 END
         FROM (SELECT value ->> 'id' AS id, value ->> 'was' AS was, value ->> 'was_attempt' AS was_attempt,
                      value ->> 'state' AS state, value ->> 'attempt' AS attempt, value ->> 'failures' AS failures,
                      value ->> 'losses' AS losses, value ->> 'not_before_ms' AS not_before_ms,
                      value ->> 'class' AS class, value ->> 'message' AS message,
                      value ->> 'inputs_digest' AS inputs_digest, value ->> 'ended' AS ended
               FROM json_each(?1)) AS m
         WHERE jobs.id = m.id AND jobs.state = m.was AND jobs.attempt = m.was_attempt",
        rows,
        tx.now_ms
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    exactly(moves.len(), done, "jobs")?;
    for step in moves {
        let detail = if step.note.is_empty() { step.message.clone().unwrap_or_default() } else { step.note.clone() };
        tx.note_job(step.state, (step.sweep, step.id, step.attempt), detail);
        tx.changes.jobs.push((step.sweep, step.id));
        tx.changes.ready |= step.state == JobState::Ready;
    }
    Ok(())
}

/// An attempt's step, on its way to the table.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptMove {
    #[serde(skip)]
    pub sweep: SweepId,
    pub job: JobId,
    pub number: u32,
    pub lease: i64,
    pub was: AttemptState,
    pub state: AttemptState,
    pub class: Option<FailureClass>,
    pub message: String,
    pub run_s: Option<f64>,
    /// 0: unknown.
    pub peak_memory_bytes: u64,
    /// Whether its runner was ever begun.
    pub began: bool,
    ended: bool,
}

impl AttemptMove {
    pub fn new(sweep: SweepId, token: Token, was: AttemptState, state: AttemptState) -> Self {
        let began = !matches!(state, AttemptState::Refused | AttemptState::Lost | AttemptState::Stale);
        Self {
            sweep,
            job: token.job,
            number: token.attempt,
            lease: token.lease as i64,
            was,
            state,
            class: None,
            message: String::new(),
            run_s: None,
            peak_memory_bytes: 0,
            began,
            ended: state.is_terminal(),
        }
    }

    fn token(&self) -> Token {
        Token { job: self.job, attempt: self.number, lease: self.lease as u64 }
    }
}

/// Writes the steps and notes them; exactly one row each.
pub async fn write_attempts(tx: &mut Tx<'_>, moves: &[AttemptMove]) -> Result<(), StoreError> {
    if moves.is_empty() {
        return Ok(());
    }
    let rows = json(&moves);
    let done = sqlx::query!(
        "UPDATE attempts SET state = m.state, failure_class = m.class, message = m.message,
                run_s = coalesce(m.run_s, attempts.run_s), peak_memory_bytes = m.peak,
                started_ms = coalesce(attempts.started_ms,
                                      CASE m.began WHEN 1 THEN ?2 - CAST(coalesce(m.run_s, 0) * 1000 AS INTEGER) END),
                finished_ms = CASE m.ended WHEN 1 THEN ?2 END
         FROM (SELECT value ->> 'job' AS job, value ->> 'number' AS number, value ->> 'lease' AS lease,
                      value ->> 'was' AS was, value ->> 'state' AS state, value ->> 'class' AS class,
                      value ->> 'message' AS message, value ->> 'run_s' AS run_s,
                      value ->> 'peak_memory_bytes' AS peak, value ->> 'began' AS began, value ->> 'ended' AS ended
               FROM json_each(?1)) AS m
         WHERE attempts.job = m.job AND attempts.number = m.number AND attempts.lease = m.lease
           AND attempts.state = m.was",
        rows,
        tx.now_ms
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    exactly(moves.len(), done, "attempts")?;
    for step in moves.iter().filter(|step| step.state != AttemptState::Succeeded) {
        tx.note_attempt(step.state, step.sweep, step.token(), step.message.clone());
    }
    Ok(())
}

/// Marks the live attempts of jobs that have ended under them: they are to be killed, and count for nothing.
pub async fn give_up_attempts(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let rows = json(&jobs);
    sqlx::query!(
        "UPDATE attempts SET unwanted = 1 WHERE finished_ms IS NULL AND job IN (SELECT value FROM json_each(?))",
        rows
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

fn exactly(wanted: usize, done: u64, what: &str) -> Result<(), StoreError> {
    if wanted as u64 == done {
        return Ok(());
    }
    Err(StoreError::Refused(format!("{done} of {wanted} {what} were still in the state that the step was decided on")))
}
