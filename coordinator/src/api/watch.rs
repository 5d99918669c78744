//! A sweep as it goes on. The first change after a quiet time is told at once; under load changes are gathered, so that a
//! watcher costs a bounded share of the coordinator's time, and a slow reader is told the newest state only.

use std::time::Instant;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::SweepState;
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::watch_event::Body;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Answers, Api, rows, status};
use crate::board::{Heard, News};
use crate::share::Share;
use crate::store::read;

/// Events that may wait for a slow reader; then it is no longer told of each.
const AHEAD: usize = 64;
/// The share of the time that one watcher's answers may take, in the long run.
const SHARE: f64 = 0.1;

pub async fn watch(api: Api, sweep: SweepId) -> Result<Answers<v1::WatchEvent>, Status> {
    // Registered before the snapshot is read, so that nothing falls between.
    let news = News::new(&api.store, &api.board);
    let snapshot = status::snapshot(&api, sweep).await?;
    let (events, stream) = mpsc::channel(AHEAD);
    let stop = api.stop.clone();
    let watcher = Watcher { api, sweep, news, events };
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = watcher.run(snapshot) => {}
        }
    });
    Ok(Box::pin(ReceiverStream::new(stream)))
}

struct Watcher {
    api: Api,
    sweep: SweepId,
    news: News,
    events: mpsc::Sender<Result<v1::WatchEvent, Status>>,
}

/// The reader has gone, or everything was said.
struct Done;

impl Watcher {
    async fn run(mut self, snapshot: v1::StatusReply) {
        let mut result = self.tell_snapshot(snapshot).await;
        let mut share = Share::new(SHARE, Instant::now());
        while result.is_ok() {
            let heard = self.news.of(self.sweep).await;
            let began = Instant::now();
            result = match heard {
                Heard::Jobs(jobs) => self.tell_changes(jobs.into_iter().collect()).await,
                Heard::Everything => self.tell_everything().await,
                Heard::End => return,
            };
            let rest = share.spend(Instant::now(), began.elapsed());
            if !rest.is_zero() {
                tokio::time::sleep(rest).await;
            }
        }
    }

    async fn tell_snapshot(&self, snapshot: v1::StatusReply) -> Result<(), Done> {
        let over = snapshot.sweep.as_ref().is_none_or(is_over);
        self.send(Body::Snapshot(snapshot)).await?;
        if over { Err(Done) } else { Ok(()) }
    }

    async fn tell_everything(&self) -> Result<(), Done> {
        match status::snapshot(&self.api, self.sweep).await {
            Ok(snapshot) => self.tell_snapshot(snapshot).await,
            Err(status) => self.fail(status).await,
        }
    }

    /// The sweep is read before its jobs: when it is over, so are they.
    async fn tell_changes(&self, jobs: Vec<JobId>) -> Result<(), Done> {
        let (sweep, jobs) = match self.read(&jobs).await {
            Ok(Some(read)) => read,
            // An amended plan dropped some of them: whoever watches is to forget those.
            Ok(None) => return self.tell_everything().await,
            Err(status) => return self.fail(status).await,
        };
        for job in jobs {
            self.send(Body::Job(job)).await?;
        }
        let over = is_over(&sweep);
        self.send(Body::Sweep(sweep)).await?;
        if over { Err(Done) } else { Ok(()) }
    }

    /// The sweep with these jobs; `None` where some are no longer its own.
    async fn read(&self, jobs: &[JobId]) -> Result<Option<(v1::SweepSummary, Vec<v1::JobStatus>)>, Status> {
        let sweep = rows::summary(self.api.store.sweep(self.sweep).await?);
        let jobs = read::jobs_by_id(&self.api.store, jobs).await?;
        if jobs.iter().any(|row| row.dropped) {
            return Ok(None);
        }
        Ok(Some((sweep, jobs.into_iter().map(|row| rows::job(&self.api, row)).collect())))
    }

    async fn send(&self, body: Body) -> Result<(), Done> {
        self.events.send(Ok(v1::WatchEvent { body: Some(body) })).await.map_err(|_| Done)
    }

    async fn fail(&self, status: Status) -> Result<(), Done> {
        // The reader may have gone as well.
        let _ = self.events.send(Err(status)).await;
        Err(Done)
    }
}

fn is_over(sweep: &v1::SweepSummary) -> bool {
    sweep.state != SweepState::Active.as_str()
}
