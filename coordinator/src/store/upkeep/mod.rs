//! Looking after the database as a file: is it sound ([`check`]), a copy of it ([`back_up`]), and putting a copy back
//! ([`restore`]).
//!
//! What looks only reads, through a connection of its own, so it works beside a running coordinator, on a disk that is full or
//! read-only, and on a database that is damaged, older or newer: nothing is migrated on the way. Restoring needs the home for
//! itself. The copy is made ready beside the database (migrated, in a new generation) and put in its place by one rename, so that
//! a power cut leaves the one or the other. A copy may lie in a bucket as well (`remote`), and so may the files that rows name
//! (`whereabouts`).

mod backup;
mod blobs;
mod check;
mod error;
mod file;
mod remote;
mod restore;
mod rules;
#[cfg(test)]
mod tests;
mod whereabouts;

pub use backup::{Backup, back_up};
pub use blobs::{BlobsSeen, named_blobs};
pub use check::{Checkup, Depth, Part, check};
pub use error::UpkeepError;
pub use file::Schema;
pub use remote::{back_up_to, backup_name, backups, restore_from, thin};
pub use restore::{Restored, Wish, restore};

pub(super) use file::beside;

/// What SQLite finds wrong with a whole file.
pub(super) async fn damage(database: &std::path::Path) -> Result<Vec<String>, sqlx::Error> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database).read_only(true);
    let mut conn = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await?;
    Ok(file::damage(&mut conn, true).await)
}
