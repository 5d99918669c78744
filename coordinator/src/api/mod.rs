//! What users ask for: the Sweeps service, one file per group of calls. Wire types are made here, from rows and what the
//! board knows of running attempts.

mod agents;
pub mod auth;
mod logs;
mod results;
mod rows;
mod status;
mod submit;
mod watch;

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::wire::v1;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::artifacts::Artifacts;
use crate::board::Board;
use crate::clock::Clock;
use crate::dispatch::DispatchHandle;
use crate::home::Home;
use crate::logs::Logs;
use crate::store::{Cancel, Retry, Store, Target, read};

/// A client that does not say who it is.
const USER: &str = "user";

/// All that the calls need; cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub home: Home,
    pub store: Store,
    pub board: Board,
    pub logs: Logs,
    pub artifacts: Artifacts,
    pub dispatch: DispatchHandle,
    pub clock: Arc<dyn Clock>,
    /// Open streams end with it.
    pub stop: CancellationToken,
}

impl Api {
    /// The sweep that is meant: 0 is the latest.
    async fn sweep(&self, id: i64) -> Result<SweepId, Status> {
        if id > 0 {
            return Ok(SweepId(id));
        }
        read::latest(&self.store).await?.ok_or_else(|| Status::not_found("there is no sweep yet"))
    }
}

/// What a call is about: one of the two must be set.
fn target(sweep: i64, job: i64) -> Result<Target, Status> {
    match (sweep, job) {
        (1.., 0) => Ok(Target::Sweep(SweepId(sweep))),
        (0, 1..) => Ok(Target::Job(JobId(job))),
        _ => Err(Status::invalid_argument("name either a sweep or a job")),
    }
}

type Reply<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl v1::sweeps_server::Sweeps for Api {
    type WatchStream = Answers<v1::WatchEvent>;
    type LogsStream = Answers<v1::LogsReply>;
    type EventsStream = Answers<v1::EventRow>;

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Reply<v1::SubmitReply> {
        submit::submit(self, request.into_inner()).await.map(Response::new)
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Reply<v1::ListReply> {
        status::list(self, request.into_inner()).await.map(Response::new)
    }

    async fn status(&self, request: Request<v1::SweepRequest>) -> Reply<v1::StatusReply> {
        let sweep = self.sweep(request.into_inner().sweep).await?;
        status::snapshot(self, sweep).await.map(Response::new)
    }

    async fn watch(&self, request: Request<v1::SweepRequest>) -> Reply<Self::WatchStream> {
        let sweep = self.sweep(request.into_inner().sweep).await?;
        watch::watch(self.clone(), sweep).await.map(Response::new)
    }

    async fn results(&self, request: Request<v1::SweepRequest>) -> Reply<v1::ResultsReply> {
        let sweep = self.sweep(request.into_inner().sweep).await?;
        results::results(self, sweep).await.map(Response::new)
    }

    async fn logs(&self, request: Request<v1::LogsRequest>) -> Reply<Self::LogsStream> {
        logs::logs(self.clone(), request.into_inner()).await.map(Response::new)
    }

    async fn cancel(&self, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
        let v1::TargetRequest { sweep, job } = request.into_inner();
        let command = Cancel { target: target(sweep, job)?, actor: USER.to_owned() };
        Ok(Response::new(v1::ChangeReply { changed: self.store.write(command).await? }))
    }

    async fn retry(&self, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
        let v1::TargetRequest { sweep, job } = request.into_inner();
        let command = Retry { target: target(sweep, job)?, actor: USER.to_owned() };
        Ok(Response::new(v1::ChangeReply { changed: self.store.write(command).await? }))
    }

    async fn pause(&self, _: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
        Err(Status::unimplemented("not yet"))
    }

    async fn resume(&self, _: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
        Err(Status::unimplemented("not yet"))
    }

    async fn set_priority(&self, _: Request<v1::PriorityRequest>) -> Reply<v1::ChangeReply> {
        Err(Status::unimplemented("not yet"))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Reply<v1::ExplainReply> {
        status::explain(self, JobId(request.into_inner().job)).await.map(Response::new)
    }

    async fn events(&self, _: Request<v1::EventsRequest>) -> Reply<Self::EventsStream> {
        Err(Status::unimplemented("not yet"))
    }

    async fn drain_agent(&self, _: Request<v1::DrainRequest>) -> Reply<v1::ChangeReply> {
        Err(Status::unimplemented("not yet"))
    }

    async fn list_agents(&self, request: Request<v1::ListRequest>) -> Reply<v1::AgentsReply> {
        agents::list(self, request.into_inner().limit).await.map(Response::new)
    }
}
