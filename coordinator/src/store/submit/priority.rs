//! Whose turn it is: jobs of higher priority are granted first.

use sweep_shared::ids::SweepId;

use super::{StoreError, Tx};

/// Puts what the sweep has still to do before the unfinished jobs of all other sweeps.
pub async fn raise(tx: &mut Tx<'_>, sweep: SweepId) -> Result<(), StoreError> {
    let highest = sqlx::query_scalar!(
        r#"SELECT max(j.priority) AS "highest?: i64" FROM sweeps s JOIN jobs j ON j.sweep = s.id
           WHERE s.state = 'active' AND s.id <> ? AND j.state IN ('blocked', 'ready', 'running', 'paused')"#,
        sweep.0
    )
    .fetch_one(&mut *tx.conn)
    .await?;
    // With nobody to pass there is nothing to write.
    let Some(highest) = highest else { return Ok(()) };
    let raised = sqlx::query!(
        "UPDATE jobs SET priority = ?2 + 1
         WHERE sweep = ?1 AND priority <= ?2 AND state IN ('blocked', 'ready', 'running', 'paused')",
        sweep.0,
        highest
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    tx.changes.ready |= raised > 0;
    Ok(())
}
