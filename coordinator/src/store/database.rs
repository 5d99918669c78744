//! The writer's connection, and what becomes of it when the disk fails.
//!
//! After a commit that failed nobody knows how much of the transaction SQLite has undone by itself, so the connection is given
//! up and the next commit begins on a fresh one. What is wrong is put up as a [`Halt`] for everybody to see (`health`), and
//! told to the user when it begins and when it is over, not at every try in between. A damaged database is not tried again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::watch;

use super::trouble::{self, Disk, Halt, Trouble, free_bytes, free_words};
use super::{StoreError, holders, mark, open};

/// Why nothing is recorded at present; `None`: all is well.
pub type Health = watch::Sender<Option<Arc<Halt>>>;

pub(super) struct Database {
    path: PathBuf,
    conn: Option<SqliteConnection>,
    health: Arc<Health>,
}

/// Who asks while another program has the file locked is not kept waiting.
const SHORTLY: Duration = Duration::from_millis(50);

/// What must be free before a full disk is tried without being asked to.
const ENOUGH_BYTES: u64 = 1 << 20;

impl Database {
    pub fn new(path: &Path, conn: SqliteConnection, health: Arc<Health>) -> Self {
        Self { path: path.to_owned(), conn: Some(conn), health }
    }

    /// The connection; a fresh one where the last was given up.
    pub async fn conn(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let conn = match (self.conn.take(), self.halt()) {
            (_, Some(halt)) if halt.trouble == Trouble::Corrupt => return Err(StoreError::Unwritable(halt)),
            (Some(conn), _) => conn,
            (None, Some(halt)) if halt.trouble == Trouble::Locked => open::connect(&self.path, SHORTLY).await?,
            (None, _) => open::connect(&self.path, open::PATIENCE).await?,
        };
        Ok(self.conn.insert(conn))
    }

    fn halt(&self) -> Option<Arc<Halt>> {
        self.health.borrow().clone()
    }

    /// Whether it is worth trying to write without being asked to.
    pub fn wants_trial(&self) -> bool {
        match self.health.borrow().as_ref().map(|halt| halt.trouble) {
            None | Some(Trouble::Corrupt) => false,
            // At the brink a small change still fits, and what waits does not.
            Some(Trouble::Full) => free_bytes(self.folder()).is_none_or(|free| free >= ENOUGH_BYTES),
            Some(Trouble::ReadOnly | Trouble::Io | Trouble::Locked) => true,
        }
    }

    /// A commit is on disk.
    pub fn worked(&mut self) {
        let Some(halt) = self.health.send_replace(None) else { return };
        let folder = self.folder().display();
        match halt.trouble {
            Trouble::Full => {
                let free = free_words(free_bytes(self.folder()));
                tracing::warn!("there is space again ({free} in {folder}): the work goes on");
            }
            Trouble::Locked => {
                tracing::warn!("{} is free again: the work goes on", self.path.display());
                // The next commit may wait for its turn again.
                self.conn = None;
            }
            _ => tracing::warn!("{folder} can be written to again: the work goes on"),
        }
    }

    /// A commit failed, and nothing of it is acknowledged. Answers what to tell those who asked for it.
    pub async fn failed(&mut self, error: StoreError) -> StoreError {
        if let StoreError::Unwritable(_) = error {
            // It was not even tried.
            return error;
        }
        let conn = self.conn.take();
        let error = match error.code().filter(|code| trouble::is_of_files(*code)) {
            None => {
                tracing::error!(%error, "a commit failed; nothing of it is recorded");
                error
            }
            Some(code) => {
                let disk = Disk::look(self.folder());
                let holders = if code == trouble::code::BUSY { holders::of(&self.path) } else { Vec::new() };
                let halt = trouble::halt(code, &error, disk, &self.path, &holders);
                self.tell(&halt);
                let halt = Arc::new(halt);
                self.health.send_replace(Some(halt.clone()));
                StoreError::Unwritable(halt)
            }
        };
        if let Some(conn) = conn {
            // Waits until it has let go of the database. Its own complaint would say nothing new.
            let _ = conn.close().await;
        }
        error
    }

    fn tell(&self, halt: &Halt) {
        if self.health.borrow().as_ref().is_some_and(|before| before.trouble == halt.trouble) {
            tracing::debug!(%halt, "a commit failed again");
            return;
        }
        tracing::error!("nothing can be recorded: {}. {}", halt.reason, halt.remedy);
        if halt.trouble == Trouble::Corrupt {
            mark::set(&self.path, &halt.reason);
        }
    }

    pub async fn close(self) {
        let Some(conn) = self.conn else { return };
        if let Err(error) = conn.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    /// SWEEP_HOME.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}
