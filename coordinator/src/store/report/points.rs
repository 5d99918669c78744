//! Points, published when their attempt succeeds.

use serde::Serialize;
use sweep_shared::ids::Token;
use sweep_shared::metrics::Metrics;
use sweep_shared::spec::MAIN_POINT;

use super::super::audit::json;
use super::super::blobs;
use super::{BlobRef, NewPoint, StoreError, Tx};

/// The name under which the artifacts of a job as a whole are kept.
pub const JOB_FILES: &str = "";

/// The artifacts of the job as a whole, as a point without values. Where the job made no other point (a command and its
/// outputs), they are its only one, and others can read them.
pub fn of_job(artifacts: Vec<BlobRef>, has_points: bool) -> Option<NewPoint> {
    let name = if has_points { JOB_FILES } else { MAIN_POINT };
    (!artifacts.is_empty()).then(|| NewPoint { name: name.to_owned(), metrics: Metrics::new(), files: artifacts })
}

#[derive(Serialize)]
struct PointRow<'a> {
    job: i64,
    name: &'a str,
    ordinal: usize,
    attempt: u32,
    metrics: String,
}

#[derive(Serialize)]
struct FileRow<'a> {
    job: i64,
    point: &'a str,
    name: &'a str,
    hash: &'a str,
}

pub async fn publish(tx: &mut Tx<'_>, made: Vec<(Token, Vec<NewPoint>)>) -> Result<(), StoreError> {
    let (mut points, mut files, mut blobs) = (Vec::new(), Vec::new(), Vec::new());
    for (token, list) in &made {
        let job = token.job.0;
        for (ordinal, point) in list.iter().enumerate() {
            let metrics = json(&point.metrics);
            points.push(PointRow { job, name: &point.name, ordinal, attempt: token.attempt, metrics });
            files.extend(point.files.iter().map(|f| FileRow {
                job,
                point: &point.name,
                name: &f.name,
                hash: f.hash.as_str(),
            }));
            blobs.extend(&point.files);
        }
    }
    if points.is_empty() {
        return Ok(());
    }
    blobs::record(tx, blobs).await?;
    let points = json(&points);
    // A point that is told twice under one name is the later one; jobs that are retried may have older points.
    sqlx::query!(
        "INSERT INTO points (job, name, ordinal, attempt, metrics_json)
         SELECT value ->> 'job', value ->> 'name', value ->> 'ordinal', value ->> 'attempt', value ->> 'metrics'
         FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET ordinal = excluded.ordinal, attempt = excluded.attempt,
                                   metrics_json = excluded.metrics_json",
        points
    )
    .execute(&mut *tx.conn)
    .await?;
    if files.is_empty() {
        return Ok(());
    }
    let files = json(&files);
    sqlx::query!(
        "INSERT INTO point_files (job, point, name, hash)
         SELECT value ->> 'job', value ->> 'point', value ->> 'name', value ->> 'hash'
         FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET hash = excluded.hash",
        files
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
