//! What the schema itself forbids, and which databases are opened.

use std::sync::Arc;

use sweep_shared::notices::Occasion;
use sweep_shared::states::{AttemptState, FailureClass, JobState, SweepState};

use super::super::testing::*;
use super::super::*;
use crate::clock::ManualClock;
use crate::luck::SystemLuck;

const FIRST: &str = include_str!("../../../../migrations/0001_sweeps_jobs_attempts.sql");
const SECOND: &str = include_str!("../../../../migrations/0002_pauses_priorities_budgets.sql");

const NINTH: &str = include_str!("../../../../migrations/0009_notices.sql");

/// The words of the first CHECK on this column after this table's name.
fn checked(migration: &str, table: &str, column: &str) -> Vec<String> {
    let table = migration.split(&format!("CREATE TABLE {table} (")).nth(1).unwrap();
    let list = table.split(&format!("CHECK ({column} IN (")).nth(1).unwrap().split(')').next().unwrap();
    list.split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect()
}

#[test]
fn the_schemas_words_are_the_types_words() {
    let words = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(checked(FIRST, "sweeps", "state"), words(SweepState::ALL.iter().map(|s| s.as_str()).collect()));
    assert_eq!(checked(SECOND, "jobs", "state"), words(JobState::ALL.iter().map(|s| s.as_str()).collect()));
    assert_eq!(checked(FIRST, "attempts", "state"), words(AttemptState::ALL.iter().map(|s| s.as_str()).collect()));
    assert_eq!(checked(SECOND, "jobs", "failure_class"), words(FailureClass::ALL.iter().map(|s| s.as_str()).collect()));
}

#[test]
fn the_schema_knows_every_occasion() {
    let plain: Vec<&str> = NINTH.lines().map(str::trim).filter(|line| !line.starts_with("--")).collect();
    let mut words = checked(&plain.join("\n"), "notices", "occasion");
    assert_eq!(words.pop().as_deref(), Some("several"));
    assert_eq!(words, Occasion::ALL.map(|occasion| occasion.as_str().to_owned()));
}

#[tokio::test]
async fn nonsense_is_refused_by_the_database_itself() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a"), job("b")]).await;
    bench.token(jobs[0]).await;
    bench.store.close().await;
    let url = format!("sqlite:{}", bench.folder.path().join("sweep.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    for nonsense in [
        "UPDATE jobs SET state = 'happy'",
        "UPDATE jobs SET state = 'succeeded' WHERE id = 2",
        "UPDATE jobs SET finished_ms = 1 WHERE id = 2",
        "UPDATE jobs SET state = 'running' WHERE id = 2",
        "UPDATE jobs SET state = 'failed', finished_ms = 1 WHERE id = 2",
        "UPDATE sweeps SET state = 'finished'",
        "UPDATE attempts SET state = 'succeeded'",
        "INSERT INTO attempts (job, number, lease, state, agent, device, device_index, granted_ms, inputs_digest)
         VALUES (1, 2, 1, 'leased', 'agent-1', 'cpu', 0, 0, '')",
        "INSERT INTO job_inputs (job, ordinal, source, role, point) VALUES (1, 0, 99, 'input', 'main')",
        "INSERT INTO notices (generation, occasion, first_event, last_event, times, at_ms, open_until_ms)
         VALUES ('g', 'gossip', 1, 1, 1, 0, 0)",
        "INSERT INTO notice_copies (notice, channel, address, state, not_before_ms, changed_ms)
         VALUES (99, 'email', 'me@x.example', 'queued', 0, 0)",
        "INSERT INTO point_files (job, point, name, hash) VALUES (1, 'main', 'x', 'no such blob')",
    ] {
        let refused = sqlx::query(nonsense).execute(&pool).await;
        assert!(refused.is_err(), "{nonsense}");
    }
}

#[tokio::test]
async fn a_database_from_the_future_is_left_alone() {
    let bench = bench().await;
    bench.store.close().await;
    let path = bench.folder.path().join("sweep.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'x', 1, x'00', 0)")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let refused = Store::open(&path, Arc::new(ManualClock::default()), &SystemLuck).await.err().unwrap().to_string();
    assert!(refused.contains("written by a newer version of sweep") && refused.contains("9999"), "{refused}");
}

#[tokio::test]
async fn the_database_is_durable_and_checks_its_references() {
    let bench = bench().await;
    assert_eq!(bench.number("PRAGMA synchronous").await, 2);
    assert_eq!(bench.number("PRAGMA foreign_keys").await, 1);
    assert_eq!(bench.number("SELECT 1 FROM pragma_journal_mode WHERE journal_mode = 'wal'").await, 1);
    assert_eq!(bench.number("SELECT count(*) FROM generation").await, 1);
}
