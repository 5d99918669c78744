//! How things stand.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::wire::v1;
use tonic::Status;

use super::{Api, rows};
use crate::store::read;

/// Sweeps in one answer.
const MOST: u32 = 1000;

pub async fn list(api: &Api, request: v1::ListRequest) -> Result<v1::ListReply, Status> {
    let limit = if request.limit == 0 { MOST } else { request.limit.min(MOST) };
    let sweeps = api.store.sweeps(limit).await?;
    Ok(v1::ListReply { sweeps: sweeps.into_iter().map(rows::summary).collect() })
}

/// The sweep with all its jobs.
pub async fn snapshot(api: &Api, sweep: SweepId) -> Result<v1::StatusReply, Status> {
    let summary = rows::summary(api.store.sweep(sweep).await?);
    let jobs = read::jobs_of(&api.store, sweep).await?;
    Ok(v1::StatusReply { sweep: Some(summary), jobs: jobs.into_iter().map(|row| rows::job(api, row)).collect() })
}

/// Why a job is where it is, and what happens next.
pub async fn explain(api: &Api, id: JobId) -> Result<v1::ExplainReply, Status> {
    let explanation = api.dispatch.explain(&api.store, id).await?;
    let job = read::jobs_by_id(&api.store, &[id]).await?.pop().map(|row| rows::job(api, row));
    Ok(v1::ExplainReply { job, reasons: explanation.reasons, next: explanation.next })
}
