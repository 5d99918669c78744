//! What a job told at the ends of its epochs, as one line.

use sweep_shared::ids::JobId;
use sweep_shared::wire::v1;
use tonic::Status;

use super::Api;
use crate::charts::thinned;
use crate::store::read::{self, EpochRow};
use crate::views::lineage;

/// Points in one answer: more than a screen has columns.
const MOST: usize = 1000;

pub async fn curves(api: &Api, request: v1::CurvesRequest) -> Result<v1::CurvesReply, Status> {
    let (chain, rows) = read::epochs_of(&api.store, JobId(request.job)).await?;
    let points = thinned(lineage(&chain, rows), MOST).into_iter().map(point).collect();
    Ok(v1::CurvesReply { points })
}

fn point(row: EpochRow) -> v1::CurvePoint {
    v1::CurvePoint {
        attempt: row.attempt as u32,
        epoch: row.epoch as u32,
        epochs: row.epochs as u32,
        phase: row.phase,
        metrics_json: row.metrics_json,
        at_ms: row.at_ms,
    }
}
