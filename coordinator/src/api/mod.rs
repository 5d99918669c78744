//! What users ask for: the Sweeps service, one file per group of calls. Wire types are made here, from rows and what the
//! board knows of running attempts.

pub mod access;
mod agents;
pub mod banner;
mod caller;
pub mod changes;
mod curves;
mod events;
mod gc;
mod logs;
mod notices;
mod paces;
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

use changes::Change;

use crate::artifacts::Artifacts;
use crate::board::Board;
use crate::clock::Clock;
use crate::dispatch::DispatchHandle;
use crate::home::Home;
use crate::logs::Logs;
use crate::notices::Desk;
use crate::retention::Retention;
use crate::store::{Store, read};
use crate::views::Flows;
use crate::views::results::Tables;

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
    pub retention: Retention,
    pub notices: Desk,
    /// What came out of the sweeps that pages show.
    pub tables: Tables,
    /// And how their stages hang together.
    pub flows: Flows,
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

type Reply<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl v1::sweeps_server::Sweeps for Api {
    type WatchStream = Answers<v1::WatchEvent>;
    type LogsStream = Answers<v1::LogsReply>;
    type EventsStream = Answers<v1::EventRow>;

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Reply<v1::SubmitReply> {
        let caller = caller::of(&request)?;
        submit::submit(self, request.into_inner(), &caller).await.map(Response::new)
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Reply<v1::ListReply> {
        status::list(self, request.into_inner()).await.map(Response::new)
    }

    async fn status(&self, request: Request<v1::SweepRequest>) -> Reply<v1::StatusReply> {
        status::status(self, request.into_inner()).await.map(Response::new)
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
        changes::of_call(self, request, Change::Cancel).await
    }

    async fn retry(&self, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
        changes::of_call(self, request, Change::Retry).await
    }

    async fn pause(&self, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
        changes::of_call(self, request, Change::Pause).await
    }

    async fn resume(&self, request: Request<v1::TargetRequest>) -> Reply<v1::ChangeReply> {
        changes::of_call(self, request, Change::Resume).await
    }

    async fn set_priority(&self, request: Request<v1::PriorityRequest>) -> Reply<v1::ChangeReply> {
        changes::set_priority(self, request).await
    }

    async fn drain_agent(&self, request: Request<v1::DrainRequest>) -> Reply<v1::ChangeReply> {
        changes::drain(self, request).await
    }

    async fn collect_garbage(&self, request: Request<v1::GcRequest>) -> Reply<v1::GcReply> {
        gc::collect(self, request).await
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Reply<v1::ExplainReply> {
        status::explain(self, JobId(request.into_inner().job)).await.map(Response::new)
    }

    async fn events(&self, request: Request<v1::EventsRequest>) -> Reply<Self::EventsStream> {
        events::events(self.clone(), request.into_inner()).await.map(Response::new)
    }

    async fn curves(&self, request: Request<v1::CurvesRequest>) -> Reply<v1::CurvesReply> {
        curves::curves(self, request.into_inner()).await.map(Response::new)
    }

    async fn paces(&self, _: Request<v1::PacesRequest>) -> Reply<v1::PacesReply> {
        paces::paces(self).await.map(Response::new)
    }

    async fn notices(&self, request: Request<v1::NoticesRequest>) -> Reply<v1::NoticesReply> {
        notices::list(self, &request.into_inner()).await.map(Response::new)
    }

    async fn test_notice(&self, request: Request<v1::TestNoticeRequest>) -> Reply<v1::TestNoticeReply> {
        notices::test(self, request).await.map(Response::new)
    }

    async fn list_agents(&self, request: Request<v1::ListRequest>) -> Reply<v1::AgentsReply> {
        agents::list(self, request.into_inner().limit).await.map(Response::new)
    }
}
