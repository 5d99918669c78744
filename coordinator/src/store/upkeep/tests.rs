use std::fs;
use std::path::Path;

use sqlx::{Connection, SqliteConnection};
use sweep_shared::ids::{ContentHash, SweepId, Token};

use super::*;
use crate::artifacts::ArtifactsIn;
use crate::home::Home;
use crate::luck::SystemLuck;
use crate::store::testing::*;
use crate::store::{Greeted, Hello, Store, open, read};

fn home(bench: &Bench) -> Home {
    Home::new(bench.folder.path())
}

/// A job that is done, one that runs, and one that waits for both; the blobs are where they belong.
async fn busy() -> (Bench, Token) {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a"), job("b"), reader("c", &[0, 1])]).await;
    bench.run(jobs[0], success("model of a")).await;
    let running = bench.token(jobs[1]).await;
    put(&home(&bench), b"model of a");
    (bench, running)
}

fn put(home: &Home, bytes: &[u8]) {
    let path = home.blob(&ContentHash::of(bytes));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

async fn writing(path: &Path) -> SqliteConnection {
    open::connect(path, open::PATIENCE).await.unwrap()
}

async fn broken(home: &Home, sql: &'static str) -> Vec<String> {
    let mut conn = writing(&home.database()).await;
    sqlx::raw_sql("PRAGMA foreign_keys = OFF;").execute(&mut conn).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    findings(home, Depth::Quick).await
}

async fn findings(home: &Home, depth: Depth) -> Vec<String> {
    check(home, depth, &ArtifactsIn::Unsaid).await.unwrap().parts.into_iter().flat_map(|part| part.findings).collect()
}

#[tokio::test]
async fn a_database_at_work_is_sound() {
    let (bench, _) = busy().await;
    let checkup = check(&home(&bench), Depth::Full, &ArtifactsIn::Unsaid).await.unwrap();
    assert!(checkup.is_sound(), "{checkup:#?}");
    assert_eq!(checkup.blobs, BlobsSeen { files: 1, bytes: 10 });
    assert!(checkup.parts.len() > rules::RULES.len() && !checkup.schema.is_older());
    bench.store.close().await;
    assert!(
        check(&home(&bench), Depth::Quick, &ArtifactsIn::Unsaid).await.unwrap().is_sound(),
        "nor does it take a coordinator"
    );
}

#[tokio::test]
async fn each_rule_finds_what_breaks_it() {
    let cases = [
        ("UPDATE attempts SET state = 'lost', finished_ms = 1 WHERE job = 2", "j2 runs, but its attempt 1 is lost"),
        (
            "UPDATE jobs SET state = 'cancelled', finished_ms = 1 WHERE id = 2",
            "j2 is cancelled, but its attempt 1 is leased",
        ),
        ("UPDATE jobs SET attempt = 7 WHERE id = 1", "the newest attempt of j1 is said to be 7, and 1 is there"),
        ("UPDATE attempts SET state = 'lost' WHERE job = 1", "j1 succeeded, but nothing shows who did it"),
        ("INSERT INTO points VALUES (3, 'main', 0, 1, '{}')", "j3 is blocked, and has the point main"),
        ("UPDATE jobs SET state = 'ready' WHERE id = 3", "j3 is ready, but its input j2 is running"),
        ("DELETE FROM job_inputs WHERE source = 2", "j3 is blocked, but all its inputs have succeeded"),
        ("UPDATE sweeps SET state = 'cancelled', finished_ms = 1", "s1 is cancelled, and 2 of its jobs are open"),
        (
            "UPDATE jobs SET state = 'failed', failure_class = 'internal', finished_ms = 1 WHERE id > 1;
             UPDATE sweeps SET state = 'finished', finished_ms = 1",
            "s1 is finished, and 2 of its jobs did not succeed",
        ),
        ("INSERT INTO checkpoints VALUES (2, 1, 4, 0, 1)", "the checkpoint of j2.1 at epoch 4 has no files"),
        (
            "INSERT INTO epochs VALUES (9, 1, 1, 1, '', '{}', 1)",
            "of epochs refers to a row of attempts that is not there",
        ),
        ("UPDATE blobs SET size_bytes = 11", "model.onnx of j1/main has 10 bytes instead of 11"),
    ];
    for (sql, expected) in cases {
        let (bench, _) = busy().await;
        let found = broken(&home(&bench), sql).await;
        assert!(found.iter().any(|found| found.contains(expected)), "{expected}: {found:?}");
    }
}

#[tokio::test]
async fn files_that_are_gone_are_named_and_other_bytes_found_by_a_full_check() {
    let (bench, _) = busy().await;
    let path = home(&bench).blob(&ContentHash::of(b"model of a"));
    fs::write(&path, b"model of b").unwrap();
    assert!(findings(&home(&bench), Depth::Quick).await.is_empty(), "that takes reading them");
    let found = findings(&home(&bench), Depth::Full).await;
    assert_eq!(found, [format!("model.onnx of j1/main holds other bytes than it did ({})", path.display())]);
    fs::remove_file(&path).unwrap();
    let found = findings(&home(&bench), Depth::Quick).await;
    assert_eq!(found, [format!("model.onnx of j1/main is gone ({})", path.display())]);
}

#[tokio::test]
async fn a_torn_page_is_an_answer_and_no_database_an_error() {
    let (bench, _) = busy().await;
    bench.store.close().await;
    let home = home(&bench);
    let mut bytes = fs::read(home.database()).unwrap();
    let page = 4096 * 5;
    bytes[page..page + 2048].fill(0xa5);
    fs::write(home.database(), bytes).unwrap();
    let checkup = check(&home, Depth::Quick, &ArtifactsIn::Unsaid).await.unwrap();
    assert!(!checkup.is_sound());
    let refused = back_up(&home, &home.root().join("copy.db"), false).await.unwrap_err();
    assert!(!home.root().join("copy.db").exists(), "{refused}");
    fs::write(home.database(), "no such thing").unwrap();
    assert!(matches!(check(&home, Depth::Quick, &ArtifactsIn::Unsaid).await.unwrap_err(), UpkeepError::Foreign { .. }));
    fs::remove_file(home.database()).unwrap();
    assert!(matches!(check(&home, Depth::Quick, &ArtifactsIn::Unsaid).await.unwrap_err(), UpkeepError::Missing { .. }));
}

#[tokio::test]
async fn a_backup_is_one_file_and_replaces_none_unasked() {
    let (bench, _) = busy().await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.db");
    let made = back_up(&home(&bench), &to, false).await.unwrap();
    assert_eq!((made.sweeps, made.jobs, made.size_bytes), (1, 3, fs::metadata(&to).unwrap().len()));
    let refused = back_up(&home(&bench), &to, false).await.unwrap_err();
    assert!(matches!(refused, UpkeepError::Exists { .. }), "{refused}");
    bench.submit(vec![job("d")]).await;
    assert_eq!(back_up(&home(&bench), &to, true).await.unwrap().jobs, 4);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["copy.db"], "nothing else is left");
}

fn wish(from: &Path) -> Wish {
    Wish {
        from: from.to_owned(),
        said: from.display().to_string(),
        artifacts: ArtifactsIn::Unsaid,
        actor: ME.to_owned(),
        stamp: "20261129T123000Z".to_owned(),
    }
}

#[tokio::test]
async fn what_is_put_back_is_a_new_generation_and_the_old_database_stays() {
    let (bench, running) = busy().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    back_up(&home(&bench), &copy, false).await.unwrap();
    bench.finish(running, success("model of b")).await;
    let generation = |hello: Greeted| match hello {
        Greeted::Reconciled(reconciled) => (reconciled.generation, reconciled.keep, reconciled.acked_seq),
        Greeted::Restored(why) => panic!("{why}"),
        Greeted::ShutOut => panic!("it has no certificate"),
    };
    let (old, ..) = generation(bench.store.write(hello(AGENT, SPOOL, vec![])).await.unwrap());
    bench.store.close().await;
    let home = home(&bench);
    let restored = restore(&home, &wish(&copy)).await.unwrap();
    assert_eq!((restored.sweeps, restored.jobs, restored.freed), (1, 3, 1));
    assert!(restored.missing.is_empty(), "{restored:?}");
    let kept = restored.kept.unwrap();
    assert_eq!(kept, home.root().join("sweep.db.before-20261129T123000Z"));
    assert!(check(&home, Depth::Full, &ArtifactsIn::Unsaid).await.unwrap().is_sound());
    let store = Store::open(&home.database(), bench.clock.clone(), &SystemLuck).await.unwrap();
    // The agent comes back with what it was told by the old one.
    let back = Hello { generation: old.clone(), acked_seq: 9, ..hello(AGENT, SPOOL, vec![running]) };
    let (new, keep, acked) = generation(store.write(back).await.unwrap());
    assert_ne!(new, old);
    assert_eq!((keep, acked), (vec![], 0), "older tokens and acknowledgements are worth nothing");
    store.close().await;
    // Once more, back to where it was.
    let back = restore(&home, &wish(&kept)).await.unwrap();
    assert_eq!(back.kept.unwrap(), home.root().join("sweep.db.before-20261129T123000Z-2"));
    let store = Store::open(&home.database(), bench.clock.clone(), &SystemLuck).await.unwrap();
    let jobs = read::jobs_of(&store, SweepId(1)).await.unwrap();
    let states: Vec<_> = jobs.into_iter().map(|job| job.state).collect();
    assert_eq!(states, ["succeeded", "succeeded", "ready"], "what was acknowledged is in what was kept");
    store.close().await;
}

#[tokio::test]
async fn a_killed_coordinators_log_of_writes_goes_with_the_old_database() {
    let (bench, _) = busy().await;
    let folder = tempfile::tempdir().unwrap();
    let (copy, home) = (folder.path().join("copy.db"), Home::new(folder.path().join("home")));
    back_up(&self::home(&bench), &copy, false).await.unwrap();
    bench.submit(vec![job("d")]).await;
    // As after kill -9: the newest commits are in the log only.
    fs::create_dir(home.root()).unwrap();
    for file in ["sweep.db", "sweep.db-wal"] {
        fs::copy(bench.folder.path().join(file), home.root().join(file)).unwrap();
    }
    assert_eq!(check(&home, Depth::Quick, &ArtifactsIn::Unsaid).await.unwrap().parts[0].findings, [""; 0]);
    let restored = restore(&home, &wish(&copy)).await.unwrap();
    assert_eq!(restored.jobs, 3);
    assert!(!home.root().join("sweep.db-wal").exists());
    let kept = Home::new(folder.path().join("kept"));
    fs::create_dir(kept.root()).unwrap();
    fs::rename(restored.kept.unwrap(), kept.database()).unwrap();
    assert_eq!(back_up(&kept, &folder.path().join("kept.db"), false).await.unwrap().jobs, 4);
}

#[tokio::test]
async fn what_cannot_be_put_back_leaves_everything_as_it_was() {
    let (bench, _) = busy().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    back_up(&home(&bench), &copy, false).await.unwrap();
    let locked = home(&bench).lock().unwrap();
    let refused = restore(&home(&bench), &wish(&copy)).await.unwrap_err();
    assert!(refused.to_string().contains("another coordinator is using"), "{refused}");
    drop(locked);
    bench.store.close().await;
    let before = fs::read(home(&bench).database()).unwrap();
    let refuses = async |expected: &str| {
        let refused = restore(&home(&bench), &wish(&copy)).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
        assert_eq!(fs::read(home(&bench).database()).unwrap(), before);
    };
    let mut conn = writing(&copy).await;
    sqlx::raw_sql("UPDATE _sqlx_migrations SET version = 99 WHERE version = 1").execute(&mut conn).await.unwrap();
    refuses("its schema has step 99, this program knows up to").await;
    sqlx::raw_sql(
        "UPDATE _sqlx_migrations SET version = 1 WHERE version = 99; PRAGMA foreign_keys = OFF; DELETE FROM sweeps",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    refuses("refers to a row of sweeps that is not there").await;
    sqlx::raw_sql("DROP TABLE generation").execute(&mut conn).await.unwrap();
    refuses("is not a database of sweep").await;
    conn.close().await.unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "no database, however long it is").unwrap();
    let refused = restore(&home(&bench), &wish(&text)).await.unwrap_err();
    assert!(matches!(refused, UpkeepError::Foreign { .. }), "{refused}");
}
