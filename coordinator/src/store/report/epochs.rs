//! What runners measured between epochs.

use serde::Serialize;
use sweep_shared::event::Epoch;
use sweep_shared::ids::Token;

use super::super::audit::json;
use super::{StoreError, Tx};

#[derive(Serialize)]
struct Row<'a> {
    job: i64,
    attempt: u32,
    epoch: u32,
    epochs: u32,
    phase: &'a str,
    metrics: String,
}

/// An epoch that is told twice stays as it was told first.
pub async fn insert(
    tx: &mut Tx<'_>,
    epochs: &[(Token, Epoch)],
    resumed: &[(Token, (u32, u64))],
) -> Result<(), StoreError> {
    if !epochs.is_empty() {
        let rows: Vec<Row<'_>> = epochs.iter().map(|(token, epoch)| row(*token, epoch)).collect();
        let rows = json(&rows);
        sqlx::query!(
            "INSERT INTO epochs (job, attempt, epoch, epochs, phase, metrics_json, at_ms)
             SELECT value ->> 'job', value ->> 'attempt', value ->> 'epoch', value ->> 'epochs', value ->> 'phase',
                    value ->> 'metrics', ?2
             FROM json_each(?1) WHERE true
             ON CONFLICT DO NOTHING",
            rows,
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?;
    }
    for (token, from) in resumed {
        note_lineage(tx, *token, *from).await?;
    }
    Ok(())
}

/// Whose checkpoint the attempt went on from: that of the newest earlier attempt with one at this place; where newer ones
/// have taken the checkpoint's place already, the newest that came so far.
async fn note_lineage(tx: &mut Tx<'_>, token: Token, (epoch, step): (u32, u64)) -> Result<(), StoreError> {
    let position = super::checkpoints::position(epoch, step);
    sqlx::query!(
        "UPDATE attempts SET resumed_epoch = ?3, resumed_attempt = coalesce(
                (SELECT max(attempt) FROM checkpoints WHERE job = ?1 AND attempt < ?2 AND epoch = ?3 AND step = ?4),
                (SELECT max(attempt) FROM epochs WHERE job = ?1 AND attempt < ?2 AND epoch >= ?3), 0)
         WHERE job = ?1 AND number = ?2",
        token.job.0,
        token.attempt,
        epoch,
        position
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

fn row(token: Token, epoch: &Epoch) -> Row<'_> {
    Row {
        job: token.job.0,
        attempt: token.attempt,
        epoch: epoch.epoch,
        epochs: epoch.epochs,
        phase: &epoch.phase,
        metrics: json(&epoch.metrics),
    }
}
