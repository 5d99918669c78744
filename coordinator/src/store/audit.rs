//! The audit log: who did what, and what became of jobs and attempts.

use serde::Serialize;
use sqlx::SqliteConnection;
use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::states::{AttemptState, JobState};

use super::StoreError;
use super::command::Tx;

/// One row of the log.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    actor: String,
    pub(super) what: String,
    pub(super) sweep: Option<SweepId>,
    pub(super) job: Option<JobId>,
    attempt: Option<u32>,
    detail: String,
    /// Of interest to whoever looks at the coordinator's own log.
    #[serde(skip)]
    loud: bool,
}

/// The coordinator itself, or an agent's report.
pub const SWEEP: &str = "sweep";

impl Event {
    fn of_sweep(what: &str, detail: impl Into<String>) -> Self {
        let (actor, what, detail) = (SWEEP.to_owned(), what.to_owned(), detail.into());
        Self { actor, what, sweep: None, job: None, attempt: None, detail, loud: true }
    }

    /// One line, as the coordinator's log shows it.
    fn tell(&self) {
        let (sweep, job) = (self.sweep.map(tracing::field::display), self.job.map(tracing::field::display));
        let Self { actor, what, attempt, detail, .. } = self;
        if self.loud {
            tracing::info!(actor, sweep, job, attempt, detail, "{what}");
        } else {
            tracing::debug!(actor, sweep, job, attempt, detail, "{what}");
        }
    }
}

impl Tx<'_> {
    /// Notes what happened to a job.
    pub(super) fn note_job(&mut self, what: JobState, at: (SweepId, JobId, u32), detail: impl Into<String>) {
        let (sweep, job, attempt) = at;
        let attempt = (attempt > 0).then_some(attempt);
        let (sweep, job, loud) = (Some(sweep), Some(job), what == JobState::Failed);
        self.events.push(Event { sweep, job, attempt, loud, ..Event::of_sweep(what.as_str(), detail) });
    }

    /// Notes what became of an attempt. Its grant and its success are told with its job's.
    pub(super) fn note_attempt(&mut self, state: AttemptState, sweep: SweepId, token: Token, detail: String) {
        let (sweep, job, attempt) = (Some(sweep), Some(token.job), Some(token.attempt));
        let what = format!("attempt_{state}");
        self.events.push(Event { sweep, job, attempt, loud: false, ..Event::of_sweep(&what, detail) });
    }

    /// Notes what a user did.
    pub(super) fn note_user(
        &mut self,
        actor: &str,
        what: &str,
        sweep: SweepId,
        job: Option<JobId>,
        detail: impl Into<String>,
    ) {
        let (actor, sweep) = (actor.to_owned(), Some(sweep));
        self.events.push(Event { actor, sweep, job, ..Event::of_sweep(what, detail) });
    }

    /// Notes what became of a sweep.
    pub(super) fn note_sweep(&mut self, what: &str, sweep: SweepId, detail: impl Into<String>) {
        self.events.push(Event { sweep: Some(sweep), ..Event::of_sweep(what, detail) });
    }

    /// Notes what concerns an agent, or everything.
    pub(super) fn note_world(&mut self, actor: &str, what: &str, detail: impl Into<String>) {
        self.events.push(Event { actor: actor.to_owned(), ..Event::of_sweep(what, detail) });
    }
}

/// After the commit: a line of the coordinator's own log for each.
pub(super) fn tell(events: &[Event]) {
    events.iter().for_each(Event::tell);
}

/// Writes them in their order, under ids that follow each other. Answers the last one's.
pub(super) async fn record(conn: &mut SqliteConnection, at_ms: i64, events: &[Event]) -> Result<i64, StoreError> {
    if events.is_empty() {
        return Ok(0);
    }
    let rows = json(&events);
    let done = sqlx::query!(
        "INSERT INTO events (at_ms, actor, what, sweep, job, attempt, detail)
         SELECT ?2, value ->> 'actor', value ->> 'what', value ->> 'sweep', value ->> 'job', value ->> 'attempt',
                value ->> 'detail'
         FROM json_each(?1)",
        rows,
        at_ms
    )
    .execute(conn)
    .await?;
    Ok(done.last_insert_rowid())
}

/// Rows on their way into a set-based statement.
pub(super) fn json<T: Serialize>(rows: &T) -> String {
    serde_json::to_string(rows).expect("rows have text keys")
}
