//! The writer's connection, and what becomes of it when the disk fails.
//!
//! After a commit that failed nobody knows how much of the transaction SQLite has undone by itself, so the connection is given
//! up and the next commit begins on a fresh one. The user is told when the trouble begins and when it is over, and not at
//! every try in between.

use std::io;
use std::path::{Path, PathBuf};

use sqlx::{Connection, SqliteConnection};

use super::{StoreError, open};

pub(super) struct Database {
    path: PathBuf,
    conn: Option<SqliteConnection>,
    trouble: Option<Trouble>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Full,
    Other,
}

/// With less free than this, an input or output error means that the disk is full: not every system call says so itself.
const SCARCE_BYTES: u64 = 64 << 10;

impl Database {
    pub fn new(path: &Path, conn: SqliteConnection) -> Self {
        Self { path: path.to_owned(), conn: Some(conn), trouble: None }
    }

    /// The connection; a fresh one where the last was given up.
    pub async fn conn(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => open::connect(&self.path).await?,
        };
        Ok(self.conn.insert(conn))
    }

    /// A commit is on disk.
    pub fn worked(&mut self) {
        if self.trouble.take() == Some(Trouble::Full) {
            let free = free_words(self.folder());
            tracing::warn!("there is space again ({free} in {}): the work goes on", self.folder().display());
        }
    }

    /// A commit failed, and nothing of it is recorded. Answers what to tell those who asked for it.
    pub async fn failed(&mut self, error: StoreError) -> StoreError {
        let full = error.is_of_files() && (matches!(error, StoreError::DiskFull) || is_full(self.folder()));
        let error = if full { StoreError::DiskFull } else { error };
        self.tell(if full { Trouble::Full } else { Trouble::Other }, &error);
        if let Some(conn) = self.conn.take() {
            // Waits until it has let go of the database. Its own complaint would say nothing new.
            let _ = conn.close().await;
        }
        error
    }

    fn tell(&mut self, trouble: Trouble, error: &StoreError) {
        if self.trouble.replace(trouble) == Some(trouble) {
            tracing::debug!(%error, "a commit failed again");
        } else if trouble == Trouble::Full {
            let folder = self.folder();
            tracing::error!(
                "the disk is full: {} in {}, so nothing can be recorded. Free some space there; the work goes on by itself",
                free_words(folder),
                folder.display()
            );
        } else {
            tracing::error!(%error, "a commit failed; nothing of it is recorded");
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

fn is_full(folder: &Path) -> bool {
    free_bytes(folder).is_ok_and(|free| free < SCARCE_BYTES)
}

fn free_words(folder: &Path) -> String {
    free_bytes(folder).map_or("unknown space free".to_owned(), |free| format!("{free} bytes free"))
}

/// What this user may still write there.
fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = nix::sys::statvfs::statvfs(folder)?;
    Ok(stat.blocks_available() as u64 * stat.fragment_size() as u64)
}
