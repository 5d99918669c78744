//! What users change: each call is one command of the store, carried out in the name of who wanted it.

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::wire::v1;
use tonic::{Request, Response, Status};

use super::{Api, Reply, caller};
use crate::store::{Cancel, Command, Drain, Pause, Resume, Retry, SetPriority, Store, Target};

/// A disk that does not answer for so long is told of, instead of letting the user wait without a word.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn cancel(api: &Api, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
    let (target, actor) = asked(api, &request).await?;
    Ok(reply(write(&api.store, Cancel { target, actor }).await?))
}

pub async fn retry(api: &Api, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
    let (target, actor) = asked(api, &request).await?;
    Ok(reply(write(&api.store, Retry { target, actor }).await?))
}

pub async fn pause(api: &Api, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
    let (target, actor) = asked(api, &request).await?;
    Ok(reply(write(&api.store, Pause { target, actor }).await?))
}

pub async fn resume(api: &Api, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
    let (target, actor) = asked(api, &request).await?;
    Ok(reply(write(&api.store, Resume { target, actor }).await?))
}

pub async fn set_priority(api: &Api, request: Request<v1::PriorityRequest>) -> Reply<v1::ChangeReply> {
    let caller = caller::of(&request)?;
    let v1::PriorityRequest { sweep, job, priority } = request.into_inner();
    let target = target(sweep, job)?;
    caller::owns(api, &caller, target).await?;
    Ok(reply(write(&api.store, SetPriority { target, priority, actor: caller.name }).await?))
}

pub async fn drain(api: &Api, request: Request<v1::DrainRequest>) -> Reply<v1::ChangeReply> {
    let actor = caller::of(&request)?.name;
    let agent = request.into_inner().agent;
    Ok(reply(u32::from(write(&api.store, Drain { agent, actor }).await?)))
}

/// What a call is about and in whose name it is made, where they may change it.
async fn asked(api: &Api, request: &Request<v1::TargetRequest>) -> Result<(Target, String), Status> {
    let v1::TargetRequest { sweep, job } = *request.get_ref();
    let (target, caller) = (target(sweep, job)?, caller::of(request)?);
    caller::owns(api, &caller, target).await?;
    Ok((target, caller.name))
}

/// What a call is about: one of the two must be set.
pub fn target(sweep: i64, job: i64) -> Result<Target, Status> {
    match (sweep, job) {
        (1.., 0) => Ok(Target::Sweep(SweepId(sweep))),
        (0, 1..) => Ok(Target::Job(JobId(job))),
        _ => Err(Status::invalid_argument("name either a sweep or a job")),
    }
}

fn reply(changed: u32) -> Response<v1::ChangeReply> {
    Response::new(v1::ChangeReply { changed })
}

/// Carries it out, and says so where the database does not come to it: the command stays queued.
pub(super) async fn write<C: Command>(store: &Store, command: C) -> Result<C::Reply, Status> {
    match tokio::time::timeout(PATIENCE, store.write(command)).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Status::unavailable(format!(
            "the coordinator's database has not answered for {} s (is its disk full, or very slow?). What you asked for is \
             queued and will be done when it answers; `sweep events` tells",
            PATIENCE.as_secs()
        ))),
    }
}
