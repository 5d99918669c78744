//! What came out.

use sweep_shared::ids::{ContentHash, SweepId};
use sweep_shared::wire::{to_json, v1};
use tonic::Status;

use super::{Api, rows};
use crate::results::{Point, merge, path, publish_all};
use crate::store::read;

pub async fn results(api: &Api, sweep: SweepId) -> Result<v1::ResultsReply, Status> {
    let summary = rows::summary(api.store.sweep(sweep).await?);
    let rows = read::points_of(&api.store, sweep).await?;
    let mut jobs: Vec<_> = rows.iter().map(|row| sweep_shared::ids::JobId(row.job)).collect();
    jobs.dedup();
    let files = read::files_of_jobs(&api.store, &jobs).await?;
    let points = merge(rows, files);
    let named = publish_all(&api.artifacts, &points).await;
    let point = |point: Point| {
        let files = point.files.iter().map(|file| {
            let name = path(&api.home, &point, &file.name);
            // Where the name could not be made, the blob itself.
            let blob =
                || ContentHash::try_from(file.hash.clone()).map(|hash| api.artifacts.shown(&hash)).unwrap_or_default();
            let path = if named.contains(&name) { name.display().to_string() } else { blob() };
            v1::StoredFile {
                name: file.name.clone(),
                hash: file.hash.clone(),
                size_bytes: file.size_bytes as u64,
                path,
            }
        });
        let files = files.collect();
        to_wire(point, files)
    };
    // Files of a job as a whole have their names in the folder, but are no point.
    let points = points.into_iter().filter(|point| !point.row.point.is_empty()).map(point).collect();
    Ok(v1::ResultsReply { sweep: Some(summary), points })
}

fn to_wire(point: Point, files: Vec<v1::StoredFile>) -> v1::ResultPoint {
    let row = point.row;
    v1::ResultPoint {
        job: row.job,
        stage: row.stage,
        kind: row.kind,
        point: row.point,
        seed: row.seed as u64,
        key: row.key,
        params_json: row.params_json,
        metrics_json: to_json(&point.metrics),
        files,
        host: row.host.unwrap_or_default(),
        agent: row.agent.unwrap_or_default(),
        attempt: row.attempt as u32,
        resumed_from: row.resumed_epoch as u32,
        label: row.label,
        reused: row.reused,
    }
}
