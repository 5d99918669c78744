//! Whose turn it is: jobs of higher priority are granted first. A job's priority is its sweep's and its own together.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::JobState;

use super::target::open;
use super::{Command, StoreError, Target, Tx};

/// Sets the priority of a sweep, or of a job within its sweep. Higher goes first.
#[derive(Debug, Clone)]
pub struct SetPriority {
    pub target: Target,
    pub priority: i32,
    /// Who wants it.
    pub actor: String,
}

impl Command for SetPriority {
    /// How many open jobs this concerns.
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let (sweep, jobs) = open(tx, self.target).await?;
        tx.note_user(&self.actor, "priority", sweep, self.target.job(), self.priority.to_string());
        match self.target {
            Target::Sweep(_) => of_sweep(tx, sweep, i64::from(self.priority)).await?,
            Target::Job(job) => {
                sqlx::query!("UPDATE jobs SET own_priority = ? WHERE id = ?", self.priority, job.0)
                    .execute(&mut *tx.conn)
                    .await?;
            }
        }
        add_up(tx, sweep).await?;
        tx.changes.jobs.extend(jobs.iter().map(|open| (sweep, open.id)));
        Ok(jobs.len() as u32)
    }
}

pub(super) async fn of_sweep(tx: &mut Tx<'_>, sweep: SweepId, priority: i64) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sweeps SET priority = ? WHERE id = ?", priority, sweep.0).execute(&mut *tx.conn).await?;
    tx.changes.sweeps.insert(sweep);
    Ok(())
}

/// Brings the jobs' effective priorities up to date after the sweep's, or their own, changed.
pub(super) async fn add_up(tx: &mut Tx<'_>, sweep: SweepId) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"UPDATE jobs SET priority = w.priority + own_priority FROM sweeps w
           WHERE jobs.sweep = ?1 AND w.id = ?1 AND jobs.priority <> w.priority + own_priority
           RETURNING jobs.id AS "id!: i64", jobs.priority AS "priority!: i64", jobs.state AS "state!: String""#,
        sweep.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    // A running job's says how soon it must give way, also while its last attempt is being stopped. A paused one may have an
    // attempt, too, and be resumed with it.
    let may_live = [JobState::Running.as_str(), JobState::Paused.as_str()];
    let live = rows.iter().filter(|row| may_live.contains(&row.state.as_str()));
    tx.changes.priorities.extend(live.map(|row| (JobId(row.id), row.priority)));
    tx.changes.ready |= !rows.is_empty();
    Ok(())
}

/// Puts what the sweep has still to do before the unfinished jobs of all other sweeps.
pub(super) async fn raise(tx: &mut Tx<'_>, sweep: SweepId) -> Result<(), StoreError> {
    let highest = sqlx::query_scalar!(
        r#"SELECT max(j.priority) AS "highest?: i64" FROM sweeps s JOIN jobs j ON j.sweep = s.id
           WHERE s.state = 'active' AND s.id <> ? AND j.state IN ('blocked', 'ready', 'running', 'paused')"#,
        sweep.0
    )
    .fetch_one(&mut *tx.conn)
    .await?;
    // With nobody to pass there is nothing to write.
    let Some(highest) = highest else { return Ok(()) };
    let lowest = sqlx::query_scalar!(
        r#"SELECT min(j.priority) - w.priority AS "lowest?: i64" FROM sweeps w JOIN jobs j ON j.sweep = w.id
           WHERE w.id = ? AND j.state IN ('blocked', 'ready', 'running', 'paused')"#,
        sweep.0
    )
    .fetch_one(&mut *tx.conn)
    .await?;
    let Some(lowest) = lowest else { return Ok(()) };
    let enough = highest + 1 - lowest;
    sqlx::query!("UPDATE sweeps SET priority = max(priority, ?) WHERE id = ?", enough, sweep.0)
        .execute(&mut *tx.conn)
        .await?;
    add_up(tx, sweep).await
}
