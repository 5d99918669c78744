//! Group commit: callers share a sync, but neither fate nor order.

use std::fs::File;
use std::os::unix::fs::FileExt;

use sqlx::Connection;
use sweep_shared::ids::{JobId, SweepId};

use super::super::testing::*;
use super::super::trouble::Trouble;
use super::super::*;
use crate::luck::SystemLuck;

#[tokio::test]
async fn a_refused_command_does_not_spoil_its_neighbours() {
    let bench = bench().await;
    // Queued together: on one thread the writer runs only when all wait.
    let (first, refused, second) = tokio::join!(
        bench.store.write(plan(vec![job("a")])),
        bench.store.write(cancel(SweepId(99))),
        bench.store.write(plan(vec![job("b")])),
    );
    assert!(matches!(refused.unwrap_err(), StoreError::Unknown(_)));
    assert_eq!(bench.states(first.unwrap().sweep).await, "ready");
    assert_eq!(bench.states(second.unwrap().sweep).await, "ready");
}

/// Does something, then thinks better of it.
struct Wavering;

impl Command for Wavering {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET priority = 7").execute(&mut *tx.conn).await?;
        tx.changes.ready = true;
        Err(StoreError::Refused("no".to_owned()))
    }
}

#[tokio::test]
async fn what_a_refused_command_did_is_undone() {
    let bench = bench().await;
    bench.submit(vec![job("a")]).await;
    let mut changes = bench.store.watch();
    assert!(bench.store.write(Wavering).await.is_err());
    let (alone, together) = tokio::join!(bench.store.write(Wavering), bench.store.write(cancel(JobId(1))));
    assert!(alone.is_err() && together.is_ok());
    assert_eq!(bench.number("SELECT max(priority) FROM jobs").await, 0);
    assert!(!changes.recv().await.unwrap().ready);
}

#[tokio::test]
async fn many_commands_share_few_commits() {
    let bench = bench().await;
    let mut changes = bench.store.watch();
    let writes: Vec<_> = (0..100).map(|i| bench.store.write(plan(vec![job(&format!("s{i}"))]))).collect();
    for made in futures_util::future::join_all(writes).await {
        made.unwrap();
    }
    let mut commits = 0;
    while changes.try_recv().is_ok() {
        commits += 1;
    }
    assert_eq!(commits, 1);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let bench = bench().await;
    bench.store.close().await;
    let refused = bench.store.write(plan(vec![job("a")])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Stopping));
}

fn is_full(error: &StoreError) -> bool {
    trouble(error) == Some(Trouble::Full)
}

fn trouble(error: &StoreError) -> Option<Trouble> {
    error.halt().map(|halt| halt.trouble)
}

#[tokio::test]
async fn a_full_disk_is_told_in_words_and_nothing_is_acknowledged() {
    let bench = bench().await;
    bench.submit(vec![job("a")]).await;
    bench.store.write(Limit).await.unwrap();
    let jobs = (0..2000).map(|i| job(&format!("s{i}"))).collect();
    let refused = bench.store.write(plan(jobs)).await.unwrap_err();
    assert!(is_full(&refused), "{refused}");
    assert_eq!(bench.number("SELECT count(*) FROM jobs").await, 1);
    bench.store.write(cancel(JobId(1))).await.unwrap();
}

#[tokio::test]
async fn after_a_commit_that_failed_the_next_one_works() {
    let bench = bench().await;
    // What SQLite does by itself when a COMMIT meets a full disk: the transaction is gone, and sqlx does not know.
    let alone = bench.store.write(Vanish).await.unwrap_err();
    assert!(matches!(alone, StoreError::Database(_)), "{alone}");
    let (vanished, neighbour) = tokio::join!(bench.store.write(Vanish), bench.store.write(plan(vec![job("a")])));
    assert!(vanished.is_err() && neighbour.is_err(), "what is not on disk is not acknowledged");
    assert_eq!(bench.number("SELECT count(*) FROM jobs").await, 0);
    let (sweep, _) = bench.submit(vec![job("a")]).await;
    assert_eq!(bench.states(sweep).await, "ready");
}

struct Vanish;

impl Command for Vanish {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK").execute(&mut *tx.conn).await?;
        Ok(())
    }
}

#[tokio::test]
async fn once_there_is_space_again_the_same_command_works() {
    let bench = bench().await;
    bench.store.write(Limit).await.unwrap();
    let large = || plan((0..2000).map(|i| job(&format!("s{i}"))).collect());
    let (full, small) = tokio::join!(bench.store.write(large()), bench.store.write(plan(vec![job("a")])));
    assert!(is_full(&full.unwrap_err()));
    assert!(is_full(&small.unwrap_err()), "it shared the commit");
    // The bound was the connection's, which was given up.
    assert_eq!(bench.store.write(large()).await.unwrap().jobs, 2000);
}

/// SQLite's own bound on the size of the file answers like a full disk.
struct Limit;

impl Command for Limit {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query("PRAGMA max_page_count = 60").execute(&mut *tx.conn).await?;
        Ok(())
    }
}

#[tokio::test]
async fn while_another_program_holds_the_lock_changes_are_refused_in_words_and_reading_goes_on() {
    let bench = bench().await;
    bench.submit(vec![job("a")]).await;
    let mut other = open::connect(&bench.folder.path().join("sweep.db"), open::PATIENCE).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    for _ in 0..3 {
        let refused = bench.store.write(plan(vec![job("b")])).await.unwrap_err();
        assert_eq!(trouble(&refused), Some(Trouble::Locked), "{refused}");
        assert!(refused.to_string().contains("sweep.db"), "{refused}");
    }
    assert_eq!(bench.store.halt().unwrap().trouble, Trouble::Locked);
    assert_eq!(bench.number("SELECT count(*) FROM jobs").await, 1);
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    // Nobody has to ask.
    bench.store.health.subscribe().wait_for(Option::is_none).await.unwrap();
    bench.submit(vec![job("b")]).await;
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_not_written_again_before_a_restart_finds_it_whole() {
    let bench = bench().await;
    bench.submit(vec![job("a")]).await;
    let root = bench.number("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").await as u64;
    let bench = bench.restart().await;
    let path = bench.folder.path().join("sweep.db");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let mut page = [0; 4096];
    let at = (root - 1) * page.len() as u64;
    file.read_exact_at(&mut page, at).unwrap();
    file.write_all_at(&[0xa5; 4096], at).unwrap();
    let refused = bench.store.write(cancel(JobId(1))).await.unwrap_err();
    assert_eq!(trouble(&refused), Some(Trouble::Corrupt), "{refused}");
    assert!(refused.to_string().contains("sweep db restore"), "{refused}");
    // Not even where it could be.
    file.write_all_at(&page, at).unwrap();
    let refused = bench.store.write(agents::Drain { agent: AGENT.to_owned(), actor: ME.to_owned() }).await.unwrap_err();
    assert_eq!(trouble(&refused), Some(Trouble::Corrupt), "{refused}");
    file.write_all_at(&[0xa5; 4096], at).unwrap();
    bench.store.close().await;
    let refused = Store::open(&path, bench.clock.clone(), &SystemLuck).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    file.write_all_at(&page, at).unwrap();
    let store = Store::open(&path, bench.clock.clone(), &SystemLuck).await.unwrap();
    store.write(cancel(JobId(1))).await.unwrap();
    store.close().await;
}
