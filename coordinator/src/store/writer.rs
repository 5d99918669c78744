//! The only task that writes. It takes what is queued, carries it out in one transaction, a savepoint per command, and
//! tells the callers after the commit: under load many commands share one sync of the disk.

use std::sync::Arc;

use sqlx::{Acquire, Connection, SqliteConnection};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::command::{Changes, Queued, Tx};
use super::{StoreError, audit};
use crate::clock::Clock;

/// Commands in one commit: enough to share the sync, few enough that no caller waits long.
const MOST_PER_COMMIT: usize = 256;

pub(super) struct Writer {
    pub conn: SqliteConnection,
    pub queue: mpsc::Receiver<Box<dyn Queued>>,
    pub changes: broadcast::Sender<Arc<Changes>>,
    pub clock: Arc<dyn Clock>,
    pub stop: CancellationToken,
}

impl Writer {
    /// Runs until it is stopped, and finishes what was queued by then.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let taken = tokio::select! {
                taken = self.queue.recv_many(&mut batch, MOST_PER_COMMIT) => taken,
                () = self.stop.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            if taken == 0 {
                break;
            }
            let committed = self.commit(&mut batch).await;
            let (result, changes) = match committed {
                Ok(changes) => (Ok(()), changes),
                Err(error) => {
                    tracing::error!(%error, commands = batch.len(), "a commit failed; nothing of it is recorded");
                    (Err(error), Changes::default())
                }
            };
            for queued in batch.drain(..) {
                queued.settle(result.clone());
            }
            if !changes.is_empty() {
                // Nobody may be watching.
                let _ = self.changes.send(Arc::new(changes));
            }
        }
        if let Err(error) = self.conn.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    async fn commit(&mut self, batch: &mut [Box<dyn Queued>]) -> Result<Changes, StoreError> {
        let now_ms = self.clock.unix_ms();
        let alone = batch.len() == 1;
        let mut all = Changes::default();
        let mut events = Vec::new();
        let mut transaction = self.conn.begin_with("BEGIN IMMEDIATE").await?;
        for queued in batch {
            if alone {
                let mut tx = Tx { conn: &mut transaction, now_ms, changes: Changes::default(), events: Vec::new() };
                if !queued.apply(&mut tx).await {
                    transaction.rollback().await?;
                    return Ok(all);
                }
                all.absorb(tx.changes);
                events.append(&mut tx.events);
                break;
            }
            let mut savepoint = transaction.begin().await?;
            let mut tx = Tx { conn: &mut savepoint, now_ms, changes: Changes::default(), events: Vec::new() };
            let done = queued.apply(&mut tx).await;
            let (changes, mut recorded) = (tx.changes, tx.events);
            if done {
                savepoint.commit().await?;
                all.absorb(changes);
                events.append(&mut recorded);
            } else {
                savepoint.rollback().await?;
            }
        }
        audit::record(&mut transaction, now_ms, &events).await?;
        transaction.commit().await?;
        Ok(all)
    }
}
