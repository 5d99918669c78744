//! The database after the end: whole, and true to what a client was told before each blow.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};

/// A job as `sweep status` showed it at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sighting {
    state: String,
    attempt: u64,
    finished_ms: Option<u64>,
}

/// What clients were told, from one moment to the next.
#[derive(Default)]
pub struct Sightings {
    moments: Vec<BTreeMap<String, Sighting>>,
}

impl Sightings {
    pub fn add(&mut self, status: &Value) {
        self.moments.push(jobs(status));
    }

    /// A coordinator that is away tells nothing.
    pub fn add_if_told(&mut self, status: Option<Value>) {
        if let Some(status) = status {
            self.add(&status);
        }
    }

    /// Nothing that was told may be gone: what had succeeded is as it was, and no attempt was forgotten.
    pub fn hold(&self, end: &Value) -> Result<(), String> {
        let end = jobs(end);
        for (told, later) in self.moments.iter().zip(self.moments.iter().skip(1).chain([&end])) {
            for (job, told) in told {
                let later = later.get(job).ok_or_else(|| format!("{job} is gone; it was told to be {told:?}"))?;
                let taken_back = told.state == "succeeded" && told != later;
                if taken_back || later.attempt < told.attempt {
                    return Err(format!("{job} was told to be {told:?}, and later {later:?}"));
                }
            }
        }
        Ok(())
    }
}

fn jobs(status: &Value) -> BTreeMap<String, Sighting> {
    let jobs = status["jobs"].as_array().expect("status lists the jobs");
    let sighting = |job: &Value| Sighting {
        state: job["state"].as_str().expect("a state").to_owned(),
        attempt: job["attempt"].as_u64().expect("an attempt"),
        finished_ms: job["finished_ms"].as_u64(),
    };
    jobs.iter().map(|job| (job["id"].as_str().expect("an id").to_owned(), sighting(job))).collect()
}

/// One attempt at a job.
pub struct Attempt {
    pub job: i64,
    pub number: i64,
    pub state: String,
    pub resumed_epoch: i64,
}

/// Reads the database of a coordinator that is gone, and checks what must hold of it at the end of a sweep that succeeded.
pub fn audit(home: &Path) -> Result<Vec<Attempt>, String> {
    read(home, async |mut db| {
        is_whole(&mut db).await?;
        for (wrong, query) in RULES {
            let found = texts(&mut db, query).await?;
            if !found.is_empty() {
                return Err(format!("{wrong}: {}", found.join(", ")));
            }
        }
        blobs_are_there(&mut db, home).await?;
        attempts(&mut db).await
    })
}

/// Looks into the database of a coordinator that is gone.
fn read<T>(home: &Path, look: impl AsyncFnOnce(SqliteConnection) -> Result<T, String>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // One that was killed left its log of writes, which takes the right to write to be read.
        let options = SqliteConnectOptions::new().filename(home.join("sweep.db"));
        let db = SqliteConnection::connect_with(&options).await.map_err(|error| error.to_string())?;
        look(db).await
    })
}

/// A checkpoint that is recorded.
#[derive(Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub epoch: i64,
    pub hashes: Vec<String>,
}

/// The checkpoints of all jobs, newest first.
pub fn checkpoints(home: &Path) -> Result<Vec<Checkpoint>, String> {
    read(home, async |mut db| {
        let query = "SELECT epoch, hash FROM checkpoint_files ORDER BY attempt DESC, epoch DESC, step DESC";
        let rows = sqlx::query(query).fetch_all(&mut db).await.map_err(|error| error.to_string())?;
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        for row in rows {
            let (epoch, hash): (i64, String) = (row.get(0), row.get(1));
            match checkpoints.last_mut() {
                Some(last) if last.epoch == epoch => last.hashes.push(hash),
                _ => checkpoints.push(Checkpoint { epoch, hashes: vec![hash] }),
            }
        }
        Ok(checkpoints)
    })
}

/// A copy of the database of a coordinator that runs, as `sqlite3 sweep.db '.backup …'` makes it.
pub fn back_up(home: &Path, to: &Path) -> Result<(), String> {
    read(home, async |mut db| {
        let copied = sqlx::query("VACUUM INTO ?").bind(to.to_str()).execute(&mut db).await;
        copied.map(drop).map_err(|error| error.to_string())
    })
}

/// Puts the copy in the place of the database of a coordinator that is gone.
pub fn restore(home: &Path, from: &Path) {
    for of_the_old in ["sweep.db-wal", "sweep.db-shm"] {
        // Gone already where the coordinator stopped in good order.
        let _ = fs::remove_file(home.join(of_the_old));
    }
    fs::copy(from, home.join("sweep.db")).expect("the copy is put in place");
}

/// One number or text of each row.
pub fn ask(home: &Path, query: &'static str) -> Result<Vec<String>, String> {
    read(home, async |mut db| texts(&mut db, query).await)
}

/// What may not be, and the query that would find it.
const RULES: &[(&str, &str)] = &[
    ("jobs that did not succeed", "SELECT 'j' || id || ' ' || state FROM jobs WHERE state <> 'succeeded'"),
    ("attempts that are still live", "SELECT 'j' || job || '.' || number FROM attempts WHERE finished_ms IS NULL"),
    (
        "jobs without exactly one successful attempt",
        "SELECT 'j' || id FROM jobs WHERE (SELECT count(*) FROM attempts WHERE job = id AND state = 'succeeded') <> 1",
    ),
    (
        "jobs whose successful attempt is not the last",
        "SELECT 'j' || id FROM jobs WHERE attempt <> (SELECT max(number) FROM attempts WHERE job = id AND state = 'succeeded')
                                      OR attempt <> (SELECT max(number) FROM attempts WHERE job = id)
                                      OR attempt <> (SELECT count(*) FROM attempts WHERE job = id)",
    ),
    (
        "points of another attempt than the successful one",
        "SELECT 'j' || job || ' ' || name FROM points JOIN jobs ON jobs.id = job WHERE points.attempt <> jobs.attempt",
    ),
    (
        "successes that the audit log has not once",
        "SELECT 'j' || id FROM jobs WHERE (SELECT count(*) FROM events WHERE job = jobs.id AND what = 'succeeded') <> 1",
    ),
    ("checkpoints of jobs that are done", "SELECT DISTINCT 'j' || job FROM checkpoints"),
];

async fn is_whole(db: &mut SqliteConnection) -> Result<(), String> {
    let said = texts(db, "PRAGMA integrity_check").await?;
    if said != ["ok"] {
        return Err(format!("the database is damaged: {}", said.join("; ")));
    }
    let dangling = texts(db, "SELECT \"table\" || ' ' || rowid FROM pragma_foreign_key_check").await?;
    if dangling.is_empty() { Ok(()) } else { Err(format!("rows refer to nothing: {}", dangling.join(", "))) }
}

/// Nothing is recorded before its bytes are there, and what is recorded stays.
async fn blobs_are_there(db: &mut SqliteConnection, home: &Path) -> Result<(), String> {
    for hash in texts(db, "SELECT hash FROM blobs").await? {
        let path = home.join("artifacts").join(&hash[..2]).join(&hash);
        let bytes = fs::read(&path).map_err(|error| format!("the blob {} is recorded, but {error}", path.display()))?;
        if blake3::hash(&bytes).to_hex().as_str() != hash {
            return Err(format!("the blob {} holds other bytes", path.display()));
        }
    }
    Ok(())
}

async fn attempts(db: &mut SqliteConnection) -> Result<Vec<Attempt>, String> {
    let rows = sqlx::query("SELECT job, number, state, resumed_epoch FROM attempts ORDER BY job, number");
    let rows = rows.fetch_all(db).await.map_err(|error| error.to_string())?;
    let attempt = |row: &sqlx::sqlite::SqliteRow| Attempt {
        job: row.get(0),
        number: row.get(1),
        state: row.get(2),
        resumed_epoch: row.get(3),
    };
    Ok(rows.iter().map(attempt).collect())
}

async fn texts(db: &mut SqliteConnection, query: &'static str) -> Result<Vec<String>, String> {
    let rows = sqlx::query(query).fetch_all(db).await.map_err(|error| format!("{query}: {error}"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[test]
fn what_was_told_may_not_be_taken_back() {
    let status = |state: &str, attempt: u32, finished: Option<u64>| serde_json::json!({ "jobs": [{ "id": "j1", "state": state, "attempt": attempt, "finished_ms": finished }] });
    let mut sightings = Sightings::default();
    sightings.add(&status("running", 1, None));
    sightings.add(&status("ready", 1, None));
    assert!(sightings.hold(&status("succeeded", 2, Some(5))).is_ok());
    assert!(sightings.hold(&status("running", 0, None)).is_err(), "an attempt was forgotten");
    sightings.add(&status("succeeded", 2, Some(5)));
    assert!(sightings.hold(&status("succeeded", 2, Some(5))).is_ok());
    assert!(sightings.hold(&status("succeeded", 3, Some(9))).is_err(), "it was done again");
    assert!(sightings.hold(&status("running", 2, None)).is_err());
}
