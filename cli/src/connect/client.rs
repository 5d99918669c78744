//! The coordinator's services with our own types at the edge.

use std::path::Path;

use futures_util::{Stream, StreamExt as _};
use heed::{Heard, Heeding};
use sweep_link::Bearer;
use sweep_shared::halted::Halted;
use sweep_shared::ids::{ContentHash, JobId, SweepId};
use sweep_shared::wire::{MAX_MESSAGE_BYTES, v1};
use tonic::Streaming;
use tonic::service::interceptor::InterceptedService;
use v1::access_client::AccessClient;
use v1::artifacts_client::ArtifactsClient;
use v1::sweeps_client::SweepsClient;
use v1::watch_event::Body;

use super::reach::Reach;
use super::target::Target;
use crate::answer::{Agent, Explanation, Job, Logged, Point, StoredFile, Sweep, malformed};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::progress::Event;

mod access;
mod changes;
mod download;
mod heed;
mod notices;
mod past;
mod upload;

/// An open connection. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    sweeps: SweepsClient<Service>,
    artifacts: ArtifactsClient<Service>,
    access: AccessClient<Service>,
    heard: Heard,
}

/// A channel whose every call says who calls, and whose every answer is heard for what the coordinator says beside it.
type Service = InterceptedService<Heeding, Bearer>;

/// What became of a submitted plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    pub sweep: SweepId,
    /// False where the sweep existed and is continued.
    pub created: bool,
    pub jobs: u32,
    pub reused: u32,
    /// Of an amended sweep's jobs: those that both plans have, that only the new one has, that only the old one had.
    pub kept: u32,
    pub added: u32,
    pub dropped: u32,
}

/// Which part of the audit log.
#[derive(Debug, Clone, Copy)]
pub struct Events {
    /// `None`: all of it.
    pub of: Option<Target>,
    /// Only what came after this one; 0: the newest `limit`.
    pub after: i64,
    pub limit: u32,
    /// And what is added from now on.
    pub follow: bool,
}

impl Client {
    pub async fn connect(reach: &Reach) -> Outcome<Self> {
        let Reach { link, bearer } = reach;
        let channel = link.connect().await.map_err(|fault| {
            Failure::from(fault).context(format!("cannot reach the coordinator at {}", link.address()))
        })?;
        let heard = Heard::default();
        let channel = Heeding::new(channel, heard.clone());
        let sweeps = SweepsClient::with_interceptor(channel.clone(), bearer.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let access = AccessClient::with_interceptor(channel.clone(), bearer.clone());
        Ok(Self { sweeps, artifacts: ArtifactsClient::with_interceptor(channel, bearer.clone()), access, heard })
    }

    /// Why the coordinator can record nothing, as its newest answer said.
    pub fn halted(&self) -> Option<Halted> {
        self.heard.newest()
    }

    pub async fn submit(&mut self, request: v1::SubmitRequest) -> Outcome<Submitted> {
        let reply = self.sweeps.submit(request).await?.into_inner();
        let v1::SubmitReply { sweep, created, jobs, reused, kept, added, dropped, warning } = reply;
        if !warning.is_empty() {
            output::note(&format!("warning: {warning}"));
        }
        Ok(Submitted { sweep: SweepId(sweep), created, jobs, reused, kept, added, dropped })
    }

    /// The newest sweeps, newest first.
    pub async fn list(&mut self, limit: u32) -> Outcome<Vec<Sweep>> {
        let reply = self.sweeps.list(v1::ListRequest { limit }).await?.into_inner();
        reply.sweeps.into_iter().map(Sweep::try_from).collect()
    }

    pub async fn status(&mut self, sweep: Option<SweepId>) -> Outcome<(Sweep, Vec<Job>)> {
        snapshot(self.sweeps.status(request(sweep)).await?.into_inner())
    }

    /// As [`Client::status`]; of a job's sweep only that job, and with `attempts` those at each job.
    pub async fn look(&mut self, target: Option<Target>, attempts: bool) -> Outcome<(Sweep, Vec<Job>)> {
        let (sweep, job) = target.map_or((0, 0), Target::numbers);
        snapshot(self.sweeps.status(v1::SweepRequest { sweep, job, attempts }).await?.into_inner())
    }

    /// What is meant; the latest sweep where nothing is said.
    pub async fn target(&mut self, named: Option<Target>) -> Outcome<Target> {
        match named {
            Some(target) => Ok(target),
            None => Ok(Target::Sweep(self.status(None).await?.0.id)),
        }
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

    pub async fn agents(&mut self) -> Outcome<Vec<Agent>> {
        let reply = self.sweeps.list_agents(v1::ListRequest { limit: 0 }).await?.into_inner();
        reply.agents.into_iter().map(Agent::try_from).collect()
    }

    pub async fn explain(&mut self, job: JobId) -> Outcome<Explanation> {
        self.sweeps.explain(v1::ExplainRequest { job: job.0 }).await?.into_inner().try_into()
    }

    /// The audit log from `wanted` on, oldest first.
    pub async fn events(&mut self, wanted: Events) -> Outcome<impl Stream<Item = Outcome<Logged>> + Unpin + use<>> {
        let (sweep, job) = wanted.of.map_or((0, 0), Target::numbers);
        let Events { after, limit, follow, .. } = wanted;
        let request = v1::EventsRequest { sweep, job, after, limit, follow };
        let stream = self.sweeps.events(request).await?.into_inner();
        Ok(stream.map(|row| Ok(Logged::from(row?))))
    }

    /// Sends a file, unless the coordinator has it already.
    pub async fn upload(&mut self, path: &Path, hash: &ContentHash) -> Outcome<()> {
        upload::file(&mut self.artifacts, path, hash).await
    }

    /// The bytes of a point's file.
    pub async fn download(&mut self, file: &StoredFile) -> Outcome<Vec<u8>> {
        download::file(&mut self.artifacts, file).await
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
