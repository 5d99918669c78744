//! What users change: each is one command of the store, carried out in the name of who wanted it. Calls and pages come here.

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::wire::v1;
use tonic::{Request, Response, Status};

use super::{Api, Reply, caller};
use crate::access::Principal;
use crate::store::{Cancel, Command, Drain, Pause, Resume, Retry, SetPriority, Store, StoreError, Target};

/// A disk that does not answer for so long is told of, instead of letting the user wait without a word.
const PATIENCE: Duration = Duration::from_secs(30);

/// What may be done with a sweep or a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Cancel,
    Retry,
    Pause,
    Resume,
    Priority(i32),
}

/// Why something was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unchanged {
    #[error("sweep {sweep} belongs to {owner}; {name} may look at it, and its owner and administrators may change it")]
    Foreign { sweep: SweepId, owner: String, name: String },
    /// It is queued all the same.
    #[error(
        "the coordinator's database has not answered for {} s (is its disk full, or very slow?). What you asked for is \
         queued and will be done when it answers; `sweep events` tells",
        PATIENCE.as_secs()
    )]
    Slow,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unchanged> for Status {
    fn from(why: Unchanged) -> Self {
        match why {
            Unchanged::Foreign { .. } => Self::permission_denied(why.to_string()),
            Unchanged::Slow => Self::unavailable(why.to_string()),
            Unchanged::Store(error) => error.into(),
        }
    }
}

/// Carries it out, where the caller may. How many jobs it concerned.
pub async fn change(api: &Api, caller: Principal, target: Target, change: Change) -> Result<u32, Unchanged> {
    caller::owns(api, &caller, target).await?;
    let (store, actor) = (&api.store, caller.name);
    match change {
        Change::Cancel => write(store, Cancel { target, actor }).await,
        Change::Retry => write(store, Retry { target, actor }).await,
        Change::Pause => write(store, Pause { target, actor }).await,
        Change::Resume => write(store, Resume { target, actor }).await,
        Change::Priority(priority) => write(store, SetPriority { target, priority, actor }).await,
    }
}

/// The agent is to finish what it does and leave. Who may is known to whoever lets calls in. `false`: it was told so before.
pub async fn drain_agent(api: &Api, caller: Principal, agent: String) -> Result<bool, Unchanged> {
    write(&api.store, Drain { agent, actor: caller.name }).await
}

pub async fn of_call(api: &Api, request: Request<v1::TargetRequest>, what: Change) -> Reply<v1::ChangeReply> {
    let v1::TargetRequest { sweep, job } = *request.get_ref();
    let (target, caller) = (target(sweep, job)?, caller::of(&request)?);
    Ok(reply(change(api, caller, target, what).await?))
}

pub async fn set_priority(api: &Api, request: Request<v1::PriorityRequest>) -> Reply<v1::ChangeReply> {
    let caller = caller::of(&request)?;
    let v1::PriorityRequest { sweep, job, priority } = request.into_inner();
    Ok(reply(change(api, caller, target(sweep, job)?, Change::Priority(priority)).await?))
}

pub async fn drain(api: &Api, request: Request<v1::DrainRequest>) -> Reply<v1::ChangeReply> {
    let caller = caller::of(&request)?;
    Ok(reply(u32::from(drain_agent(api, caller, request.into_inner().agent).await?)))
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
pub(super) async fn write<C: Command>(store: &Store, command: C) -> Result<C::Reply, Unchanged> {
    match tokio::time::timeout(PATIENCE, store.write(command)).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Unchanged::Slow),
    }
}
