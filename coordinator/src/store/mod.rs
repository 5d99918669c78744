//! The database: the only folder that speaks SQL.
//!
//! A change is a [`Command`]; [`Store::write`] queues it for the one writer, which groups commands into commits and answers
//! after the commit. Each command reads the rows it concerns, asks `transition` what becomes of them, and writes the steps with
//! a few set-based statements (`moves`), guarded by the states they were decided on. Readers (`read`) use their own pool and
//! see whole commits only. After each commit the [`Changes`] are published to whoever watches. Where the files fail, the store goes
//! on reading, and says why it cannot write (`trouble`, `database`). `upkeep` looks after the file as a
//! whole: checks, backups.

pub mod access;
pub mod agents;
mod audit;
mod blobs;
mod budget;
mod cancel;
mod clock;
mod command;
mod database;
mod error;
mod expire;
mod generation;
mod grant;
mod graph;
mod hello;
mod holders;
mod kept;
mod ledger;
mod mark;
mod moves;
pub mod notices;
mod open;
mod pause;
mod peaks;
mod priority;
pub mod read;
mod release;
pub mod report;
mod retire;
mod retry;
mod shortage;
mod submit;
mod sweeps;
mod tally;
mod target;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trial;
mod trouble;
pub mod upkeep;
pub mod web;
mod writer;

use std::sync::{Arc, OnceLock};

use sqlx::SqlitePool;
use tokio::sync::{Mutex, broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::notices::Rules;
pub use agents::{Drain, Goodbye};
pub use blobs::{BlobRef, Forget};
pub use budget::Overspend;
pub use cancel::Cancel;
pub use clock::ClockMoved;
pub use command::{Changes, Command, Tx};
use command::{Envelope, Queued};
use database::Health;
pub use error::{OpenError, StoreError};
pub use expire::Expire;
pub use generation::NewGeneration;
pub use grant::{Grant, GrantRequest, Granted};
pub use hello::{Greeted, Hello};
pub use kept::KeepIn;
pub use pause::{Pause, Resume};
pub use priority::SetPriority;
pub use release::{Release, Why};
pub use retire::Retire;
pub use retry::Retry;
pub use shortage::{GiveUpLarger, Outgrown};
pub use submit::{NewInput, NewJob, Submit};
pub use tally::Tally;
pub use target::Target;
pub use trial::Trial;
pub use trouble::{Halt, free_bytes};
#[cfg(feature = "simulation")]
pub(crate) use writer::{Batch, Writer};

/// A cheap handle to the database.
#[derive(Clone)]
pub struct Store {
    commands: mpsc::Sender<Box<dyn Queued>>,
    readers: SqlitePool,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<Arc<Changes>>,
    health: Arc<Health>,
    rules: Arc<OnceLock<Rules>>,
    stop: CancellationToken,
    writing: Arc<Mutex<Option<JoinHandle<()>>>>,
    tally: Arc<Tally>,
}

impl Store {
    /// Carries out a command; answers when it is on disk.
    pub async fn write<C: Command>(&self, command: C) -> Result<C::Reply, StoreError> {
        let (queued, reply) = Envelope::new(command);
        self.commands.send(queued).await.map_err(|_| StoreError::Stopping)?;
        reply.await.map_err(|_| StoreError::Stopping)?
    }

    /// What later commits change. One who falls far behind is told so and looks at everything anew.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Changes>> {
        self.changes.subscribe()
    }

    /// Who is told of what, from now on; said once, before anything happens.
    pub fn set_rules(&self, rules: Rules) {
        if self.rules.set(rules).is_err() {
            tracing::error!("who is told of what was set twice; the first holds");
        }
    }

    /// Why nothing can be recorded at present, if so.
    pub fn halt(&self) -> Option<Arc<Halt>> {
        self.health.borrow().clone()
    }

    /// What was written since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Lets the writer finish what is queued, and closes the database. Later calls on other handles answer `Stopping`.
    pub async fn close(&self) {
        // The last connection to close tidies up, and readers may not.
        self.readers.close().await;
        self.stop.cancel();
        if let Some(writing) = self.writing.lock().await.take()
            && let Err(error) = writing.await
        {
            tracing::error!(%error, "the writer ended unexpectedly");
        }
    }
}
