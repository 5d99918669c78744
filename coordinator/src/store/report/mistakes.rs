//! Mistakes that the simulation plants.

use sweep_shared::ids::Token;

use super::{Report, StoreError, Tx};

/// A store without a fence: whatever is said of a job counts for the attempt that it has now.
pub async fn unfence(tx: &mut Tx<'_>, reports: &mut [Report]) -> Result<(), StoreError> {
    for Report { token, .. } in reports {
        let live: Option<(u32, i64)> =
            sqlx::query_as("SELECT number, lease FROM attempts WHERE job = ? AND finished_ms IS NULL")
                .bind(token.job.0)
                .fetch_optional(&mut *tx.conn)
                .await?;
        if let Some((attempt, lease)) = live {
            *token = Token { attempt, lease: lease as u64, ..*token };
        }
    }
    Ok(())
}

/// A store that does not look whether it has recorded a report already.
pub async fn advance_blindly(tx: &mut Tx<'_>, reports: &[Report]) -> Result<(), StoreError> {
    for (spool, seq) in reports.iter().filter_map(|report| report.spooled.as_ref()) {
        sqlx::query("UPDATE spools SET acked_seq = max(acked_seq, ?) WHERE id = ?")
            .bind(*seq as i64)
            .bind(spool)
            .execute(&mut *tx.conn)
            .await?;
    }
    Ok(())
}
