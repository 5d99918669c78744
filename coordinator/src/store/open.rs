//! Opening the database: made where it does not exist, migrated where it is old, refused where it is newer than we are.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::database::{Database, Health};
use super::writer::Writer;
use super::{OpenError, Store, StoreError, Tally, mark, upkeep};
use crate::clock::Clock;
use crate::luck::Luck;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// Readers at once.
const READERS: u32 = 4;
/// Commands that may wait for the writer before callers wait for room.
const QUEUE: usize = 1024;
/// Commits that a slow watcher may fall behind before it is told to look at everything anew.
const BACKLOG: usize = 1024;

impl Store {
    /// Opens the database and starts its writer.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>, luck: &dyn Luck) -> Result<Self, OpenError> {
        let (store, writer) = Self::assemble(path, clock, luck).await?;
        *store.writing.lock().await = Some(tokio::spawn(writer.run()));
        Ok(store)
    }

    /// Opens the database; nothing is written before the writer runs.
    pub(crate) async fn assemble(
        path: &Path,
        clock: Arc<dyn Clock>,
        luck: &dyn Luck,
    ) -> Result<(Self, Writer), OpenError> {
        not_damaged(path).await?;
        let conn = migrated(path, clock.unix_ms(), luck).await?;
        let readers =
            readers(path).await.map_err(|source| OpenError::Open { path: path.into(), source: source.into() })?;
        let (commands, queue) = mpsc::channel(QUEUE);
        let (changes, _) = broadcast::channel(BACKLOG);
        let stop = CancellationToken::new();
        let health = Arc::new(Health::new(None));
        let database = Database::new(path, conn, health.clone());
        let tally: Arc<Tally> = Arc::default();
        let rules = Arc::new(OnceLock::new());
        let writer = Writer {
            database,
            queue,
            changes: changes.clone(),
            clock: clock.clone(),
            rules: rules.clone(),
            stop: stop.clone(),
            tally: tally.clone(),
        };
        Ok((Self { commands, readers, clock, changes, health, rules, stop, writing: Arc::default(), tally }, writer))
    }
}

/// How long a statement waits for another program to let go of the file.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that may write, to a database that exists.
pub(super) async fn connect(path: &Path, patience: Duration) -> Result<SqliteConnection, StoreError> {
    Ok(SqliteConnection::connect_with(&options(path).busy_timeout(patience)).await?)
}

/// Looks through all of a database that was found damaged before: it may have been put right, or the disk have mended itself.
async fn not_damaged(path: &Path) -> Result<(), OpenError> {
    let Some(why) = mark::read(path) else { return Ok(()) };
    let open = |source: sqlx::Error| OpenError::Open { path: path.into(), source: source.into() };
    let mut findings = upkeep::damage(path).await.map_err(open)?;
    if findings.is_empty() {
        tracing::warn!("{} was found damaged before ({why}), and is whole now", path.display());
        return mark::clear(path).map_err(|error| open(sqlx::Error::Io(error)));
    }
    findings.truncate(3);
    Err(OpenError::Damaged { path: path.into(), findings })
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // 16 MiB of log between two copies into the database, each of which waits for the disk twice.
        .pragma("wal_autocheckpoint", "4000")
        .busy_timeout(PATIENCE)
}

async fn migrated(path: &Path, now_ms: i64, luck: &dyn Luck) -> Result<SqliteConnection, OpenError> {
    let open = |source: sqlx::Error| OpenError::Open { path: path.into(), source: source.into() };
    let mut conn = SqliteConnection::connect_with(&options(path).create_if_missing(true)).await.map_err(open)?;
    MIGRATIONS.run(&mut conn).await.map_err(|source| match source {
        MigrateError::VersionMissing(version) => {
            let known = MIGRATIONS.iter().map(|step| step.version).max().unwrap_or(0);
            OpenError::Newer { path: path.into(), version, known }
        }
        source => OpenError::Migrate { path: path.into(), source },
    })?;
    let name = luck.name();
    sqlx::query!("INSERT INTO generation (id, name, created_ms) VALUES (1, ?, ?) ON CONFLICT DO NOTHING", name, now_ms)
        .execute(&mut conn)
        .await
        .map_err(open)?;
    Ok(conn)
}

async fn readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(1)
        .connect_with(options(path).read_only(true))
        .await
}

impl From<StoreError> for tonic::Status {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Refused(_) => Self::failed_precondition(error.to_string()),
            StoreError::Unknown(_) => Self::not_found(error.to_string()),
            StoreError::Unwritable(_) => Self::unavailable(error.to_string()),
            StoreError::Database(_) => Self::internal(error.to_string()),
            StoreError::Stopping => Self::unavailable(error.to_string()),
        }
    }
}
