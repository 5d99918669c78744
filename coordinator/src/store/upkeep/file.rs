//! A database file that is only read, whatever its age and health.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::UpkeepError;
use crate::store::StoreError;
use crate::store::open::MIGRATIONS;
use crate::store::trouble::code;

/// Which steps of the schema a database has been brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    pub version: i64,
    /// The newest step that this program knows.
    pub known: i64,
}

impl Schema {
    pub fn is_older(self) -> bool {
        self.version < self.known
    }
}

/// Another process may be in the middle of a commit, or keep everybody out for a moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the file to read from it.
pub async fn open(path: &Path) -> Result<SqliteConnection, UpkeepError> {
    if !path.exists() {
        return Err(UpkeepError::Missing { path: path.to_owned() });
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(PATIENCE);
    let opened = match opened(&options).await {
        // Where nothing can be written there is no place for the index of the log of writes. Without such a log none is needed.
        Err(_) if !has_log(path) => opened(&options.immutable(true)).await,
        opened => opened,
    };
    opened.map_err(|error| match StoreError::from(error) {
        error if error.code() == Some(code::NOT_A_DATABASE) => {
            UpkeepError::Foreign { path: path.to_owned(), why: "it is no SQLite file".to_owned() }
        }
        source => UpkeepError::Database { doing: "read", path: path.to_owned(), source },
    })
}

/// The connection, once it has read from the file: opening alone touches nothing.
async fn opened(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut conn = SqliteConnection::connect_with(options).await?;
    sqlx::query("SELECT count(*) FROM sqlite_master").execute(&mut conn).await?;
    Ok(conn)
}

/// Commits that are not in the database file itself yet.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// `sweep.db-wal` and the like.
pub fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// How far its schema is; refused where sweep did not write it, or a newer one did.
pub async fn schema(conn: &mut SqliteConnection, path: &Path) -> Result<Schema, UpkeepError> {
    let foreign = |why: &str| UpkeepError::Foreign { path: path.to_owned(), why: why.to_owned() };
    let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('_sqlx_migrations', 'generation', 'jobs')";
    let tables: i64 =
        sqlx::query_scalar(tables).fetch_one(&mut *conn).await.map_err(UpkeepError::database("read", path))?;
    if tables < 3 {
        return Err(foreign("it has other tables"));
    }
    let steps: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
        .fetch_all(&mut *conn)
        .await
        .map_err(UpkeepError::database("read", path))?;
    let known = MIGRATIONS.iter().map(|step| step.version).max().unwrap_or(0);
    for (version, checksum) in &steps {
        match MIGRATIONS.iter().find(|step| step.version == *version) {
            None => return Err(UpkeepError::Newer { path: path.to_owned(), version: *version, known }),
            Some(step) if *step.checksum != **checksum => {
                return Err(foreign(&format!("step {version} of its schema is another than this program's")));
            }
            Some(_) => {}
        }
    }
    let version = steps.last().map_or(0, |(version, _)| *version);
    Ok(Schema { version, known })
}

/// One text of each row.
pub async fn texts(conn: &mut SqliteConnection, query: &'static str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(query).fetch_all(conn).await
}

/// What SQLite itself finds wrong with the file. `thorough`: also whether indices agree with their tables.
pub async fn damage(conn: &mut SqliteConnection, thorough: bool) -> Vec<String> {
    let query = if thorough { "PRAGMA integrity_check(20)" } else { "PRAGMA quick_check(20)" };
    match texts(conn, query).await {
        Ok(said) if said == ["ok"] => Vec::new(),
        Ok(said) => said,
        // A page that cannot be read ends the check.
        Err(error) => vec![format!("it cannot be read to its end: {error}")],
    }
}

/// Rows that refer to rows that are not there.
pub async fn dangling(conn: &mut SqliteConnection) -> Vec<String> {
    let query = r#"SELECT format('row %s of %s refers to a row of %s that is not there', coalesce(rowid, '?'), "table", parent)
                   FROM pragma_foreign_key_check LIMIT 20"#;
    texts(conn, query).await.unwrap_or_else(|error| vec![format!("references cannot be read: {error}")])
}
