//! The database's rows, read in one statement.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use sweep_shared::ids::{JobId, Token};
use sweep_shared::spec::JobSpec;

/// All that the rules look at.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub generation: String,
    pub sweeps: BTreeMap<i64, Sweep>,
    pub jobs: BTreeMap<i64, Job>,
    /// By job and number.
    pub attempts: BTreeMap<(i64, u32), Attempt>,
    /// How far each spool is recorded.
    pub spools: BTreeMap<String, u64>,
    pub checkpoints: Vec<CheckpointFile>,
    pub points: BTreeMap<(i64, String, String), PointFile>,
    pub inputs: BTreeMap<i64, Vec<(i64, String)>>,
    /// Job, attempt, epoch.
    pub epochs: BTreeSet<(i64, u32, u32)>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sweep {
    id: i64,
    pub state: String,
    #[serde(deserialize_with = "bit")]
    pub paused: bool,
    pub budget_gpu_hours: Option<f64>,
    pub budget_cpu_hours: Option<f64>,
    #[serde(deserialize_with = "bit")]
    pub budget_waived: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Job {
    id: i64,
    pub sweep: i64,
    pub state: String,
    pub priority: i64,
    pub device: Option<String>,
    #[serde(deserialize_with = "bit")]
    pub exclusive: bool,
    pub retries: u32,
    pub most_losses: u32,
    pub max_hours: Option<f64>,
    #[serde(deserialize_with = "bit")]
    pub dropped: bool,
    pub attempt: u32,
    pub failures: u32,
    /// Attempts that ran out of memory and were helped.
    pub remedies: u32,
    pub losses: u32,
    pub not_before_ms: i64,
    pub failure_class: Option<String>,
    pub reused_from: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Attempt {
    job: i64,
    number: u32,
    lease: u64,
    pub state: String,
    pub agent: String,
    pub device: String,
    pub device_index: u32,
    pub granted_ms: i64,
    pub finished_ms: Option<i64>,
    pub run_s: Option<f64>,
    pub resumed_epoch: u32,
    pub resumed_attempt: u32,
    pub failure_class: Option<String>,
    pub message: String,
    #[serde(deserialize_with = "bit")]
    pub unwanted: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CheckpointFile {
    pub job: i64,
    pub attempt: u32,
    pub epoch: u32,
    /// The coordinator keeps the epoch in its upper half.
    step: i64,
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PointFile {
    job: i64,
    point: String,
    name: String,
    pub attempt: u32,
    pub hash: String,
}

/// The columns in the order of the fields above.
const QUERY: &str = "SELECT json_array(
    (SELECT name FROM generation),
    (SELECT json_group_array(json_array(id, state, paused, budget_gpu_hours, budget_cpu_hours, budget_waived)) FROM sweeps),
    (SELECT json_group_array(json_array(id, sweep, state, priority, device, exclusive, retries, most_losses, max_hours,
            dropped, attempt, failures, remedies, losses, not_before_ms, failure_class, reused_from)) FROM jobs),
    (SELECT json_group_array(json_array(job, number, lease, state, agent, device, device_index, granted_ms, finished_ms,
            run_s, resumed_epoch, resumed_attempt, failure_class, message, unwanted)) FROM attempts),
    (SELECT json_group_array(json_array(id, acked_seq)) FROM spools),
    (SELECT json_group_array(json_array(job, attempt, epoch, step, hash)) FROM checkpoint_files),
    (SELECT json_group_array(json_array(f.job, f.point, f.name, p.attempt, f.hash))
     FROM point_files f JOIN points p ON p.job = f.job AND p.name = f.point),
    (SELECT json_group_array(json_array(job, source, point)) FROM (SELECT * FROM job_inputs ORDER BY job, ordinal)),
    (SELECT json_group_array(json_array(job, attempt, epoch)) FROM epochs))";

#[derive(Deserialize)]
struct Rows(
    String,
    Vec<Sweep>,
    Vec<Job>,
    Vec<Attempt>,
    Vec<(String, u64)>,
    Vec<CheckpointFile>,
    Vec<PointFile>,
    Vec<(i64, i64, String)>,
    BTreeSet<(i64, u32, u32)>,
);

fn bit<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    u8::deserialize(from).map(|bit| bit == 1)
}

impl Job {
    pub fn is_terminal(&self) -> bool {
        matches!(self.state.as_str(), "succeeded" | "failed" | "cancelled" | "stopped" | "skipped")
    }
}

impl Attempt {
    pub fn token(&self) -> Token {
        Token { job: JobId(self.job), attempt: self.number, lease: self.lease }
    }

    pub fn is_finished(&self) -> bool {
        self.finished_ms.is_some()
    }
}

impl CheckpointFile {
    pub fn position(&self) -> (u32, u64) {
        (self.epoch, self.step as u64 & 0xffff_ffff)
    }
}

impl Snapshot {
    /// The attempts that have not ended.
    pub fn live(&self) -> impl Iterator<Item = (&(i64, u32), &Attempt)> {
        self.attempts.iter().filter(|(_, attempt)| !attempt.is_finished())
    }
}

pub async fn connect(database: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database).busy_timeout(Duration::from_secs(5));
    SqliteConnection::connect_with(&options).await.expect("the database can be opened")
}

pub async fn disconnect(conn: SqliteConnection) {
    conn.close().await.expect("the database can be closed");
}

pub async fn read(conn: &mut SqliteConnection) -> Snapshot {
    let text: String = sqlx::query_scalar(QUERY).fetch_one(conn).await.expect("the database can be read");
    let rows: Rows = serde_json::from_str(&text).expect("the rows are as the schema says");
    let Rows(generation, sweeps, jobs, attempts, spools, checkpoints, points, all_inputs, epochs) = rows;
    let mut inputs: BTreeMap<i64, Vec<(i64, String)>> = BTreeMap::new();
    for (job, source, point) in all_inputs {
        inputs.entry(job).or_default().push((source, point));
    }
    Snapshot {
        generation,
        sweeps: sweeps.into_iter().map(|row| (row.id, row)).collect(),
        jobs: jobs.into_iter().map(|row| (row.id, row)).collect(),
        attempts: attempts.into_iter().map(|row| ((row.job, row.number), row)).collect(),
        spools: spools.into_iter().collect(),
        checkpoints,
        points: points.into_iter().map(|row| ((row.job, row.point.clone(), row.name.clone()), row)).collect(),
        inputs,
        epochs,
    }
}

/// What these jobs are.
pub async fn specs(conn: &mut SqliteConnection, jobs: &[i64]) -> Vec<(i64, JobSpec)> {
    let jobs = serde_json::to_string(jobs).expect("numbers can be written");
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT job, spec_json FROM job_specs WHERE job IN (SELECT value FROM json_each(?))")
            .bind(jobs)
            .fetch_all(conn)
            .await
            .expect("the database can be read");
    rows.into_iter().map(|(job, text)| (job, serde_json::from_str(&text).expect("a spec can be read"))).collect()
}

/// A consistent copy of the whole database, as a user makes with `VACUUM INTO`.
pub async fn copy(conn: &mut SqliteConnection, path: &Path) {
    let path = path.to_str().expect("temporary folders have readable names");
    sqlx::query("VACUUM INTO ?").bind(path).execute(conn).await.expect("the database can be copied");
}
