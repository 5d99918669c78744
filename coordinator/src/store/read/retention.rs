//! What there is of jobs that are over, for the retention policy.

use std::collections::{BTreeMap, HashMap};

use sweep_shared::ids::{JobId, SweepId};

use super::super::{Store, StoreError};
use crate::retention::{Checkpoint, Facts, FileFacts, JobFacts, Point};

/// Everything but the logs, which the database does not know of.
pub async fn retention_facts(store: &Store, now_ms: i64, sweep: Option<SweepId>) -> Result<Facts, StoreError> {
    let mut tx = store.readers.begin().await?;
    let only = sweep.map(|sweep| sweep.0);
    let rows = sqlx::query!(
        r#"SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", s.stage AS "stage!: String", s.label AS "label!: String",
                  j.state AS "state!: String", j.finished_ms AS "finished_ms: i64",
                  EXISTS (SELECT 1 FROM attempts a WHERE a.job = j.id AND a.finished_ms IS NULL) AS "live!: bool",
                  (SELECT count(*) FROM job_inputs i JOIN jobs r ON r.id = i.job
                   WHERE i.source = j.id AND r.state <> 'succeeded' AND r.dropped = 0) AS "unread!: i64"
           FROM jobs j JOIN job_specs s ON s.job = j.id
           WHERE j.finished_ms IS NOT NULL AND (?1 IS NULL OR j.sweep = ?1)
           ORDER BY j.sweep, j.id"#,
        only
    )
    .fetch_all(&mut *tx)
    .await?;
    let files = sqlx::query!(
        r#"SELECT f.job AS "job!: i64", f.attempt AS "attempt!: i64", f.epoch AS "epoch!: i64", f.step AS "step!: i64",
                  f.name AS "name!: String", f.hash AS "hash!: String", b.size_bytes AS "bytes!: i64"
           FROM checkpoint_files f JOIN blobs b ON b.hash = f.hash ORDER BY f.job, f.attempt, f.step"#
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut checkpoints: HashMap<i64, Vec<Checkpoint>> = HashMap::new();
    for row in files {
        let all = checkpoints.entry(row.job).or_default();
        let (attempt, epoch, position) = (row.attempt as u32, row.epoch as u32, row.step);
        if all.last().is_none_or(|last| (last.attempt, last.position) != (attempt, position)) {
            all.push(Checkpoint { attempt, epoch, position, files: Vec::new() });
        }
        let file = FileFacts { name: row.name, hash: row.hash, bytes: row.bytes as u64 };
        all.last_mut().expect("one was pushed").files.push(file);
    }
    let files = sqlx::query!(
        r#"SELECT f.job AS "job!: i64", f.point AS "point!: String", f.name AS "name!: String", f.hash AS "hash!: String",
                  b.size_bytes AS "bytes!: i64"
           FROM point_files f JOIN blobs b ON b.hash = f.hash ORDER BY f.job, f.point"#
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut points: HashMap<i64, Vec<Point>> = HashMap::new();
    for row in files {
        let all = points.entry(row.job).or_default();
        if all.last().is_none_or(|last| last.name != row.point) {
            all.push(Point { name: row.point, files: Vec::new() });
        }
        let file = FileFacts { name: row.name, hash: row.hash, bytes: row.bytes as u64 };
        all.last_mut().expect("one was pushed").files.push(file);
    }
    let shared = sqlx::query!(
        r#"SELECT hash AS "hash!: String", count(*) AS "users!: i64" FROM
               (SELECT hash FROM checkpoint_files UNION ALL SELECT hash FROM point_files UNION ALL SELECT hash FROM sweep_files)
           GROUP BY hash HAVING count(*) > 1"#
    )
    .fetch_all(&mut *tx)
    .await?;
    let shared: BTreeMap<String, u32> = shared.into_iter().map(|row| (row.hash, row.users as u32)).collect();
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        jobs.push(JobFacts {
            job: JobId(row.id),
            sweep: SweepId(row.sweep),
            name: format!("{} {}", row.stage, row.label).trim_end().to_owned(),
            state: super::super::ledger::word(&row.state)?,
            finished_ms: row.finished_ms,
            is_live: row.live,
            unread: row.unread as u32,
            checkpoints: checkpoints.remove(&row.id).unwrap_or_default(),
            points: points.remove(&row.id).unwrap_or_default(),
            logs: Vec::new(),
        });
    }
    Ok(Facts { now_ms, jobs, shared })
}
