//! A sweep ends with its last job, and comes back with a retry.

use std::collections::BTreeSet;

use sweep_shared::ids::SweepId;
use sweep_shared::states::{JobState, SweepState};

use super::StoreError;
use super::command::Tx;
use crate::transition::sweep_end;

/// Ends those of the sweeps whose jobs have all ended.
pub async fn end(tx: &mut Tx<'_>, sweeps: &BTreeSet<SweepId>) -> Result<(), StoreError> {
    for &sweep in sweeps {
        if let Some(state) = end_of(tx, sweep).await? {
            set_state(tx, sweep, SweepState::Active, state).await?;
        }
    }
    Ok(())
}

/// Brings the state in line with the jobs after their plan changed: one that gained jobs goes on, one that lost all that was
/// still to do, or what had failed, ends otherwise.
pub async fn settle(tx: &mut Tx<'_>, sweep: SweepId) -> Result<(), StoreError> {
    let was = state(tx, sweep).await?;
    let now = end_of(tx, sweep).await?.unwrap_or(SweepState::Active);
    if now != was {
        set_state(tx, sweep, was, now).await?;
    }
    Ok(())
}

/// The end that the sweep's jobs have come to; `None` while any can still go on.
async fn end_of(tx: &mut Tx<'_>, sweep: SweepId) -> Result<Option<SweepState>, StoreError> {
    if has_open_jobs(tx, sweep).await? {
        return Ok(None);
    }
    let words = sqlx::query_scalar!("SELECT DISTINCT state FROM jobs WHERE sweep = ? AND dropped = 0", sweep.0)
        .fetch_all(&mut *tx.conn)
        .await?;
    let states: Vec<JobState> = words.iter().filter_map(|word| word.parse().ok()).collect();
    Ok(sweep_end(states))
}

/// Sets a sweep's state where it is still `was`; a sweep that the user cancelled stays so. What is over is not paused.
pub async fn set_state(
    tx: &mut Tx<'_>,
    sweep: SweepId,
    was: SweepState,
    state: SweepState,
) -> Result<bool, StoreError> {
    let finished_ms = (state != SweepState::Active).then_some(tx.now_ms);
    let (was, word) = (was.as_str(), state.as_str());
    let done = sqlx::query!(
        "UPDATE sweeps SET state = ?1, finished_ms = ?2, paused = CASE WHEN ?2 IS NULL THEN paused ELSE 0 END,
                paused_reason = CASE WHEN ?2 IS NULL THEN paused_reason ELSE '' END
         WHERE id = ?3 AND state = ?4",
        word,
        finished_ms,
        sweep.0,
        was
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    if done == 1 {
        tx.note_sweep(word, sweep, "");
        tx.changes.sweeps.insert(sweep);
    }
    Ok(done == 1)
}

/// The sweep's present state.
pub async fn state(tx: &mut Tx<'_>, sweep: SweepId) -> Result<SweepState, StoreError> {
    let word = sqlx::query_scalar!("SELECT state FROM sweeps WHERE id = ?", sweep.0)
        .fetch_optional(&mut *tx.conn)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("sweep {sweep}")))?;
    word.parse().map_err(|e| StoreError::Refused(format!("{e}")))
}

async fn has_open_jobs(tx: &mut Tx<'_>, sweep: SweepId) -> Result<bool, StoreError> {
    let open = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM jobs WHERE sweep = ? AND state IN ('blocked', 'ready', 'running', 'paused'))
           AS "open!: bool""#,
        sweep.0
    )
    .fetch_one(&mut *tx.conn)
    .await?;
    Ok(open)
}
