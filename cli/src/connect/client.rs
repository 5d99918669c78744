//! The coordinator's services with our own types at the edge.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use sweep_shared::ids::{ContentHash, JobId, SweepId};
use sweep_shared::wire::{MAX_MESSAGE_BYTES, v1};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use v1::artifacts_client::ArtifactsClient;
use v1::sweeps_client::SweepsClient;
use v1::watch_event::Body;

use super::address::Address;
use crate::answer::{Agent, Job, Point, Sweep, malformed};
use crate::exit::{Failure, Outcome};
use crate::progress::Event;

mod upload;

/// A coordinator on this machine answers at once; one at the other end of a tunnel may take a moment.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An open connection. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    sweeps: SweepsClient<Service>,
    artifacts: ArtifactsClient<Service>,
}

/// A channel whose every call bears the token.
type Service = InterceptedService<Channel, Bearer>;

/// Adds the token to every call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// What became of a submitted plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    pub sweep: SweepId,
    /// False where the sweep existed and is continued.
    pub created: bool,
    pub jobs: u32,
    pub reused: u32,
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Sweep(SweepId),
    Job(JobId),
}

impl Client {
    pub async fn connect(address: &Address, token: &str) -> Outcome<Self> {
        let mut bearer: MetadataValue<Ascii> = format!("Bearer {token}")
            .parse()
            .map_err(|_| Failure::usage("the token holds characters that no token holds"))?;
        bearer.set_sensitive(true);
        let endpoint = Endpoint::from_shared(address.url())
            .map_err(|error| Failure::usage(format!("{address} is not an address: {error}")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_while_idle(true);
        let channel = endpoint.connect().await.map_err(|error| {
            Failure::from(error)
                .context(format!("cannot reach the coordinator at {address}"))
                .hint("is `sweep serve` running there?")
        })?;
        let sweeps = SweepsClient::with_interceptor(channel.clone(), Bearer(bearer.clone()))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { sweeps, artifacts: ArtifactsClient::with_interceptor(channel, Bearer(bearer)) })
    }

    pub async fn submit(&mut self, request: v1::SubmitRequest) -> Outcome<Submitted> {
        let reply = self.sweeps.submit(request).await?.into_inner();
        let (jobs, reused) = (reply.jobs, reply.reused);
        Ok(Submitted { sweep: SweepId(reply.sweep), created: reply.created, jobs, reused })
    }

    /// The newest sweeps, newest first.
    pub async fn list(&mut self, limit: u32) -> Outcome<Vec<Sweep>> {
        let reply = self.sweeps.list(v1::ListRequest { limit }).await?.into_inner();
        reply.sweeps.into_iter().map(Sweep::try_from).collect()
    }

    pub async fn status(&mut self, sweep: Option<SweepId>) -> Outcome<(Sweep, Vec<Job>)> {
        snapshot(self.sweeps.status(request(sweep)).await?.into_inner())
    }

    /// The state now, then every change, until the sweep is over or the connection is lost.
    pub async fn watch(&mut self, sweep: SweepId) -> Outcome<impl Stream<Item = Outcome<Event>> + Unpin + use<>> {
        let stream = self.sweeps.watch(request(Some(sweep))).await?.into_inner();
        Ok(stream.map(|message| event(message?)))
    }

    pub async fn results(&mut self, sweep: Option<SweepId>) -> Outcome<(Sweep, Vec<Point>)> {
        let reply = self.sweeps.results(request(sweep)).await?.into_inner();
        let sweep = reply.sweep.ok_or_else(|| malformed("no sweep in it"))?.try_into()?;
        Ok((sweep, reply.points.into_iter().map(Point::try_from).collect::<Outcome<_>>()?))
    }

    pub async fn logs(&mut self, job: JobId, attempt: u32, follow: bool) -> Outcome<Streaming<v1::LogsReply>> {
        Ok(self.sweeps.logs(v1::LogsRequest { job: job.0, attempt, follow }).await?.into_inner())
    }

    /// How many jobs were cancelled.
    pub async fn cancel(&mut self, target: Target) -> Outcome<u32> {
        let (sweep, job) = target.numbers();
        Ok(self.sweeps.cancel(v1::TargetRequest { sweep, job }).await?.into_inner().changed)
    }

    /// How many jobs will be tried again.
    pub async fn retry(&mut self, target: Target) -> Outcome<u32> {
        let (sweep, job) = target.numbers();
        Ok(self.sweeps.retry(v1::TargetRequest { sweep, job }).await?.into_inner().changed)
    }

    pub async fn agents(&mut self) -> Outcome<Vec<Agent>> {
        let reply = self.sweeps.list_agents(v1::ListRequest { limit: 0 }).await?.into_inner();
        reply.agents.into_iter().map(Agent::try_from).collect()
    }

    /// Sends a file, unless the coordinator has it already.
    pub async fn upload(&mut self, path: &Path, hash: &ContentHash) -> Outcome<()> {
        upload::file(&mut self.artifacts, path, hash).await
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sweep(id) => id.fmt(f),
            Self::Job(id) => id.fmt(f),
        }
    }
}

impl Target {
    fn numbers(self) -> (i64, i64) {
        match self {
            Self::Sweep(id) => (id.0, 0),
            Self::Job(id) => (0, id.0),
        }
    }
}

fn request(sweep: Option<SweepId>) -> v1::SweepRequest {
    v1::SweepRequest { sweep: sweep.map_or(0, |id| id.0), ..Default::default() }
}

fn snapshot(reply: v1::StatusReply) -> Outcome<(Sweep, Vec<Job>)> {
    let sweep = reply.sweep.ok_or_else(|| malformed("no sweep in it"))?.try_into()?;
    Ok((sweep, reply.jobs.into_iter().map(Job::try_from).collect::<Outcome<_>>()?))
}

fn event(message: v1::WatchEvent) -> Outcome<Event> {
    match message.body.ok_or_else(|| malformed("an event without a body"))? {
        Body::Snapshot(reply) => snapshot(reply).map(|(sweep, jobs)| Event::Snapshot(sweep, jobs)),
        Body::Job(job) => Ok(Event::Job(Box::new(job.try_into()?))),
        Body::Sweep(sweep) => Ok(Event::Sweep(sweep.try_into()?)),
    }
}
