//! The audit log: who did what, and what became of jobs and attempts.

use serde::Serialize;
use sqlx::SqliteConnection;
use sweep_shared::ids::{JobId, SweepId};

use super::StoreError;
use super::command::Tx;

/// One row of the log.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    actor: &'static str,
    what: String,
    sweep: Option<SweepId>,
    job: Option<JobId>,
    attempt: Option<u32>,
    detail: String,
}

/// Someone at a command line.
pub const USER: &str = "user";
/// The coordinator itself, or an agent's report.
pub const SWEEP: &str = "sweep";

impl Tx<'_> {
    /// Notes what happened to a job.
    pub(super) fn note_job(&mut self, what: impl Into<String>, at: (SweepId, JobId, u32), detail: impl Into<String>) {
        let (sweep, job, attempt) = at;
        let attempt = (attempt > 0).then_some(attempt);
        let (sweep, job) = (Some(sweep), Some(job));
        self.events.push(Event { actor: SWEEP, what: what.into(), sweep, job, attempt, detail: detail.into() });
    }

    /// Notes what a user did.
    pub(super) fn note_user(&mut self, what: &str, sweep: SweepId, job: Option<JobId>, detail: impl Into<String>) {
        let what = what.to_owned();
        self.events.push(Event { actor: USER, what, sweep: Some(sweep), job, attempt: None, detail: detail.into() });
    }

    /// Notes what became of a sweep.
    pub(super) fn note_sweep(&mut self, what: &str, sweep: SweepId) {
        let what = what.to_owned();
        let (job, attempt, detail) = (None, None, String::new());
        self.events.push(Event { actor: SWEEP, what, sweep: Some(sweep), job, attempt, detail });
    }
}

pub(super) async fn record(conn: &mut SqliteConnection, at_ms: i64, events: &[Event]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = json(&events);
    sqlx::query!(
        "INSERT INTO events (at_ms, actor, what, sweep, job, attempt, detail)
         SELECT ?2, value ->> 'actor', value ->> 'what', value ->> 'sweep', value ->> 'job', value ->> 'attempt',
                value ->> 'detail'
         FROM json_each(?1)",
        rows,
        at_ms
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Rows on their way into a set-based statement.
pub(super) fn json<T: Serialize>(rows: &T) -> String {
    serde_json::to_string(rows).expect("rows have text keys")
}
