//! How things stand.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::wire::v1;
use tonic::Status;

use super::{Api, rows};
use crate::store::StoreError;
use crate::store::read;

/// Sweeps in one answer.
const MOST: u32 = 1000;

pub async fn list(api: &Api, request: v1::ListRequest) -> Result<v1::ListReply, Status> {
    let limit = if request.limit == 0 { MOST } else { request.limit.min(MOST) };
    let sweeps = api.store.sweeps(limit).await?;
    Ok(v1::ListReply { sweeps: sweeps.into_iter().map(rows::summary).collect() })
}

/// The sweep with all its jobs, or with the one that is asked for.
pub async fn status(api: &Api, request: v1::SweepRequest) -> Result<v1::StatusReply, Status> {
    if request.job > 0 {
        return of_job(api, JobId(request.job)).await;
    }
    let sweep = api.sweep(request.sweep).await?;
    let mut reply = snapshot(api, sweep).await?;
    if request.attempts {
        with_attempts(api, &mut reply.jobs).await?;
    }
    Ok(reply)
}

/// The sweep with all its jobs.
pub async fn snapshot(api: &Api, sweep: SweepId) -> Result<v1::StatusReply, Status> {
    let summary = rows::summary(api.store.sweep(sweep).await?);
    let jobs = read::jobs_of(&api.store, sweep).await?;
    Ok(v1::StatusReply { sweep: Some(summary), jobs: jobs.into_iter().map(|row| rows::job(api, row)).collect() })
}

/// A job's sweep with this job alone, and the attempts at it.
async fn of_job(api: &Api, job: JobId) -> Result<v1::StatusReply, Status> {
    let sweep = read::sweep_of_job(&api.store, job).await?;
    let summary = rows::summary(api.store.sweep(sweep).await?);
    let jobs = vec![self::job(api, job).await?];
    Ok(v1::StatusReply { sweep: Some(summary), jobs })
}

/// One job with the attempts at it.
async fn job(api: &Api, job: JobId) -> Result<v1::JobStatus, Status> {
    let rows = read::jobs_by_id(&api.store, &[job]).await?;
    let mut jobs: Vec<v1::JobStatus> = rows.into_iter().map(|row| rows::job(api, row)).collect();
    with_attempts(api, &mut jobs).await?;
    Ok(jobs.pop().ok_or_else(|| StoreError::Unknown(format!("job {job}")))?)
}

/// Adds the attempts; the jobs are in the order of their ids.
async fn with_attempts(api: &Api, jobs: &mut [v1::JobStatus]) -> Result<(), Status> {
    let ids: Vec<JobId> = jobs.iter().map(|job| JobId(job.id)).collect();
    let mut rows = read::attempts_of(&api.store, &ids).await?.into_iter().peekable();
    for job in jobs {
        while let Some(row) = rows.next_if(|row| row.job == job.id) {
            job.attempts.push(rows::attempt(row));
        }
    }
    Ok(())
}

/// Why a job is where it is, and what happens next.
pub async fn explain(api: &Api, id: JobId) -> Result<v1::ExplainReply, Status> {
    let explanation = api.dispatch.explain(&api.store, id).await?;
    let job = job(api, id).await?;
    Ok(v1::ExplainReply { job: Some(job), reasons: explanation.reasons, next: explanation.next })
}
