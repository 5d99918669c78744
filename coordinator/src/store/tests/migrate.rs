//! Databases of earlier versions.

use std::path::Path;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::super::open::MIGRATIONS;
use super::super::testing::*;
use super::super::*;
use crate::clock::ManualClock;
use crate::luck::SystemLuck;

/// What the first version may have left: a row in every table, jobs in every state, references in every direction.
const ROWS: &str = r#"
    INSERT INTO generation VALUES (1, '0123456789abcdef', 1);
    INSERT INTO sweeps (id, name, state, fingerprint, plan_yaml, plan_path, created_ms) VALUES (7, 'old', 'active', 'f', 'p', 'p.yaml', 1);
    INSERT INTO blobs VALUES (printf('%064d', 1), 10, 1), (printf('%064d', 2), 10, 1), (printf('%064d', 3), 10, 1);
    INSERT INTO sweep_files VALUES (7, 'train.py', printf('%064d', 1));
    INSERT INTO jobs (id, sweep, key, state, priority, exclusive, retries, reusable, attempt, failures, changed_ms, finished_ms, failure_class, message) VALUES
        (3, 7, 'a', 'succeeded', 2, 0, 3, 1, 1, 1, 5, 5, NULL, ''),
        (4, 7, 'b', 'running',   2, 0, 3, 1, 2, 0, 5, NULL, NULL, ''),
        (5, 7, 'c', 'cancelled', 2, 1, 3, 1, 1, 0, 5, 5, NULL, ''),
        (6, 7, 'd', 'failed',    2, 0, 0, 1, 1, 1, 5, 5, 'internal', 'boo'),
        (8, 7, 'e', 'skipped',   2, 0, 0, 1, 0, 0, 5, 5, NULL, 'an input job did not succeed'),
        (9, 7, 'f', 'blocked',   2, 0, 0, 1, 0, 0, 5, NULL, NULL, '');
    UPDATE jobs SET reused_from = 3, state = 'succeeded', finished_ms = 5 WHERE id = 9;
    INSERT INTO job_specs SELECT id, 's', 'command', '', 0, '{"kind":"command","params":{"protocol":"events"}}', '{}' FROM jobs;
    UPDATE job_specs SET spec_json = '{"kind":"command","params":{"protocol":"exit"}}' WHERE job = 6;
    UPDATE job_specs SET kind = 'train', spec_json = '{"kind":"train","params":{}}' WHERE job = 4;
    INSERT INTO job_inputs VALUES (4, 0, 3, 'input', 'main'), (8, 0, 6, 'input', 'main');
    INSERT INTO agents VALUES ('agent-1', 'host', 'boot', 1, 2, '[]', 1);
    INSERT INTO spools VALUES ('spool-1', 'agent-1', 5);
    INSERT INTO attempts (job, number, lease, state, agent, device, device_index, granted_ms, started_ms, finished_ms, failure_class, inputs_digest) VALUES
        (3, 1, 11, 'succeeded',   'agent-1', 'cpu', 0, 1, 1, 5, NULL, 'x'),
        (4, 1, 12, 'interrupted', 'agent-1', 'cpu', 0, 1, 1, 2, NULL, 'x'),
        (4, 2, 13, 'running',     'agent-1', 'cpu', 0, 2, 2, NULL, NULL, 'x'),
        (5, 1, 14, 'running',     'agent-1', 'cpu', 0, 2, 2, NULL, NULL, 'x'),
        (6, 1, 15, 'failed',      'agent-1', 'cpu', 0, 2, 2, 5, 'internal', 'x');
    INSERT INTO epochs VALUES (4, 1, 1, 3, '', '{}', 2);
    INSERT INTO checkpoints VALUES (4, 1, 1, 0, 2);
    INSERT INTO checkpoint_files VALUES (4, 1, 1, 0, 'state', printf('%064d', 2));
    INSERT INTO points VALUES (3, 'main', 0, 1, '{}'), (9, 'main', 0, 1, '{}');
    INSERT INTO point_files VALUES (3, 'main', 'model.onnx', printf('%064d', 3)), (9, 'main', 'model.onnx', printf('%064d', 3));
    INSERT INTO events VALUES (1, 1, 'user', 'submit', 7, NULL, NULL, ''), (2, 1, 'sweep', 'failed', 7, 6, 1, 'boo');
"#;

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(true);
    SqliteConnection::connect_with(&options.journal_mode(SqliteJournalMode::Wal)).await.unwrap()
}

/// A database as the first version left it.
async fn of_the_first_version(path: &Path) {
    let mut conn = connect(path).await;
    let first = Migrator { migrations: MIGRATIONS.migrations[..1].to_vec().into(), ..Migrator::DEFAULT };
    first.run(&mut conn).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// Every row of every table of the first version, in the columns that it had.
async fn contents(path: &Path, columns: &[(String, String)]) -> Vec<String> {
    let mut conn = connect(path).await;
    let mut rows = Vec::new();
    for (table, columns) in columns {
        let sql = format!("SELECT json_array({columns}) FROM {table} ORDER BY 1");
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut conn).await.unwrap();
        assert!(!found.is_empty(), "{table} has no row: the test shows nothing about it");
        rows.extend(found.into_iter().map(|row| format!("{table} {row}")));
    }
    rows
}

async fn columns(path: &Path) -> Vec<(String, String)> {
    let sql = "SELECT m.name, (SELECT group_concat(name) FROM pragma_table_info(m.name)) FROM sqlite_master m
               WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '_sqlx%' ORDER BY 1";
    sqlx::query_as(sql).fetch_all(&mut connect(path).await).await.unwrap()
}

async fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(path, Arc::new(ManualClock::default()), &SystemLuck).await
}

#[tokio::test]
async fn a_database_of_the_first_version_comes_along_with_all_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.db");
    of_the_first_version(&path).await;
    let columns = columns(&path).await;
    let before = contents(&path, &columns).await;
    let store = open(&path).await.unwrap();
    assert_eq!(contents(&path, &columns).await, before);
    let one = async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(&store.readers).await.unwrap() };
    assert_eq!(one("SELECT count(*) FROM pragma_foreign_key_check").await, 0);
    assert_eq!(one("SELECT count(*) FROM jobs WHERE priority = 2 AND own_priority = 2 AND most_losses = 10").await, 6);
    assert_eq!(one("SELECT sum(id) FROM jobs WHERE preemptible = 0").await, 5 + 6, "a measure job and an exit command");
    assert_eq!(one("SELECT sum(job) FROM attempts WHERE unwanted = 1").await, 5, "what a cancelled job still has");
    assert_eq!(one("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").await, 9, "ids never come back");
    store.close().await;
    let mut conn = connect(&path).await;
    let dangling = sqlx::query("DELETE FROM jobs WHERE id = 3").execute(&mut conn).await.unwrap_err();
    assert!(dangling.to_string().contains("FOREIGN KEY"), "references to jobs still hold: {dangling}");
    conn.close().await.unwrap();
    open(&path).await.unwrap().close().await;
}

#[tokio::test]
async fn a_migration_that_breaks_off_leaves_the_database_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.db");
    of_the_first_version(&path).await;
    let columns = columns(&path).await;
    let before = contents(&path, &columns).await;
    let mut conn = connect(&path).await;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut conn).await.unwrap();
    // Like a full disk, after more and more of the work.
    let mut broken = 0;
    for spare in 0.. {
        let limit = format!("PRAGMA max_page_count = {}", pages + spare);
        sqlx::query(AssertSqlSafe(limit)).execute(&mut conn).await.unwrap();
        if MIGRATIONS.run(&mut conn).await.is_ok() {
            break;
        }
        broken += 1;
        // sqlx and SQLite may differ on whether a transaction is open.
        drop(conn);
        conn = connect(&path).await;
        assert_eq!(contents(&path, &columns).await, before, "with {spare} pages to spare");
    }
    assert!(broken > 3, "it broke off {broken} times only");
    assert_eq!(contents(&path, &columns).await, before);
}

#[tokio::test]
async fn an_old_attempt_goes_on_in_the_new_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.db");
    of_the_first_version(&path).await;
    let store = open(&path).await.unwrap();
    let token = |job, attempt, lease| sweep_shared::ids::Token { job: sweep_shared::ids::JobId(job), attempt, lease };
    let here = vec![token(4, 2, 13), token(5, 1, 14)];
    let Greeted::Reconciled(back) = store.write(hello(AGENT, SPOOL, here)).await.unwrap() else { panic!("no backup") };
    assert_eq!((back.acked_seq, back.keep), (5, vec![token(4, 2, 13)]));
    store.close().await;
}
