//! The only task that writes. It takes what is queued, carries it out in one transaction, a savepoint per command, and
//! tells the callers after the commit: under load many commands share one sync of the disk.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::{Acquire, Connection, SqliteConnection};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::command::{Changes, Command, Envelope, Queued, Tx};
use super::database::Database;
use super::{StoreError, Tally, Trial, audit, notices};
use crate::clock::Clock;
use crate::notices::Rules;

/// Commands in one commit: enough to share the sync, few enough that no caller waits long.
const MOST_PER_COMMIT: usize = 256;

pub(crate) struct Writer {
    pub(super) database: Database,
    pub(super) queue: mpsc::Receiver<Box<dyn Queued>>,
    pub(super) changes: broadcast::Sender<Arc<Changes>>,
    pub(super) clock: Arc<dyn Clock>,
    /// Who is told of what; unset: as its default says.
    pub(super) rules: Arc<OnceLock<Rules>>,
    pub(super) stop: CancellationToken,
    pub(super) tally: Arc<Tally>,
}

/// How often it is tried whether the files can be written again, where nobody wants anything written.
const TRIALS: Duration = Duration::from_secs(1);

/// Commands that one commit carries out.
#[derive(Default)]
pub(crate) struct Batch(Vec<Box<dyn Queued>>);

impl Batch {
    /// A command whose answer nobody waits for. How many those are.
    fn push<C: Command>(&mut self, command: C) -> usize {
        let (queued, _) = Envelope::new(command);
        self.0.push(queued);
        1
    }
}

impl Writer {
    /// Runs until it is stopped, and finishes what was queued by then.
    pub async fn run(mut self) {
        loop {
            let mut batch = Batch::default();
            let taken = tokio::select! {
                taken = self.queue.recv_many(&mut batch.0, MOST_PER_COMMIT) => taken,
                () = tokio::time::sleep(TRIALS), if self.database.wants_trial() => batch.push(Trial),
                () = self.stop.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            if taken == 0 {
                break;
            }
            let committed = self.commit(&mut batch).await;
            self.answer(batch, committed);
        }
        self.close().await;
    }

    /// Waits for something to do. 0: nothing will come any more.
    #[cfg(feature = "simulation")]
    pub(crate) async fn take(&mut self, batch: &mut Batch) -> usize {
        self.queue.recv_many(&mut batch.0, MOST_PER_COMMIT).await
    }

    /// Carries out what was taken, all in one commit. Nobody is told yet.
    pub(crate) async fn commit(&mut self, batch: &mut Batch) -> Result<Changes, StoreError> {
        match self.carry_out(&mut batch.0).await {
            Ok(changes) => Ok(changes),
            Err(error) => Err(self.database.failed(error).await),
        }
    }

    /// Tells those who asked, then those who watch.
    pub(crate) fn answer(&self, batch: Batch, committed: Result<Changes, StoreError>) {
        self.tally.count(batch.0.len(), committed.is_ok());
        let result = committed.as_ref().map(|_| ()).map_err(StoreError::clone);
        for queued in batch.0 {
            queued.settle(result.clone());
        }
        if let Ok(changes) = committed
            && !changes.is_empty()
        {
            // Nobody may be watching.
            let _ = self.changes.send(Arc::new(changes));
        }
    }

    pub(crate) async fn close(self) {
        self.database.close().await;
    }

    async fn carry_out(&mut self, batch: &mut [Box<dyn Queued>]) -> Result<Changes, StoreError> {
        let now_ms = self.clock.unix_ms();
        let Some(changes) =
            commit(self.database.conn().await?, batch, now_ms, self.rules.get_or_init(Rules::default)).await?
        else {
            return Ok(Changes::default());
        };
        self.database.worked();
        Ok(changes)
    }
}

/// All commands in one transaction. `None`: the only one was refused, and there was nothing to commit.
async fn commit(
    conn: &mut SqliteConnection,
    batch: &mut [Box<dyn Queued>],
    now_ms: i64,
    rules: &Rules,
) -> Result<Option<Changes>, StoreError> {
    let alone = batch.len() == 1;
    let mut all = Changes::default();
    let mut events = Vec::new();
    let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
    for queued in batch {
        if alone {
            let mut tx = Tx { conn: &mut transaction, now_ms, changes: Changes::default(), events: Vec::new() };
            if !queued.apply(&mut tx).await {
                if let Some(error) = queued.spoils() {
                    return Err(error);
                }
                transaction.rollback().await?;
                return Ok(None);
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
        } else if let Some(error) = queued.spoils() {
            return Err(error);
        } else {
            savepoint.rollback().await?;
        }
    }
    let last = audit::record(&mut transaction, now_ms, &events).await?;
    all.notices |= notices::record(&mut transaction, now_ms, (&events, last), rules).await?;
    transaction.commit().await?;
    audit::tell(&events);
    all.events = events.len();
    Ok(Some(all))
}
